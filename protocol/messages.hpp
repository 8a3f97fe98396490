// One struct per method's params and result, named as on the wire (docs/protocol.md).
//
// A member whose name is a C++ keyword ends in '_' here and without it on the wire. std::optional in a result is
// null on the wire; in params it may be left out.
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace capsule {

/// The version of this protocol. Results may gain members within one version; a client ignores those it does not know.
inline constexpr int protocol_version = 1;

/// What a capsuled can be asked for by another one whose [broker] remote it is. Raised with each param that the other
/// one relies on: an older one refuses it.
inline constexpr int remote_protocol_version = 1;

struct NoParams {};
BOOST_DESCRIBE_STRUCT(NoParams, (), ())

struct Warning {
    std::string code;     ///< stable, such as "key.shape"
    std::string message;  ///< what is the matter and what to do about it

    bool operator==(const Warning&) const = default;
};
BOOST_DESCRIBE_STRUCT(Warning, (), (code, message))

/// Why a session has its provider.
struct Because {
    std::string code;     ///< flag, picker, request, default, own_account, only_one
    std::string message;  ///< stands after "because": "capsule.toml:12 makes it the default"

    bool operator==(const Because&) const = default;
};
BOOST_DESCRIBE_STRUCT(Because, (), (code, message))

// ---- status ----

struct ConfigStatus {
    std::optional<std::string> path;       ///< null: no file, defaults
    std::optional<std::string> loaded_at;  ///< RFC 3339, UTC
    bool ok = true;
    std::optional<std::string> error;  ///< why the last load failed; the older configuration is in force
};
BOOST_DESCRIBE_STRUCT(ConfigStatus, (), (path, loaded_at, ok, error))

struct AgentStatus {
    std::string id;
    std::string label;
    std::optional<std::string> binary;   ///< absolute path; null: not installed
    std::optional<std::string> version;  ///< null until known
};
BOOST_DESCRIBE_STRUCT(AgentStatus, (), (id, label, binary, version))

struct KeyStatus {
    std::string state;                  ///< present, absent, ignored, error, unresolved
    std::optional<std::string> source;  ///< where it came from, such as "environment"
    std::optional<std::string> masked;  ///< never more than its last four characters
    bool doubtful = false;              ///< it does not look like this provider's: a warning key.shape says why
};
BOOST_DESCRIBE_STRUCT(KeyStatus, (), (state, source, masked, doubtful))

/// Why a provider refused a request, as its answer said it.
struct SessionLimit {
    std::string kind;  ///< window, week, plan, model, balance, key, busy
    std::string message;
    std::optional<std::string> resets_at;  ///< RFC 3339, UTC; as the provider writes it where its zone is not known
    std::optional<std::string> model{};    ///< of the kind "model": that was asked for
};
BOOST_DESCRIBE_STRUCT(SessionLimit, (), (kind, message, resets_at, model))

/// A span of time of which a plan allows so much.
struct UsageWindow {
    std::string label;                     ///< 5 hours, week, month, tools
    int used_percent = 0;                  ///< 0 to 100; 100: nothing is left
    std::optional<std::string> resets_at;  ///< RFC 3339, UTC
};
BOOST_DESCRIBE_STRUCT(UsageWindow, (), (label, used_percent, resets_at))

/// What is known of what is left of a plan.
struct ProviderUsage {
    std::optional<std::string> plan;
    std::vector<UsageWindow> windows;  ///< those that have not begun anew since then
    std::string fetched_at;            ///< RFC 3339, UTC
    std::string source;                ///< documented, undocumented: by the provider itself
    std::optional<std::string> error;  ///< why the newest question failed: this is what was known before
};
BOOST_DESCRIBE_STRUCT(ProviderUsage, (), (plan, windows, fetched_at, source, error))

struct ProviderStatus {
    std::string id;
    std::string label;
    KeyStatus key;
    std::map<std::string, std::string> cells;  ///< agent → native, ready, no_key, blocked, unsupported
    std::optional<SessionLimit> limit{};       ///< of the last answer to a session with a token; null: it was fine
    std::optional<ProviderUsage> usage{};      ///< of the key of no workspace; null: nobody asked within some hours
};
BOOST_DESCRIBE_STRUCT(ProviderStatus, (), (id, label, key, cells, limit, usage))

struct RequestCounts {
    std::uint64_t total = 0;
    std::uint64_t errors = 0;
};
BOOST_DESCRIBE_STRUCT(RequestCounts, (), (total, errors))

struct ConnectionCounts {
    std::uint64_t open = 0;
    std::uint64_t limit = 0;
};
BOOST_DESCRIBE_STRUCT(ConnectionCounts, (), (open, limit))

/// capsule-broker, which exchanges sessions' tokens for providers' keys.
struct BrokerStatus {
    std::string state;                   ///< starting, running, failed
    std::optional<std::string> address;  ///< "127.0.0.1:4587"; null until there is one
    std::uint64_t sessions = 0;          ///< live ones with a token
    std::uint64_t streams = 0;           ///< requests under way
    std::optional<std::string> error;    ///< why it does not run
    std::optional<std::string> remote;   ///< the socket of the capsuled that runs it; null: this one
};
BOOST_DESCRIBE_STRUCT(BrokerStatus, (), (state, address, sessions, streams, error, remote))

struct StatusResult {
    std::string version;
    int protocol = protocol_version;
    std::optional<int> remote_protocol = remote_protocol_version;  ///< none: an older daemon's
    std::int64_t pid = 0;
    double uptime_s = 0;
    std::string socket;
    ConfigStatus config;
    std::vector<AgentStatus> agents;
    std::optional<std::string> path;  ///< where the agents were looked for; none: an older daemon does not say
    std::vector<ProviderStatus> providers;
    RequestCounts requests;
    ConnectionCounts connections;
    std::optional<BrokerStatus> broker;  ///< null: no session needs one
    std::vector<Warning> warnings;
};
BOOST_DESCRIBE_STRUCT(StatusResult, (),
                      (version, protocol, remote_protocol, pid, uptime_s, socket, config, agents, path, providers,
                       requests, connections, broker, warnings))

// ---- providers.list ----

struct ProvidersListParams {
    std::string agent;
    std::optional<std::string> workspace;
    std::optional<std::string> role;
};
BOOST_DESCRIBE_STRUCT(ProvidersListParams, (), (agent, workspace, role))

struct Choice {
    std::string id;
    std::string label;
    std::string tab_label;
    bool native = false;
    std::optional<std::string> model;
    std::optional<SessionLimit> limit{};   ///< of the last answer with this key; null: it was fine
    std::optional<ProviderUsage> usage{};  ///< of this key; null: nobody asked within some hours
};
BOOST_DESCRIBE_STRUCT(Choice, (), (id, label, tab_label, native, model, limit, usage))

struct Unavailable {
    std::string id;
    std::string label;
    std::string code;  ///< an error code's name, such as "key.absent"
    std::string reason;
};
BOOST_DESCRIBE_STRUCT(Unavailable, (), (id, label, code, reason))

struct ProvidersListResult {
    std::string agent;
    std::vector<Choice> choices;
    std::optional<std::string> default_;
    std::vector<Unavailable> unavailable;
    std::optional<std::string> default_from{};  ///< "capsule.toml:12" where it is configured; null: it is not
};
BOOST_DESCRIBE_STRUCT(ProvidersListResult, (), (agent, choices, default_, unavailable, default_from))

// ---- usage ----

struct UsageParams {
    std::optional<std::string> provider;
};
BOOST_DESCRIBE_STRUCT(UsageParams, (), (provider))

struct UsageRow {
    std::string id;
    std::string label;
    std::optional<std::string> plan;
    std::vector<UsageWindow> windows;  ///< the shortest first
    std::string fetched_at;            ///< RFC 3339, UTC
    std::string source;                ///< documented, undocumented: by the provider itself
    std::optional<std::string> error;  ///< why the newest question failed; `windows`, if any, were known before
};
BOOST_DESCRIBE_STRUCT(UsageRow, (), (id, label, plan, windows, fetched_at, source, error))

struct UsageResult {
    std::vector<UsageRow> providers;
};
BOOST_DESCRIBE_STRUCT(UsageResult, (), (providers))

// ---- names.list ----

/// What a person could write after an option: for completion.
struct NamesListResult {
    std::vector<std::string> providers;
    std::vector<std::string> models;  ///< of all providers
    std::vector<std::string> workspaces;
    std::vector<std::string> roles;
};
BOOST_DESCRIBE_STRUCT(NamesListResult, (), (providers, models, workspaces, roles))

// ---- auth ----

struct AuthListParams {
    std::optional<std::string> workspace;
    std::optional<std::string> role;
};
BOOST_DESCRIBE_STRUCT(AuthListParams, (), (workspace, role))

struct AuthRow {
    std::string provider;
    std::string label;
    std::string variable;
    std::string mode;  ///< api_key, ignore
    std::string state;
    std::optional<std::string> source;
    std::optional<std::string> scope;  ///< global, workspace, role, container
    std::optional<std::string> masked;
    std::optional<std::string> subscribe_url;
    std::optional<std::string> key_url;
    std::optional<std::string> notes;
    std::vector<Warning> warnings;
};
BOOST_DESCRIBE_STRUCT(AuthRow, (),
                      (provider, label, variable, mode, state, source, scope, masked, subscribe_url, key_url, notes,
                       warnings))

struct AuthListResult {
    std::vector<AuthRow> rows;
};
BOOST_DESCRIBE_STRUCT(AuthListResult, (), (rows))

struct AuthScope {
    std::optional<std::string> workspace;
    std::optional<std::string> role;
};
BOOST_DESCRIBE_STRUCT(AuthScope, (), (workspace, role))

struct AuthSetParams {
    std::string provider;
    std::string value;
    std::optional<AuthScope> scope;
};
BOOST_DESCRIBE_STRUCT(AuthSetParams, (), (provider, value, scope))

struct AuthUnsetParams {
    std::string provider;
    std::optional<AuthScope> scope;
};
BOOST_DESCRIBE_STRUCT(AuthUnsetParams, (), (provider, scope))

// ---- spawn, explain, config.write ----

struct SpawnParams {
    std::string agent;
    std::optional<std::string> provider;
    std::optional<std::string> model;
    std::optional<std::string> workspace;
    std::optional<std::string> role;
    std::map<std::string, std::string> env;
    std::optional<std::string> cwd;        ///< absolute; only looked at
    std::optional<std::string> ends_with;  ///< caller, connection; none: sessions.end, or [broker] idle_hours
    std::optional<std::string> chosen_by;  ///< flag, picker: how a person named `provider` to the launcher
};
BOOST_DESCRIBE_STRUCT(SpawnParams, (), (agent, provider, model, workspace, role, env, cwd, ends_with, chosen_by))

/// What a session is called and what it carries.
struct SessionRef {
    std::optional<std::string> id;         ///< null: nobody will know when it ends, so it is not kept
    std::string keys;                      ///< env: the key itself; broker: a token; home: what stands in the home
    std::optional<std::string> ends_with;  ///< caller, connection; null: sessions.end
};
BOOST_DESCRIBE_STRUCT(SessionRef, (), (id, keys, ends_with))

struct SessionUser {
    std::string name;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::uint32_t> groups;

    bool operator==(const SessionUser&) const = default;
};
BOOST_DESCRIBE_STRUCT(SessionUser, (), (name, uid, gid, groups))

struct FileAction {
    std::string path;
    std::string action;  ///< created, updated, unchanged, removed
};
BOOST_DESCRIBE_STRUCT(FileAction, (), (path, action))

struct SpawnResult {
    std::string agent;
    std::string provider;
    std::string label;
    std::string tab_label;
    std::optional<std::string> model;
    std::vector<std::string> argv;
    std::map<std::string, std::string> env;
    std::vector<std::string> unset;
    std::vector<std::string> dropped;
    SessionUser user;
    std::optional<std::string> privileges;  ///< drop, keep: may it gain any, as by sudo? null: an older daemon, drop
    std::vector<FileAction> files;
    std::optional<SessionRef> session;  ///< never null; a daemon before 1.1 has none
    // Why it is what it is. A daemon before 1.1 says none of these.
    std::optional<Because> because;
    std::optional<std::string> base_url;    ///< the provider's own; null: the agent's own choice
    std::optional<std::string> key_source;  ///< such as "environment"; null: what stands in the home is used
    std::optional<std::string> workspace;   ///< whose keys, variables and models it has
    std::optional<std::string> role;
    std::vector<Warning> warnings;
};
BOOST_DESCRIBE_STRUCT(SpawnResult, (),
                      (agent, provider, label, tab_label, model, argv, env, unset, dropped, user, privileges, files,
                       session, because, base_url, key_source, workspace, role, warnings))

struct ExplainedArgument {
    std::string value;
    std::string from;
};
BOOST_DESCRIBE_STRUCT(ExplainedArgument, (), (value, from))

struct ExplainedVariable {
    std::string name;
    std::string value;  ///< secrets masked
    std::string from;   ///< such as "catalog", "capsule.toml:12", "request", "environment"
};
BOOST_DESCRIBE_STRUCT(ExplainedVariable, (), (name, value, from))

struct ExplainedFile {
    std::string path;
    std::string action;                  ///< what spawn would do
    std::optional<std::string> content;  ///< only what is ours, secrets masked; null when it would be removed
    std::string from;
};
BOOST_DESCRIBE_STRUCT(ExplainedFile, (), (path, action, content, from))

/// A setting of the project, the home or the machine that would make the session another one.
struct FoundSetting {
    std::string path;
    std::string member;                         ///< its name, such as "env.ANTHROPIC_BASE_URL"; never its value
    std::string effect;                         ///< what it would do
    std::optional<std::string> neutralised_by;  ///< what holds against it; null: it has its effect

    bool operator==(const FoundSetting&) const = default;
};
BOOST_DESCRIBE_STRUCT(FoundSetting, (), (path, member, effect, neutralised_by))

struct ExplainResult {
    std::string agent;
    std::string provider;
    std::string label;
    std::string tab_label;
    std::optional<std::string> model;
    std::vector<std::string> argv;
    std::vector<ExplainedArgument> arguments;  ///< argv again, each with where it comes from
    std::vector<ExplainedVariable> env;
    std::vector<std::string> unset;
    std::vector<std::string> dropped;
    SessionUser user;
    std::vector<ExplainedFile> files;
    std::vector<FoundSetting> settings;  ///< with `cwd` only
    std::optional<SessionRef> session;   ///< as spawn's would be, without an id
    std::optional<Because> because;      ///< this and the next four: as in SpawnResult
    std::optional<std::string> base_url;
    std::optional<std::string> key_source;
    std::optional<std::string> workspace;
    std::optional<std::string> role;
    std::vector<Warning> warnings;
};
BOOST_DESCRIBE_STRUCT(ExplainResult, (),
                      (agent, provider, label, tab_label, model, argv, arguments, env, unset, dropped, user, files,
                       settings, session, because, base_url, key_source, workspace, role, warnings))

// ---- sessions ----

struct SessionsListParams {
    std::optional<bool> all;                      ///< with those that ended within the last day
    std::optional<std::vector<std::string>> ids;  ///< of these alone
};
BOOST_DESCRIBE_STRUCT(SessionsListParams, (), (all, ids))

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
    std::optional<std::string> token_sha256;  ///< of a token that the caller made: 64 hexadecimal digits in lower case
    std::optional<std::string> key_scope;     ///< of a session that has begun: from no wider one may its key be
};
BOOST_DESCRIBE_STRUCT(GrantParams, (),
                      (agent, provider, model, workspace, role, ends_with, uid, token_sha256, key_scope))

