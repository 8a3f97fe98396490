// What toml++ says of a text that is no TOML, as a person would say it. Pure.
#pragma once

#include <string>
#include <string_view>

namespace capsule {

struct BrokenToml {
    std::string what;
    std::string hint;
};

/// `description` is toml++'s. It quotes what it stumbled over, which may be a key: that is never repeated.
BrokenToml plain_words(std::string_view description);

}  // namespace capsule
