// What update_file() is to do to a file in these tests.
#pragma once

#include <optional>
#include <string>

#include "daemon/write/atomic_file.hpp"

namespace capsule::test {

/// Adds a last line, once.
inline Result<Wanted> with_our_line(const std::optional<std::string>& text) {
    const std::string now = text.value_or("");
    return Wanted{now.find("ours\n") == std::string::npos ? now + "ours\n" : now};
}

}  // namespace capsule::test
