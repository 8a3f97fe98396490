#include "daemon/access/policy.hpp"

#include <algorithm>

#include "daemon/config/quotable.hpp"
#include "daemon/users/user_namespace.hpp"
#include "daemon/users/users.hpp"

namespace capsule {
namespace {

Error unknown_name(const std::string& setting, const std::string& kind, const std::string& name) {
    return {ErrorCode::config_conflict, setting + ": there is no " + kind + " " + quote(name),
            "name users, \"@groups\" or \"*\" that exist on this system, or give their numbers"};
}

}  // namespace

Result<Policy::Members> Policy::members_of(const char* tier, const std::vector<std::string>& names) {
    const std::string setting = std::string("[access] ") + tier;
    Members members;
    for (const std::string& name : names) {
        if (name == "*") {
            members.everybody = true;
        } else if (name.starts_with('@')) {
            const auto gid = find_group(name.substr(1));
            if (!gid) return unknown_name(setting, "group", name.substr(1));
            if (auto one = check_is_one_group(setting, name.substr(1), *gid); !one) return one.error();
            members.groups.insert(*gid);
        } else {
            const auto user = find_uid(name);
            if (!user) return unknown_name(setting, "user", name);
            if (auto one = check_is_one_user(setting, name, *user); !one) return one.error();
            members.users.insert(*user);
        }
    }
    return members;
}

Result<Policy> Policy::make(const AccessConfig& access, uid_t daemon_uid) {
    if (auto one = check_own_user(daemon_uid); !one) return one.error();
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

bool Policy::names(uid_t uid) const {
    return std::ranges::any_of(tiers_, [&](const Members& members) { return members.users.contains(uid); });
}

bool Policy::allows(Tier tier, const Peer& peer) const {
    if (peer.uid == daemon_uid_) return tier <= own_user_;
    if (is_owner(peer.uid)) return true;
    if (peer.uid == broker_uid_) return false;
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