struct GrantResult {
    SessionRef session;
    std::optional<std::string> token;              ///< null: the caller has made it
    std::map<std::string, std::string> base_urls;  ///< the agent's protocol → its URL at the broker
    std::string key_scope;                         ///< where the key was found: role, workspace, global, container
    std::vector<Warning> warnings{};               ///< of the key and the provider, as spawn's
};
BOOST_DESCRIBE_STRUCT(GrantResult, (), (session, token, base_urls, key_scope, warnings))

// ---- subscribe ----

struct SubscribeResult {
    std::vector<std::string> notifications;  ///< the methods of what this connection is sent from now on
};
BOOST_DESCRIBE_STRUCT(SubscribeResult, (), (notifications))

/// session.started, session.ended, session.limit.
struct SessionNotice {
    SessionRow session;
};
BOOST_DESCRIBE_STRUCT(SessionNotice, (), (session))

/// config.reloaded.
struct ConfigNotice {
    ConfigStatus config;  ///< `ok` false: it could not be loaded, and the older one is in force
};
BOOST_DESCRIBE_STRUCT(ConfigNotice, (), (config))

// ---- metrics ----

/// Requests by the time from their head to the answer's.
struct LatencyCounts {
    std::vector<double> bounds_s;       ///< upper ones, in seconds
    std::vector<std::uint64_t> counts;  ///< of each bound, those above the one before it; then of all that took longer
    double sum_s = 0;
};
BOOST_DESCRIBE_STRUCT(LatencyCounts, (), (bounds_s, counts, sum_s))

