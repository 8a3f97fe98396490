// The sessions with a token, in the state directory: one file for each, 0600, so that a session's beginning and its end
// cost the same however many there are. And the port, which sessions have in their environment.
// After a start of the machine there is no session any more, and the files of an earlier one are thrown away.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/state_directory.hpp"
#include "daemon/sessions/session.hpp"
#include "protocol/errors.hpp"

namespace capsule {

/// One file's content.
struct KeptSession {
    std::string boot;  ///< boot_id() when it was written
    SessionRecord session;
    std::optional<KeptCounts> counts;  ///< none: it had just begun, or an older daemon wrote it
};
BOOST_DESCRIBE_STRUCT(KeptSession, (), (boot, session, counts))

/// The broker's port, and the process that holds it while the daemon is not there; none: nothing needs to.
struct KeptPort {
    std::uint16_t port = 0;
    std::optional<ProcessIdentity> holder{};
    std::optional<uid_t> maker{};  ///< listen_on_loopback(); none: an older version's, so the daemon's
};

class SessionFiles {
  public:
    /// Nowhere to keep them: sessions end with the daemon.
    SessionFiles() = default;

    /// Nothing is read or made yet.
    explicit SessionFiles(std::shared_ptr<StateDirectory> state)
        : state_(std::move(state)), directory_(state_->path().empty() ? "" : state_->path() + "/sessions") {}

    /// Those that the daemon left when it ended. What cannot be read is left out, removed, and named in `problems`.
    std::vector<KeptSession> load(std::vector<std::string>& problems) const;

    /// Fails with io.error.
    Result<void> keep(const SessionRecord& record, std::optional<KeptCounts> counts = {}) const;
    /// Nothing where there is none.
    Result<void> forget(const std::string& id) const;

    /// Whether a session could be kept now: writes as much as one has, and removes it. Fails with io.error.
    Result<void> check() const;
    /// What can be known of that without a change. Fails with io.error.
    Result<void> foresee() const;

    /// Whether keep_that_it_granted() was called since the machine started, by an earlier daemon, too.
    bool has_granted() const;
    /// That another capsuled has had sessions here. Fails with io.error.
    Result<void> keep_that_it_granted() const;

    /// That of the last time; none: not known.
    std::optional<KeptPort> port() const;
    /// Fails with io.error.
    Result<void> keep_port(const KeptPort& kept) const;

  private:
    Result<void> put(const std::string& name, const std::string& text) const;
    Result<void> remove(const std::string& name) const;

    std::shared_ptr<StateDirectory> state_;
    std::string directory_;
};

}  // namespace capsule
