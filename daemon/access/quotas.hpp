// How much of the daemon one user may have at a time, so that nobody can take it from the others.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "daemon/access/peer.hpp"
#include "daemon/access/policy.hpp"
#include "daemon/config/config.hpp"
#include "protocol/errors.hpp"

namespace capsule {

/// What a peer's user is to the daemon.
enum class Standing {
    owner,     ///< root, or the daemon's own user: every place, no quota
    launcher,  ///< may spawn
    guest,     ///< may ask for status at most
};

Standing standing_of(const Policy& policy, const Peer& peer);

/// How many of `all` connections they may have together: guests leave a quarter to others, launchers an eighth.
std::uint64_t places_for(Standing standing, std::uint64_t all);

/// How many requests of that user are in work at a time; the rest wait in line.
std::size_t requests_in_work(Standing standing, const LimitsConfig& limits);

class Quotas {
  private:
    struct Counts;

  public:
    /// One connection's place. It is given back when the object goes, and what the connection holds with it.
    class Place {
      public:
        Place(Place&& other) noexcept;
        Place& operator=(Place&&) = delete;
        ~Place();

        /// The connection now holds `bytes` of unread requests and unsent answers. Fails with server.overloaded when
        /// all connections of its user together hold more than [limits] memory_per_user.
        Result<void> hold(std::size_t bytes);

      private:
        friend class Quotas;
        Place(std::weak_ptr<Counts> counts, uid_t uid, std::uint64_t most_bytes)
            : counts_(std::move(counts)), uid_(uid), most_bytes_(most_bytes) {}

        std::weak_ptr<Counts> counts_;  ///< a coroutine that holds a place may outlive the quotas, at the daemon's end
        uid_t uid_;
        std::uint64_t most_bytes_;
        std::size_t bytes_ = 0;
    };

    Quotas();

    /// Fails with server.overloaded when the user has [limits] connections_per_user already, or when all places are
    /// taken that somebody of that standing may have.
    Result<Place> take_place(const Peer& peer, Standing standing, const LimitsConfig& limits);

    std::uint64_t open_connections() const noexcept;

  private:
    std::shared_ptr<Counts> counts_;
};

}  // namespace capsule
