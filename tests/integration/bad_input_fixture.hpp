// A person who mistypes something.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {

using Words = std::vector<std::string>;

class BadInput : public CapsuleTest {
  protected:
    void start_with_names() {
        start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}, {"MINIMAX_API_KEY", std::string(keys::minimax)}},
               .config = "[workspaces.acme.env]\nZAI_API_KEY = \"FAKE-of-acme-00000001\"\n"
                         "[workspaces.acme.roles.reviewer.env]\nZAI_API_KEY = \"\"\n"});
    }
    Program capsuled(Words arguments) const {
        arguments.insert(arguments.begin(), CAPSULED_BINARY);
        return {arguments, base_env()};
    }
};

}  // namespace capsule::test
