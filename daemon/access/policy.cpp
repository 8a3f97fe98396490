#include "daemon/access/policy.hpp"

#include <algorithm>

#include "daemon/users/users.hpp"

namespace capsule {
namespace {

Error unknown_name(const char* tier, const std::string& kind, const std::string& name) {
    return {ErrorCode::config_conflict, std::string("[access] ") + tier + ": there is no " + kind + " \"" + name + "\"",
            "name users, \"@groups\" or \"*\" that exist on this system, or give their numbers"};
}

Error may_be_anybody(const char* tier, const std::string& kind, const std::string& name, std::uint32_t id) {
    return {ErrorCode::config_conflict,
            std::string("[access] ") + tier + ": every " + kind + " that this system does not know looks like \"" +
                name + "\" (" + std::to_string(id) + ")",
            "name a " + kind + " of its own; a container's users may look like this one from outside"};
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
            if (*gid == overflow_gid()) return may_be_anybody(tier, "group", name.substr(1), *gid);
            members.groups.insert(*gid);
        } else {
            const auto user = find_uid(name);
            if (!user) return unknown_name(tier, "user", name);
            if (*user == overflow_uid()) return may_be_anybody(tier, "user", name, *user);
            members.users.insert(*user);
        }
    }
    return members;
}

Result<Policy> Policy::make(const AccessConfig& access, uid_t daemon_uid) {
    Policy policy;
    policy.daemon_uid_ = daemon_uid;
    policy.own_user_ = access.own_user;
    policy.overflow_uid_ = overflow_uid();
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
    if (peer.uid == daemon_uid_) return tier <= own_user_;
    if (is_owner(peer.uid)) return true;
    // A higher tier includes the lower ones.
    for (auto i = static_cast<std::size_t>(tier); i < tiers_.size(); ++i) {
        const Members& members = tiers_[i];
        const auto in_group = [&](gid_t gid) { return members.groups.contains(gid); };
        if (members.everybody) return true;
        // Whoever looks like this may be anybody, whatever groups the connection has.
        if (peer.uid == overflow_uid_) continue;
        if (members.users.contains(peer.uid) || in_group(peer.gid) ||
            std::any_of(peer.groups.begin(), peer.groups.end(), in_group))
            return true;
    }
    return false;
}

}  // namespace capsule