/// What the sessions of one agent on one provider did since the daemon's start.
struct CellMetrics {
    std::string agent;
    std::string provider;
    std::uint64_t started = 0;
    std::uint64_t live = 0;
    /// Whether one of them had a token. What follows is of those alone: of the others nobody sees the requests.
    bool counted = false;
    std::uint64_t streams = 0;  ///< requests under way
    SessionRequests requests;
    SessionTokens tokens;
    std::uint64_t bytes_up = 0;  ///< of bodies to the provider
    std::uint64_t bytes_down = 0;
    LatencyCounts latency;
    std::map<std::string, std::uint64_t> refusals;  ///< by the limit's kind: answers that refused a request for it
};
BOOST_DESCRIBE_STRUCT(CellMetrics, (),
                      (agent, provider, started, live, counted, streams, requests, tokens, bytes_up, bytes_down,
                       latency, refusals))

struct MetricsResult {
    std::string version;
    double uptime_s = 0;
    RequestCounts requests;  ///< of this protocol
    ConnectionCounts connections;
    bool config_ok = true;
    std::optional<bool> broker_up;  ///< null: no session needs it
    std::vector<CellMetrics> cells;
    std::map<std::string, std::uint64_t>
        strangers;  ///< by code: requests that the broker refused before it knew a session
};
BOOST_DESCRIBE_STRUCT(MetricsResult, (),
                      (version, uptime_s, requests, connections, config_ok, broker_up, cells, strangers))

// ---- config.write ----

struct ConfigWriteParams {
    std::string agent;
};
BOOST_DESCRIBE_STRUCT(ConfigWriteParams, (), (agent))

struct WrittenFile {
    std::string path;
    std::string action;
    std::optional<std::string> mode;  ///< octal, such as "0600"; null when removed
};
BOOST_DESCRIBE_STRUCT(WrittenFile, (), (path, action, mode))

struct ConfigWriteResult {
    std::vector<WrittenFile> files;
    std::vector<Warning> warnings;
};
BOOST_DESCRIBE_STRUCT(ConfigWriteResult, (), (files, warnings))

}  // namespace capsule
