// What asking a person comes to.
#pragma once

#include <variant>

#include "protocol/errors.hpp"

namespace capsule {

struct Cancelled {};  ///< the user pressed Ctrl-C or, where it means that, Escape

template <class T>
using PersonsAnswer = std::variant<T, Cancelled, Error>;

}  // namespace capsule
