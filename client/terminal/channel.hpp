// What the relay of a session's terminal and the session's leader tell each other, over a socketpair of packets.
#pragma once

#include <optional>

namespace capsule {

struct TerminalMessage {
    enum class Kind {
        ready,           ///< leader: the new terminal is the session's, and its owner's
        failed,          ///< leader: it is not; `value` is errno
        stopped,         ///< leader: the program was stopped; `value` is the signal
        ended,           ///< leader: the program ended; `value` is waitpid's status
        kept,            ///< leader: the program ended, and a process that traces it keeps its status
        hang_up,         ///< relay: close the terminal, which has been closed here
        proceed,         ///< relay: continue the program's group, which was stopped
        signal_program,  ///< relay: send the program the signal `value`
    };
    Kind kind = Kind::ended;
    int value = 0;
};

/// A peer that is gone is no error: receive() tells.
void tell(int channel, TerminalMessage message);

/// The next one, waited for; none when the other end is gone.
std::optional<TerminalMessage> receive(int channel);

}  // namespace capsule
