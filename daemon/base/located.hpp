// A setting and where it was said, so that `explain` and every error can point at it.
#pragma once

#include <string>

namespace capsule {

template <class T>
struct Located {
    T value{};
    std::string origin{};  ///< such as "catalog", "capsule.toml:12", "roles/reviewer.toml:3", "request"
};

}  // namespace capsule
