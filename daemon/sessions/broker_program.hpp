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

/// A socket on 127.0.0.1, literally.
struct LoopbackSocket {
    UniqueFd descriptor;
    std::uint16_t port = 0;
};

/// `port` 0 is the kernel's choice. `kept`: beside what hold_port() made, and fails where another socket of this user
/// listens. `maker`: whose the socket is for the kernel (a daemon that is root says so); none: the daemon's. Fails with
/// io.error where the port cannot be had.
Result<LoopbackSocket> listen_on_loopback(std::uint16_t port, bool kept, const std::optional<uid_t>& maker);

/// A socket that has the port (0: the kernel's choice) without listening: while anything has it open, the kernel gives
/// the port to no socket of another maker's, and to listen_on_loopback() where that is told of it. Fails with io.error.
Result<LoopbackSocket> hold_port(std::uint16_t port, const std::optional<uid_t>& maker);

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
/// stdin and stdout, and the daemon's stderr. `authorities` (PEM) is what it reads from descriptor 5; null: it trusts
/// the system's. Fails with io.error.
Result<RunningBroker> start_broker(const std::string& program, int listener, const std::string* authorities,
                                   const std::optional<BrokerIdentity>& identity);

/// Starts what only says (control.hpp: failed) what is wrong with these authorities, and ends. Fails with io.error.
Result<RunningBroker> start_authorities_check(const std::string& program, const std::string& authorities,
                                              const std::optional<BrokerIdentity>& identity);

/// Starts what only holds a port: with `held` as descriptor 3, and without stderr. It ends when a byte comes, and some
/// minutes after the other end of the socket pair is closed. Fails with io.error.
Result<RunningBroker> start_port_holder(const std::string& program, int held,
                                        const std::optional<BrokerIdentity>& identity);

}  // namespace capsule
