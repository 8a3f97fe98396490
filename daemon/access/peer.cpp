#include "daemon/access/peer.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "daemon/users/subordinate.hpp"

namespace capsule {

Result<Peer> peer_of(int socket) {
    const auto failed = [] {
        return Error{ErrorCode::io_error, "cannot tell who connected: " + std::generic_category().message(errno),
                     "connect again"};
    };
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return failed();
    Peer peer{credentials.pid, credentials.uid, credentials.gid, std::vector<gid_t>(64)};
    size = static_cast<socklen_t>(peer.groups.size() * sizeof(gid_t));
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &size) != 0) {
        if (errno != ERANGE) return failed();
        // `size` now says how much it takes.
        peer.groups.resize(size / sizeof(gid_t));
        if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &size) != 0) return failed();
    }
    peer.groups.resize(size / sizeof(gid_t));
    peer.counted = counted_as(peer.uid);
    return peer;
}

}  // namespace capsule
