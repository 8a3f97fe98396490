// A result that holds until something changes, and what is needed to give it again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace capsule {

struct Lasting {
    std::uint64_t revision = 0;  ///< of Services::changes when the work began: at another one the result is of no use

    std::string log_fields{};  ///< of the session that is spawned, see session_fields()
    bool counters = false;     ///< it is status' result: its counters are filled in anew
};

/// What a handler gives whose result may be given again.
template <class T>
struct MayLast {
    T result;
    std::optional<Lasting> lasting{};  ///< none: the same request is to be worked out anew
};

}  // namespace capsule
