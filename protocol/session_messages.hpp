// sessions.list, sessions.end, grant.
#pragma once

#include <boost/describe/class.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/common_messages.hpp"
#include "protocol/usage_messages.hpp"

namespace capsule {

struct SessionsListParams {
    std::optional<bool> all;                      ///< with those that ended within the last day
    std::optional<std::vector<std::string>> ids;  ///< of these alone
    std::optional<bool> brief;                    ///< of the models only the first that another one answered for
};
BOOST_DESCRIBE_STRUCT(SessionsListParams, (), (all, ids, brief))

struct SessionsEndParams {
    std::string id;
};
BOOST_DESCRIBE_STRUCT(SessionsEndParams, (), (id))

struct SessionRequests {
    std::uint64_t total = 0;   ///< those under way among them
    std::uint64_t failed = 0;  ///< answered with status 400 or higher or with an error in a 200, or cut
};
BOOST_DESCRIBE_STRUCT(SessionRequests, (), (total, failed))

struct SessionTokens {
    std::uint64_t input = 0;  ///< cached ones among them
    std::uint64_t output = 0;
    std::uint64_t cached = 0;
};
BOOST_DESCRIBE_STRUCT(SessionTokens, (), (input, output, cached))

struct SessionModel {
    std::string asked;
    std::string answered;  ///< empty: the answers did not say
    std::uint64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(SessionModel, (), (asked, answered, count))

struct SessionAnswer {
    std::string at;  ///< RFC 3339, UTC
    int status = 0;
    std::optional<std::string> message;  ///< the provider's own, of an error
};
BOOST_DESCRIBE_STRUCT(SessionAnswer, (), (at, status, message))

/// What settings files around a session's directory had that would have made it another one; explain lists them.
struct SessionSettings {
    std::uint64_t held = 0;      ///< without effect
    std::uint64_t not_held = 0;  ///< these have their effect
};
BOOST_DESCRIBE_STRUCT(SessionSettings, (), (held, not_held))

struct SessionRow {
    std::string id;
    std::string agent;
    std::string provider;
    std::string label;  ///< the provider's
    std::optional<std::string> model;
    std::string user;
    std::string keys;                      ///< env, broker, home
    std::optional<std::string> ends_with;  ///< caller, connection
    std::string started_at;                ///< RFC 3339, UTC
    std::optional<std::int64_t> pid;       ///< of the process that it ends with
    std::string state;                     ///< live, ended
    std::optional<std::string> ended;      ///< why, of one that has ended
    std::optional<Because> because;        ///< this and the next four: as in SpawnResult
    std::optional<std::string> base_url;
    std::optional<std::string> key_source;
    std::optional<std::string> workspace;
    std::optional<std::string> role;
    std::optional<SessionSettings> settings;  ///< null: no directory was named, so none were looked at
    // Only with a token: of other sessions nobody sees the requests.
    SessionRequests requests;
    std::uint64_t streams = 0;             ///< of the requests, those under way
    std::optional<std::string> active_at;  ///< RFC 3339, UTC: when a request of it last began or ended, or told tokens
    SessionTokens tokens;
    std::vector<SessionModel> models;
    std::optional<SessionAnswer> last;
    std::optional<SessionLimit> limit;  ///< null: the last answer was fine
};
BOOST_DESCRIBE_STRUCT(SessionRow, (),
                      (id, agent, provider, label, model, user, keys, ends_with, started_at, pid, state, ended, because,
                       base_url, key_source, workspace, role, settings, requests, streams, active_at, tokens, models,
                       last, limit))

/// Of the sessions that ended within the last day, so many are listed: the last ones.
inline constexpr std::size_t most_ended_sessions = 1000;

struct SessionsListResult {
    std::vector<SessionRow> sessions;  ///< the oldest first
};
BOOST_DESCRIBE_STRUCT(SessionsListResult, (), (sessions))

struct GrantParams {
    std::string agent;
    std::optional<std::string> provider;
    std::optional<std::string> model;
    std::optional<std::string> workspace;
    std::optional<std::string> role;
    std::optional<std::string> ends_with;
    std::optional<std::uint32_t> uid;         ///< whose processes may use the token; none: the session's user here
    std::optional<std::uint32_t> asked_by;    ///< for whom the caller asks; each has sessions_per_user
    std::optional<std::string> token_sha256;  ///< of a token that the caller made: 64 hexadecimal digits in lower case
    // As the first result of a session that has begun had them:
    std::optional<std::string> key_scope;     ///< from no wider one may its key be
    std::optional<std::string> provider_url;  ///< at no other address may it be used
    std::optional<bool> key_is_read;          ///< nothing is granted where a password manager would be waited for
};
BOOST_DESCRIBE_STRUCT(GrantParams, (),
                      (agent, provider, model, workspace, role, ends_with, uid, asked_by, token_sha256, key_scope,
                       provider_url, key_is_read))

struct GrantResult {
    SessionRef session;
    std::optional<std::string> token;              ///< null: the caller has made it
    std::map<std::string, std::string> base_urls;  ///< the agent's protocol → its URL at the broker
    std::string key_scope;                         ///< where the key was found: role, workspace, global, container
    std::optional<std::string> provider_url;       ///< the provider's own base URL; none: an older daemon's answer
    std::vector<Warning> warnings{};               ///< of the key and the provider, as spawn's
    std::optional<bool> key_is_unread{};           ///< true: nothing was granted, see key_is_read
};
BOOST_DESCRIBE_STRUCT(GrantResult, (), (session, token, base_urls, key_scope, provider_url, warnings, key_is_unread))

}  // namespace capsule
