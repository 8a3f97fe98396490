#include "daemon/broker/upstream_owner.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace capsule::broker {
namespace {

/// Gives what is wrong with that user's server on this machine; none: it may have the key.
std::optional<std::string> wrong_user(const Configure& limits, const Uid& uid) {
    const auto& others = limits.upstream_uids;
    if (uid && others && std::ranges::find(*others, *uid) != others->end()) return std::nullopt;
    const bool is_agents = uid && uid == limits.agents_uid;
    if (!is_agents && (uid == 0U || uid == ::geteuid())) return std::nullopt;
    return (uid ? "uid " + std::to_string(*uid) : std::string("an unknown user")) + " listens there" +
           (is_agents ? ". Agents may run as that user ([access] own_user), so it may be an agent, and no key was sent"
                      : ", and no key is sent to just any user's port") +
           "; if that is right, name the user in [broker] upstream_users";
}

}  // namespace

std::optional<std::string> wrong_owner(WayOut way, const PeerUid::Server& server) {
    if (!server.is_open) return "it closed the connection";
    if (!server.is_here) return std::nullopt;
    auto wrong = server.waits ? std::nullopt : wrong_user(way.limits, server.taken_by);
    return wrong ? wrong : wrong_user(way.limits, server.listener);
}

void right_ones_first(std::vector<Address>& places, WayOut way) {
    if (places.size() < 2) return;
    std::ranges::stable_partition(places, [&](const Address& place) {
        if (!is_loopback_address(place.text())) return false;
        sockaddr_storage there{};
        std::memcpy(&there, &place.any, place.size);
        return !wrong_user(way.limits, way.peers.listener(there));
    });
}

}  // namespace capsule::broker
