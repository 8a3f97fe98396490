#include "daemon/broker/peer_uid.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "protocol/errors.hpp"

namespace capsule::broker {
namespace {

struct Request {
    nlmsghdr header;
    inet_diag_req_v2 body;
};

void put(const sockaddr_storage& end, __be32 (&address)[4], __be16& port) {
    if (end.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(end);
        std::memcpy(address, &v6.sin6_addr, sizeof v6.sin6_addr);
        port = v6.sin6_port;
    } else {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(end);
        address[0] = v4.sin_addr.s_addr;
        port = v4.sin_port;
    }
}

sockaddr_storage any(const sockaddr_in& end) {
    sockaddr_storage out{};
    std::memcpy(&out, &end, sizeof end);
    return out;
}

/// One of IPv4 that is written as one of IPv6 as itself: the kernel finds no queue of it else.
sockaddr_storage plain(const sockaddr_storage& end) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(end);
    if (end.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return end;
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = v6.sin6_port;
    std::memcpy(&out.sin_addr, v6.sin6_addr.s6_addr + 12, sizeof out.sin_addr);
    return any(out);
}

bool has_same_address(const sockaddr_storage& one, const sockaddr& other) {
    if (one.ss_family != other.sa_family) return false;
    if (one.ss_family == AF_INET6)
        return IN6_ARE_ADDR_EQUAL(&reinterpret_cast<const sockaddr_in6&>(one).sin6_addr,
                                  &reinterpret_cast<const sockaddr_in6&>(other).sin6_addr);
    return reinterpret_cast<const sockaddr_in&>(one).sin_addr.s_addr ==
           reinterpret_cast<const sockaddr_in&>(other).sin_addr.s_addr;
}

/// A server whose socket is bound to a network interface is not found, and is here all the same.
bool is_of_this_machine(const sockaddr_storage& server, const sockaddr_storage& own) {
    // Each of 127.0.0.0/8 is; of ::1, `own` is the same.
    if (has_same_address(server, reinterpret_cast<const sockaddr&>(own))) return true;
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(server);
    if (server.ss_family == AF_INET && ntohl(v4.sin_addr.s_addr) >> 24U == 127) return true;
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return true;
    bool found = false;
    for (const ifaddrs* each = all; each != nullptr && !found; each = each->ifa_next)
        found = each->ifa_addr != nullptr && has_same_address(server, *each->ifa_addr);
    ::freeifaddrs(all);
    return found;
}

bool is_established(int descriptor) {
    tcp_info info{};
    socklen_t size = sizeof info;
    return ::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_ESTABLISHED;
}

}  // namespace

PeerUid::PeerUid() : netlink_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)) {
    // The kernel answers at once; the bound is for a kernel that does not.
    const timeval bound{1, 0};
    if (!netlink_ || ::setsockopt(netlink_.get(), SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound) != 0)
        throw Failure({ErrorCode::io_error,
                       std::string("cannot ask the kernel whose sockets are whose: ") + std::strerror(errno),
                       "capsule-broker needs netlink (sock_diag); a unit must allow AF_NETLINK"});
}

struct PeerUid::Found {
    inet_diag_msg socket{};
    bool is_established() const { return socket.idiag_state == TCP_ESTABLISHED; }
    /// Of a socket that is closed already, and of one that nobody has taken yet, the kernel says inode 0, and uid 0
    /// where it is not a new one (6.18 says the uid of whoever listens).
    bool is_somebodys() const { return socket.idiag_inode != 0; }
};

std::optional<PeerUid::Found> PeerUid::find(const sockaddr_storage& near, const sockaddr_storage& far, bool& answered) {
    answered = false;
    Request request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.header.nlmsg_seq = ++sequence_;
    request.body.sdiag_family = static_cast<std::uint8_t>(near.ss_family);
    request.body.sdiag_protocol = IPPROTO_TCP;
    request.body.idiag_states = ~0U;
    // The loopback's index, which is 1 in every network namespace. Without it the kernel does not find a socket that
    // anybody has bound to that interface (SO_BINDTODEVICE).
    request.body.id.idiag_if = 1;
    put(near, request.body.id.idiag_src, request.body.id.idiag_sport);
    put(far, request.body.id.idiag_dst, request.body.id.idiag_dport);
    request.body.id.idiag_cookie[0] = request.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    if (::send(netlink_.get(), &request, sizeof request, 0) != static_cast<ssize_t>(sizeof request)) return {};

    alignas(nlmsghdr) std::array<char, 4096> answer{};
    for (;;) {
        const ssize_t size = ::recv(netlink_.get(), answer.data(), answer.size(), 0);
        if (size < 0 && errno == EINTR) continue;
        if (size < static_cast<ssize_t>(sizeof(nlmsghdr))) return {};
        nlmsghdr header;
        std::memcpy(&header, answer.data(), sizeof header);
        if (header.nlmsg_seq != sequence_) continue;  // an older question's, answered late
        const char* body = answer.data() + NLMSG_HDRLEN;
        if (header.nlmsg_type == NLMSG_ERROR) {
            nlmsgerr error{};
            std::memcpy(&error, body, sizeof error);
            answered = error.error == -ENOENT;
            return {};
        }
        if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || header.nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg)))
            return {};
        answered = true;
        Found found;
        std::memcpy(&found.socket, body, sizeof found.socket);
        return found;
    }
}

PeerUid::Answer PeerUid::ask(const sockaddr_in& peer, const sockaddr_in& own, int accepted) {
    bool answered = false;
    const auto found = find(any(peer), any(own), answered);
    // A client that has gone closes our end, too: then there is nobody either, not somebody elsewhere.
    if (!found) return {answered && is_established(accepted) ? Known::no : Known::refused, 0};
    if (!found->is_established() || !found->is_somebodys()) return {};
    return {Known::yes, found->socket.idiag_uid};
}

PeerUid::Server PeerUid::of_server(int connected) {
    sockaddr_storage own{}, server{};
    socklen_t own_size = sizeof own, server_size = sizeof server;
    if (::getsockname(connected, reinterpret_cast<sockaddr*>(&own), &own_size) != 0 ||
        ::getpeername(connected, reinterpret_cast<sockaddr*>(&server), &server_size) != 0)
        return {};
    own = plain(own);
    server = plain(server);
    bool answered = false;
    auto found = find(server, own, answered);
    if (!found && answered && !is_of_this_machine(server, own)) return {false, std::nullopt};
    if (found && !found->is_somebodys()) {
        // It waits in a queue. Whoever closes that closes the connection, so the queue's owner will be its.
        sockaddr_storage nobody{};
        nobody.ss_family = server.ss_family;
        found = find(server, nobody, answered);
        if (found && (found->socket.idiag_state != TCP_LISTEN || !found->is_somebodys())) found.reset();
    }
    return {true, found ? std::optional(found->socket.idiag_uid) : std::nullopt};
}

}  // namespace capsule::broker
