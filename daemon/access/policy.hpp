// Who may call what. Decided in the dispatcher, once per request; denied unless allowed.
#pragma once

#include <array>
#include <set>

#include "daemon/access/peer.hpp"
#include "daemon/config/config.hpp"
#include "protocol/errors.hpp"
#include "protocol/tier.hpp"

namespace capsule {

class Policy {
  public:
    /// Looks the names of [access] up; a number needs no entry. Fails with config.conflict when a user or a group does
    /// not exist, or is the one that unknown ones look like.
    static Result<Policy> make(const AccessConfig& access, uid_t daemon_uid);

    /// The daemon's own user and root always may: both could read the keys anyway.
    bool allows(Tier tier, const Peer& peer) const;
    bool is_owner(const Peer& peer) const noexcept { return peer.uid == 0 || peer.uid == daemon_uid_; }

  private:
    struct Members {
        bool everybody = false;
        std::set<uid_t> users;
        std::set<gid_t> groups;
    };
    static Result<Members> members_of(const char* tier, const std::vector<std::string>& names);

    uid_t daemon_uid_ = 0;
    uid_t overflow_uid_ = 0;
    std::array<Members, 3> tiers_;
};

}  // namespace capsule
