// Whose socket is at the other end of a TCP connection within this machine: the kernel is asked by sock_diag(7).
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <optional>

#include "protocol/unique_fd.hpp"

namespace capsule::broker {

class PeerUid {
  public:
    enum class Known {
        yes,      ///< `uid` made the socket, which is connected and open
        no,       ///< no such socket is here, and its address is not this machine's: that of another network namespace
        refused,  ///< closed already, hidden, or the kernel did not answer: nobody to talk to
    };
    struct Answer {
        Known known = Known::refused;
        std::uint32_t uid = 0;
    };

    /// Opens the netlink sockets. Throws Failure.
    PeerUid();

    /// `peer` and `own` are the two ends of an accepted connection, `accepted` is its descriptor. Takes a fifth of a
    /// millisecond however many sockets there are.
    Answer ask(const sockaddr_in& peer, const sockaddr_in& own, int accepted);

    /// Whether nobody has the other end of that connection any more, of which ask() knew whose it is. What is still on
    /// its way may keep the kernel from saying so by an end to read.
    bool has_gone(int accepted);

    struct Server {
        bool is_open = false;  ///< the connection is; else nothing here is about it
        bool is_here = true;   ///< at an address of this machine's, or nobody says that it is not
        /// Who has taken the connection, and who listens there. Neither alone says whose it is: where the kernel itself
        /// takes one for a user (AF_SMC does), it says root. None: it does not say, or `waits`, or nobody listens.
        std::optional<std::uint32_t> taken_by, listener;
        bool waits = false;     ///< nobody has taken it: that may be another one than who listens
        bool for_data = false;  ///< nor will anybody before something is sent (TCP_DEFER_ACCEPT), or the queue is full
    };
    /// Who is at the other end of a connection that was made from here.
    Server of_server(int connected);
    /// Who listens at that address of this machine's. None: nobody, or the kernel does not say.
    std::optional<std::uint32_t> listener(const sockaddr_storage& server);

  private:
    struct Found;
    struct Ends;
    /// Both in the form in which the kernel finds them. None: it is none.
    static std::optional<Ends> ends_of(int connected);
    /// The socket with `near` as its own end and `far` as the other one; else, one that listens at `near`.
    std::optional<Found> find(const sockaddr_storage& near, const sockaddr_storage& far, bool& answered);

    /// Whether the kernel says that what goes to that address leaves this machine.
    bool is_elsewhere(const sockaddr_storage& other);

    UniqueFd netlink_, routes_;
    std::uint32_t sequence_ = 0;
};

}  // namespace capsule::broker
