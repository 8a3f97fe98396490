#include "daemon/broker/peer_uid.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

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

/// "Where does what goes to that address go?", with the address as its one attribute.
struct RouteRequest {
    nlmsghdr header;
    rtmsg body;
    rtattr name;
    std::array<char, sizeof(in6_addr)> address;
};

RouteRequest route_to(const sockaddr_storage& server) {
    const bool v6 = server.ss_family == AF_INET6;
    const std::size_t size = v6 ? sizeof(in6_addr) : sizeof(in_addr);
    RouteRequest out{};
    out.header.nlmsg_len = static_cast<std::uint32_t>(offsetof(RouteRequest, address) + size);
    out.header.nlmsg_type = RTM_GETROUTE;
    out.header.nlmsg_flags = NLM_F_REQUEST;
    out.body.rtm_family = static_cast<std::uint8_t>(server.ss_family);
    out.body.rtm_dst_len = static_cast<std::uint8_t>(size * 8);
    out.name.rta_type = RTA_DST;
    out.name.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
    std::memcpy(out.address.data(),
                v6 ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(server).sin6_addr)
                   : &reinterpret_cast<const sockaddr_in&>(server).sin_addr,
                size);
    return out;
}

UniqueFd netlink(int protocol) {
    UniqueFd out(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    // The kernel answers at once; the bound is for a kernel that does not.
    const timeval bound{1, 0};
    if (out && ::setsockopt(out.get(), SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound) == 0) return out;
    throw Failure({ErrorCode::io_error,
                   std::string("cannot ask the kernel whose sockets are whose: ") + std::strerror(errno),
                   "capsule-broker needs netlink (sock_diag, rtnetlink); a unit must allow AF_NETLINK"});
}

/// The kernel's answer to the question of that number. None: it gives none.
std::optional<std::string_view> receive(int netlink, std::uint32_t sequence, std::span<char> room) {
    for (;;) {
        const ssize_t size = ::recv(netlink, room.data(), room.size(), 0);
        if (size < 0 && errno == EINTR) continue;
        if (size < static_cast<ssize_t>(sizeof(nlmsghdr))) return std::nullopt;
        nlmsghdr header;
        std::memcpy(&header, room.data(), sizeof header);
        if (header.nlmsg_seq != sequence) continue;  // an older question's, answered late
        return std::string_view(room.data(), std::min<std::size_t>(static_cast<std::size_t>(size), header.nlmsg_len));
    }
}

template <class Body>
std::optional<Body> body_of(std::string_view message) {
    Body out{};
    if (message.size() < NLMSG_LENGTH(sizeof out)) return std::nullopt;
    std::memcpy(&out, message.data() + NLMSG_HDRLEN, sizeof out);
    return out;
}

std::uint16_t type_of(std::string_view message) {
    nlmsghdr header;
    std::memcpy(&header, message.data(), sizeof header);
    return header.nlmsg_type;
}

/// While it is, nobody else can have its two addresses and ports: what the kernel has said before of the other end was
/// said of this connection. Those of one that is closed may be another user's at once.
bool is_still_established(int descriptor) {
    tcp_info info{};
    socklen_t size = sizeof info;
    return ::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_ESTABLISHED;
}

}  // namespace

PeerUid::PeerUid() : netlink_(netlink(NETLINK_SOCK_DIAG)), routes_(netlink(NETLINK_ROUTE)) {}

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

    alignas(nlmsghdr) std::array<char, 4096> room{};
    const auto answer = receive(netlink_.get(), sequence_, room);
    if (!answer) return {};
    if (type_of(*answer) == NLMSG_ERROR) {
        const auto error = body_of<nlmsgerr>(*answer);
        answered = error && error->error == -ENOENT;
        return {};
    }
    const auto socket = body_of<inet_diag_msg>(*answer);
    if (type_of(*answer) != SOCK_DIAG_BY_FAMILY || !socket) return {};
    answered = true;
    return Found{*socket};
}

