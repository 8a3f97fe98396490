// Who may call what. Decided in the dispatcher, once per request; denied unless allowed.
#pragma once

#include <array>
#include <optional>
#include <set>

#include "daemon/access/peer.hpp"
#include "daemon/config/config.hpp"
#include "protocol/errors.hpp"
#include "protocol/tier.hpp"

namespace capsule {

class Policy {
  public:
    /// Looks the names of [access] up; a number needs no entry. Fails with config.conflict when a user or a group does
    /// not exist, or is the one that unknown ones look like; so where the daemon's own user is that one.
    static Result<Policy> make(const AccessConfig& access, uid_t daemon_uid);

    /// From here on that user may nothing, whatever the lists say of groups and of everybody.
    void give_nothing_to(uid_t broker) { broker_uid_ = broker; }

    /// Root always may. What the daemon's own user may is [access] own_user's to say, and no list's.
    bool allows(Tier tier, const Peer& peer) const;
    /// Whether a list of [access] names that user itself: somebody works as it.
    bool names(uid_t uid) const;
    /// Whoever may do everything without a list that says so.
    bool is_owner(uid_t uid) const noexcept { return uid == daemon_uid_ ? own_user_ == Tier::admin : uid == 0; }

  private:
    struct Members {
        bool everybody = false;
        std::set<uid_t> users;
        std::set<gid_t> groups;
    };
    static Result<Members> members_of(const char* tier, const std::vector<std::string>& names);

    uid_t daemon_uid_ = 0;
    Tier own_user_ = Tier::admin;
    uid_t overflow_uid_ = 0;
    std::optional<uid_t> broker_uid_;
    std::array<Members, 3> tiers_;
};

}  // namespace capsule
