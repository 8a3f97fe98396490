// Asks what anybody may ask.
#pragma once

#include <string>
#include <vector>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {

class Status : public CapsuleTest {
  protected:
    static std::vector<std::string> ids(const json::value& items) {
        std::vector<std::string> out;
        for (const json::value& item : items.as_array())
            out.push_back(text_at(item, "/id"));
        return out;
    }
};

}  // namespace capsule::test
