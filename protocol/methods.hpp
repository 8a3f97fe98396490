// Every method: its name, tier, purpose, types and errors. The one table that dispatcher, rpc.discover and documents
// share: a method that is not here cannot be called, and one that is here is in rpc.discover.
#pragma once

#include <array>
#include <boost/json/value.hpp>
#include <span>
#include <string_view>
#include <tuple>

#include "protocol/errors.hpp"
#include "protocol/messages.hpp"
#include "protocol/tier.hpp"

namespace capsule {

/// What a connection is sent after `subscribe`, as a JSON-RPC notification.
struct NotificationInfo {
    std::string_view name;
    std::string_view summary;
};

/// A row of the notifications' table.
template <class ParamsType>
struct NotificationOf : NotificationInfo {
    using Params = ParamsType;
};

struct MethodInfo {
    std::string_view name;
    Tier tier;
    std::string_view summary;
    std::span<const ErrorCode> errors{};  ///< what it can fail with beside what any method can
};

/// A row of the table. `ParamsType` and `ResultType` are the structs of protocol/messages.hpp.
template <class ParamsType, class ResultType>
struct Method : MethodInfo {
    using Params = ParamsType;
    using Result = ResultType;
};

namespace method_errors {

using enum ErrorCode;

inline constexpr std::array choosing{agent_unknown, scope_unknown};
inline constexpr std::array listing{scope_unknown};
inline constexpr std::array asking{provider_unknown};
inline constexpr std::array planning{agent_unknown, provider_unknown, scope_unknown,   cell_unsupported, cell_blocked,
                                     key_absent,    key_error,        config_conflict, io_error};
inline constexpr std::array granting{agent_unknown, provider_unknown, scope_unknown, cell_unsupported,
                                     cell_blocked,  key_absent,       key_error,     config_conflict,
                                     io_error,      session_unknown};
inline constexpr std::array writing{agent_unknown, key_error, config_conflict, io_error};
inline constexpr std::array storing{provider_unknown, config_conflict, io_error};
inline constexpr std::array ending{session_unknown};
inline constexpr std::array loading{config_conflict, io_error};

}  // namespace method_errors

inline constexpr std::tuple method_rows{
    Method<StatusParams, StatusResult>{
        {"status", Tier::status, "The daemon, its configuration, the agents, each provider's key and cells"}},
    Method<ProvidersListParams, ProvidersListResult>{{"providers.list", Tier::status,
                                                      "What an agent can be started on now, and why not on the rest",
                                                      method_errors::choosing}},
    Method<AuthListParams, AuthListResult>{{"auth.list", Tier::status,
                                            "Each provider's key: its state, source and scope, and how to get one",
                                            method_errors::listing}},
    Method<UsageParams, UsageResult>{
        {"usage", Tier::status, "What is left of each subscription, as its provider says it", method_errors::asking}},
    Method<NoParams, boost::json::value>{{"rpc.discover", Tier::status, "This document"}},
    Method<NoParams, PingResult>{
        {"ping", Tier::status,
         "That the daemon answers, and so who answers: ask it before you send what is not for all"}},
    Method<SpawnParams, SpawnResult>{
        {"spawn", Tier::spawn, "Writes an agent's files and gives the exact argv and environment to start it with",
         method_errors::planning}},
    Method<SpawnParams, ExplainResult>{{"explain", Tier::spawn,
                                        "What spawn would do and why, with nothing written and every secret masked",
                                        method_errors::planning}},
    Method<SessionsListParams, SessionsListResult>{
        {"sessions.list", Tier::status, "The sessions that live, what each of them did and what it was told last"}},
    Method<SessionsEndParams, SessionRow>{{"sessions.end", Tier::spawn,
                                           "Ends a session: its token is worth nothing from then on",
                                           method_errors::ending}},
    Method<NoParams, SubscribeResult>{
        {"subscribe", Tier::status, "Tells this connection of sessions and of the configuration as things happen"}},
    Method<NoParams, MetricsResult>{
        {"metrics", Tier::status,
         "Counts since the daemon's start, for monitoring: sessions, requests, tokens, refusals"}},
    Method<GrantParams, GrantResult>{{"grant", Tier::spawn,
                                      "A token for a session that somebody else starts, and where it is good",
                                      method_errors::granting}},
    Method<NoParams, NamesListResult>{
        {"names.list", Tier::spawn, "The names of providers, models, workspaces and roles, for completion"}},
    Method<ConfigWriteParams, ConfigWriteResult>{
        {"config.write", Tier::spawn, "Writes an agent's configuration files", method_errors::writing}},
    Method<AuthSetParams, AuthRow>{
        {"auth.set", Tier::admin, "Stores a provider's key, effective at once", method_errors::storing}},
    Method<AuthUnsetParams, AuthRow>{
        {"auth.unset", Tier::admin, "Forgets a provider's stored key", method_errors::storing}},
    Method<NoParams, ConfigStatus>{{"reload", Tier::admin,
                                    "Reads the configuration anew; on an error the old one stays in force",
                                    method_errors::loading}},
};

/// The rows without their types, in the same order.
inline constexpr std::array methods =
    std::apply([](const auto&... row) { return std::array{static_cast<const MethodInfo&>(row)...}; }, method_rows);

inline constexpr std::tuple notification_rows{
    NotificationOf<SessionNotice>{{"session.started", "A session began"}},
    NotificationOf<SessionNotice>{{"session.ended", "A session ended; its row says why"}},
    NotificationOf<SessionNotice>{{"session.limit", "A session ran into a limit, or into one of another kind"}},
    NotificationOf<ConfigNotice>{{"config.reloaded", "The configuration was read anew, or could not be"}},
};

inline constexpr std::array notifications = std::apply(
    [](const auto&... row) { return std::array{static_cast<const NotificationInfo&>(row)...}; }, notification_rows);

/// The method of that name, or nullptr.
constexpr const MethodInfo* find_method(std::string_view name) noexcept {
    for (const MethodInfo& method : methods)
        if (method.name == name) return &method;
    return nullptr;
}

}  // namespace capsule
