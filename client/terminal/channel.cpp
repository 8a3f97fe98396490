#include "client/terminal/channel.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace capsule {

void tell(int channel, TerminalMessage message) {
    while (::send(channel, &message, sizeof message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

std::optional<TerminalMessage> receive(int channel) {
    TerminalMessage message;
    ssize_t count = 0;
    do
        count = ::recv(channel, &message, sizeof message, 0);
    while (count < 0 && errno == EINTR);
    if (count != static_cast<ssize_t>(sizeof message)) return std::nullopt;
    return message;
}

}  // namespace capsule
