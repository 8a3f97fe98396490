#include "daemon/access/quotas.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "daemon/users/users.hpp"

namespace capsule {
namespace {

/// Owners ask for many users at once, and wait for programs (`op`) more often.
constexpr std::size_t more_for_owners = 8;
/// A request that is allowed must fit into its user's memory, with some others beside it.
constexpr std::uint64_t requests_that_fit = 4;

Error overloaded(std::string message, std::string hint) {
    return {ErrorCode::server_overloaded, std::move(message), std::move(hint)};
}

}  // namespace

Standing standing_of(const Policy& policy, const Peer& peer) {
    if (policy.is_owner(peer.uid)) return Standing::owner;
    return policy.allows(Tier::spawn, peer) ? Standing::launcher : Standing::guest;
}

std::uint64_t places_for(Standing standing, std::uint64_t all) {
    switch (standing) {
        case Standing::owner:
            break;
        case Standing::launcher:
            return all - all / 8;
        case Standing::guest:
            return all - all / 4;
    }
    return all;
}

std::size_t requests_in_work(Standing standing, const LimitsConfig& limits) {
    return limits.requests_per_user * (standing == Standing::owner ? more_for_owners : 1);
}

struct Quotas::Counts {
    struct User {
        std::uint64_t connections = 0;
        std::uint64_t bytes = 0;
    };
    std::uint64_t connections = 0;
    std::map<uid_t, User> users;  ///< those with connections
};

Quotas::Quotas() : counts_(std::make_shared<Counts>()) {}

std::uint64_t Quotas::open_connections() const noexcept {
    return counts_->connections;
}

Result<Quotas::Place> Quotas::take_place(const Peer& peer, Standing standing, const LimitsConfig& limits) {
    if (counts_->connections >= places_for(standing, limits.connections))
        return overloaded("there are " + std::to_string(counts_->connections) + " connections already",
                          "close some, or raise [limits] connections");
    const auto found = counts_->users.find(peer.counted_as());
    const std::uint64_t own = found == counts_->users.end() ? 0 : found->second.connections;
    if (standing != Standing::owner && own >= limits.connections_per_user)
        return overloaded(
            "user " + user_name(peer.counted_as()) + " has " + std::to_string(own) + " connections already",
            "close some, or raise [limits] connections_per_user");
    ++counts_->users[peer.counted_as()].connections;
    ++counts_->connections;
    const std::uint64_t most_bytes = standing == Standing::owner
                                         ? std::numeric_limits<std::uint64_t>::max()
                                         : std::max(limits.memory_per_user, requests_that_fit * limits.request_bytes);
    return Place(counts_, peer.counted_as(), most_bytes);
}

Quotas::Place::Place(Place&& other) noexcept
    : counts_(std::move(other.counts_)), uid_(other.uid_), most_bytes_(other.most_bytes_), bytes_(other.bytes_) {
    other.counts_.reset();
}

Quotas::Place::~Place() {
    const auto counts = counts_.lock();
    if (!counts) return;
    --counts->connections;
    const auto user = counts->users.find(uid_);
    user->second.bytes -= bytes_;
    if (--user->second.connections == 0) counts->users.erase(user);
}

Result<void> Quotas::Place::hold(std::size_t bytes) {
    const auto counts = counts_.lock();
    if (!counts) return {};
    std::uint64_t& all = counts->users.at(uid_).bytes;
    all = all - bytes_ + bytes;
    bytes_ = bytes;
    if (all <= most_bytes_) return {};
    return overloaded("the requests and answers of user " + user_name(uid_) + " that wait are over " +
                          std::to_string(most_bytes_) + " bytes",
                      "read the answers, send less at once, or raise [limits] memory_per_user");
}

}  // namespace capsule
