// The signal that ends a call in which a thread waits for somebody else.
#pragma once

#include <signal.h>

namespace capsule {

inline int interrupting_signal() {
    return SIGRTMIN;
}

/// Without SA_RESTART, so that the call that the signal meets fails with EINTR. Of the whole process; again does no
/// harm.
inline void prepare_interruptions() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(interrupting_signal(), &action, nullptr);
}

}  // namespace capsule
