// One session: what is kept of it, and what it did.
#pragma once

#include <boost/describe/class.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "daemon/broker/control.hpp"
#include "daemon/sessions/known_limits.hpp"
#include "daemon/sessions/process_life.hpp"
#include "protocol/common_messages.hpp"
#include "protocol/session_messages.hpp"
#include "protocol/usage_messages.hpp"

namespace capsule {

/// With what a session ends besides sessions.end; as on the wire.
namespace ends_with {
inline constexpr std::string_view caller = "caller";
inline constexpr std::string_view connection = "connection";
}  // namespace ends_with

/// What a session's agent has; as on the wire.
namespace session_keys {
inline constexpr std::string_view env = "env";
inline constexpr std::string_view broker = "broker";
inline constexpr std::string_view home = "home";
}  // namespace session_keys

/// What is kept of a session, in memory and (where it has a token) on disk. No token and no key is in it.
struct SessionRecord {
    std::string id;
    std::string agent;
    std::string provider;
    std::string label;  ///< the provider's
    std::optional<std::string> model;
    std::string user;
    std::uint32_t uid = 0;
    std::optional<std::uint32_t> asked_by;     ///< the uid of who asked for it; none: an older daemon has kept it
    std::optional<std::uint32_t> asked_there;  ///< for whom, where that is another capsuled: SessionOwner::asked_by
    std::string keys;
    std::string started_at;  ///< RFC 3339, UTC
    std::optional<std::string> ends_with;
    // The process that asked for it; none: it was not to be known, or does not matter.
    std::optional<std::int64_t> pid;
    std::optional<std::uint64_t> pid_started;  ///< 0: pid_inode tells
    std::optional<std::uint64_t> pid_inode;
    // Why it is what it is. What an older daemon has kept has none of the optional ones.
    std::optional<Because> because;
    std::string base_url;  ///< the provider's own; empty: the agent's own choice
    std::optional<std::string> key_source;
    std::optional<SessionSettings> settings;
    // Of a session with a token:
    std::string token_sha256;
    std::string surface;       ///< as in broker/control.hpp
    std::string key_variable;  ///< with these three the key is found again
    std::optional<std::string> workspace;
    std::optional<std::string> role;
    /// Where its key was found when it began: role, workspace, global, container. None: an older daemon kept it.
    std::optional<std::string> key_scope;
    // In its place an older daemon kept which of the two names its configuration had. The first key that is found
    // while both are still known says where it is from.
    std::optional<std::string> known_workspace;
    std::optional<std::string> known_role;
    std::optional<std::string> remote_url;  ///< of the broker of another capsuled, whose keys these are; none: its own
    std::optional<std::string> remote_provider_url;  ///< the provider's own, as that one has it
    std::optional<std::int64_t> used_s;  ///< when it was used last, in seconds of BootClock; not always up to date

    bool asked_anew = false;  ///< whoever has the token asks for it again: not kept on disk

    bool brokered() const { return keys == session_keys::broker; }
    std::uint32_t asker() const { return asked_by.value_or(uid); }
};
BOOST_DESCRIBE_STRUCT(SessionRecord, (),
                      (id, agent, provider, label, model, user, uid, asked_by, asked_there, keys, started_at, ends_with,
                       pid, pid_started, pid_inode, because, base_url, key_source, settings, token_sha256, surface,
                       key_variable, workspace, role, key_scope, known_workspace, known_role, remote_url,
                       remote_provider_url, used_s))

/// What a session did, as it is kept on disk.
struct KeptCounts {
    SessionRequests requests;
    SessionTokens tokens;
    std::vector<SessionModel> models;
    std::optional<SessionAnswer> last;
    std::optional<SessionLimit> limit;
    std::optional<std::int64_t> limited_s;  ///< since when, in seconds of BootClock
    std::uint64_t streams = 0;
    std::optional<std::string> active_at;
};
BOOST_DESCRIBE_STRUCT(KeptCounts, (), (requests, tokens, models, last, limit, limited_s, streams, active_at))

/// What a session did, added up from what the broker told.
struct SessionCounts {
    SessionCounts() = default;
    /// Of before: what was under way then has been cut.
    SessionCounts(KeptCounts kept, BootClock::time_point now);
    KeptCounts kept(BootClock::time_point now) const;

    SessionRequests requests;
    SessionTokens tokens;
    std::vector<SessionModel> models;
    std::optional<SessionAnswer> last;
    CurrentLimit limit;
    std::uint64_t streams = 0;
    std::optional<std::string> active_at;  ///< RFC 3339, UTC

    /// What the broker has told just now, but for its verdicts.
    void add(const broker::Traffic& traffic, UtcTime wall = wall_now());
};

/// Whether another model answered than was asked.
bool is_other_model(const SessionModel& model);
bool has_other_model(const SessionCounts& counts);

/// A session has up to 1 KiB of models' names. The first other one is enough to tell that there is one.
enum class ShownModels { all, first_other };

/// The row of sessions.list. `ended`: why, of one that has ended.
SessionRow session_row(const SessionRecord& record, const SessionCounts& counts,
                       const std::optional<std::string>& ended, BootClock::time_point now = BootClock::now(),
                       ShownModels models = ShownModels::all);

}  // namespace capsule
