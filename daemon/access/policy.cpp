#include "daemon/access/policy.hpp"

#include <algorithm>

#include "daemon/users/users.hpp"

namespace capsule {
namespace {

Error unknown_name(const char* tier, const std::string& kind, const std::string& name) {
    return {ErrorCode::config_conflict, std::string("[access] ") + tier + ": there is no " + kind + " \"" + name + "\"",
            "name users, \"@groups\" or \"*\" that exist on this system"};
}

}  // namespace

Result<Policy::Members> Policy::members_of(const char* tier, const std::vector<std::string>& names) {
    Members members;
    for (const std::string& name : names) {
        if (name == "*") {
            members.everybody = true;
        } else if (name.starts_with('@')) {
            const auto gid = find_group(name.substr(1));
            if (!gid) return unknown_name(tier, "group", name.substr(1));
            members.groups.insert(*gid);
        } else {
            const auto user = find_user(name);
            if (!user) return unknown_name(tier, "user", name);
            members.users.insert(user->user.uid);
        }
    }
    return members;
}

Result<Policy> Policy::make(const AccessConfig& access, uid_t daemon_uid) {
    Policy policy;
    policy.daemon_uid_ = daemon_uid;
    const std::array<std::pair<const char*, const std::vector<std::string>*>, 3> tiers{
        {{"status", &access.status}, {"spawn", &access.spawn}, {"admin", &access.admin}}};
    for (std::size_t i = 0; i < tiers.size(); ++i) {
        auto members = members_of(tiers[i].first, *tiers[i].second);
        if (!members) return members.error();
        policy.tiers_[i] = std::move(*members);
    }
    return policy;
}

bool Policy::allows(Tier tier, const Peer& peer) const {
    if (is_owner(peer)) return true;
    // A higher tier includes the lower ones.
    for (auto i = static_cast<std::size_t>(tier); i < tiers_.size(); ++i) {
        const Members& members = tiers_[i];
        const auto in_group = [&](gid_t gid) { return members.groups.contains(gid); };
        if (members.everybody || members.users.contains(peer.uid) || in_group(peer.gid) ||
            std::any_of(peer.groups.begin(), peer.groups.end(), in_group))
            return true;
    }
    return false;
}

}  // namespace capsule
