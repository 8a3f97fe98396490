#include "daemon/broker/peer_uid.hpp"

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

PeerUid::Answer PeerUid::ask(const sockaddr_in& peer, const sockaddr_in& own, int accepted) {
    Request request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.header.nlmsg_seq = ++sequence_;
    request.body.sdiag_family = AF_INET;
    request.body.sdiag_protocol = IPPROTO_TCP;
    request.body.idiag_states = ~0U;
    request.body.id.idiag_sport = peer.sin_port;
    request.body.id.idiag_dport = own.sin_port;
    request.body.id.idiag_src[0] = peer.sin_addr.s_addr;
    request.body.id.idiag_dst[0] = own.sin_addr.s_addr;
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
            // A client that has gone closes our end, too: then there is nobody either, not somebody elsewhere.
            return {error.error == -ENOENT && is_established(accepted) ? Known::no : Known::refused, 0};
        }
        if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || header.nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg)))
            return {};
        inet_diag_msg found{};
        std::memcpy(&found, body, sizeof found);
        // Of a socket that is closed already the kernel says uid 0 and inode 0.
        if (found.idiag_state != TCP_ESTABLISHED || found.idiag_inode == 0) return {};
        return {Known::yes, found.idiag_uid};
    }
}

}  // namespace capsule::broker