/// A socket that is bound to a network interface is not found, and is here all the same. Not by getifaddrs():
/// that waits for a lock of the kernel's (RTNL) that any user can hold for long. Nor by bind(), to which each address
/// is this machine's own where net.ipv4.ip_nonlocal_bind says so.
bool PeerUid::is_elsewhere(const sockaddr_storage& other) {
    RouteRequest request = route_to(other);
    request.header.nlmsg_seq = ++sequence_;
    if (::send(routes_.get(), &request, request.header.nlmsg_len, 0) != request.header.nlmsg_len) return false;
    alignas(nlmsghdr) std::array<char, 4096> room{};
    const auto answer = receive(routes_.get(), sequence_, room);
    const auto route = answer ? body_of<rtmsg>(*answer) : std::nullopt;
    return route && type_of(*answer) == RTM_NEWROUTE && route->rtm_type == RTN_UNICAST;
}

PeerUid::Answer PeerUid::ask(const sockaddr_in& peer, const sockaddr_in& own, int accepted) {
    // The question takes longer than all else about a connection, and whoever breaks connections off can send
    // thousands.
    if (!is_still_established(accepted)) return {};
    bool answered = false;
    const auto found = find(any(peer), any(own), answered);
    // Nor one that has gone meanwhile: what it has sent can be read all the same, and the socket that was found is then
    // another client's, who has its port now.
    if (!answered || !is_still_established(accepted)) return {};
    // Nobody is elsewhere who has an address of this machine's: any user hides a connected socket by binding it to
    // another interface.
    if (!found) return {is_elsewhere(any(peer)) ? Known::no : Known::refused, 0};
    if (!found->is_established() || !found->is_somebodys()) return {};
    return {Known::yes, found->socket.idiag_uid};
}

struct PeerUid::Ends {
    sockaddr_storage own{}, other{};
};

std::optional<PeerUid::Ends> PeerUid::ends_of(int connected) {
    Ends out;
    socklen_t own_size = sizeof out.own, other_size = sizeof out.other;
    if (::getsockname(connected, reinterpret_cast<sockaddr*>(&out.own), &own_size) != 0 ||
        ::getpeername(connected, reinterpret_cast<sockaddr*>(&out.other), &other_size) != 0)
        return std::nullopt;
    return Ends{plain(out.own), plain(out.other)};
}

bool PeerUid::has_gone(int accepted) {
    const auto ends = ends_of(accepted);
    if (!ends) return true;
    bool answered = false;
    const auto found = find(ends->other, ends->own, answered);
    return answered && (!found || !found->is_somebodys() || found->socket.idiag_state == TCP_LISTEN);
}

PeerUid::Server PeerUid::of_server(int connected) {
    const auto ends = ends_of(connected);
    if (!ends) return {};
    const sockaddr_storage &own = ends->own, &server = ends->other;
    bool answered = false;
    auto found = find(server, own, answered);
    Server out;
    if (!found && answered && is_elsewhere(server)) out.is_here = false;
    if (found && !found->is_somebodys()) {
        // It waits in a queue, or is closed. Who listens says whether it is worth waiting for who takes it.
        out.for_data = found->socket.idiag_state == TCP_SYN_RECV;
        out.waits = out.for_data || found->is_established();
        found.reset();
    }
    if (found) out.taken_by = found->socket.idiag_uid;
    if (out.is_here) out.listener = listener(server);
    out.is_open = is_still_established(connected);
    return out;
}

std::optional<std::uint32_t> PeerUid::listener(const sockaddr_storage& server) {
    const sockaddr_storage here = plain(server);
    sockaddr_storage nobody{};
    nobody.ss_family = here.ss_family;
    bool answered = false;
    const auto found = find(here, nobody, answered);
    if (!found || found->socket.idiag_state != TCP_LISTEN || !found->is_somebodys()) return std::nullopt;
    return found->socket.idiag_uid;
}

}  // namespace capsule::broker
