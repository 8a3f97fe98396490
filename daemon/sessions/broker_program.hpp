// capsule-broker as a program: where it is, its listening socket, and how it is started.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/errors.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {

/// Beside this program, or in the libexec directory of where it is installed. Fails with io.error where it is in
/// neither, or where somebody else than root and the daemon's user could put another program in its place.
Result<std::string> broker_program();

/// A listening socket on 127.0.0.1, literally: `port` 0 is the kernel's choice. Fails with io.error; `taken` tells
/// that another socket has the port.
struct LoopbackSocket {
    UniqueFd descriptor;
    std::uint16_t port = 0;
};
Result<LoopbackSocket> listen_on_loopback(std::uint16_t port, bool& taken);

/// Whom a daemon that is root runs the broker as.
struct BrokerIdentity {
    uid_t uid = 0;
    gid_t gid = 0;
};

struct RunningBroker {
    pid_t pid = 0;
    UniqueFd control;  ///< the daemon's end of the socket pair; closed, the broker ends
};

/// Starts it with `listener` as descriptor 3 and its end of the socket pair as 4, an empty environment, nothing on
/// stdin and stdout, and the daemon's stderr. Fails with io.error.
Result<RunningBroker> start_broker(const std::string& program, int listener,
                                   const std::optional<BrokerIdentity>& identity);

}  // namespace capsule
