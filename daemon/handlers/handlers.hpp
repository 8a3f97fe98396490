// One function per method; the dispatcher reads the params and writes the result. Who calls is told to those that log
// it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/value.hpp>

#include "daemon/handlers/services.hpp"
#include "daemon/log/log.hpp"
#include "protocol/messages.hpp"

namespace capsule {

template <class T>
using Handled = boost::asio::awaitable<Result<T>>;

/// A result that its handler has written as JSON itself, in pieces: as a whole it would keep others waiting.
template <class T>
struct Written {
    std::string json;
};

Handled<StatusResult> handle_status(Services& services, Caller caller, StatusParams params);
Handled<ProvidersListResult> handle_providers_list(Services& services, ProvidersListParams params);
Handled<AuthListResult> handle_auth_list(Services& services, AuthListParams params);
Handled<AuthRow> handle_auth_set(Services& services, Caller caller, AuthSetParams params);
Handled<AuthRow> handle_auth_unset(Services& services, Caller caller, AuthUnsetParams params);
Handled<SpawnResult> handle_spawn(Services& services, Caller caller, SpawnParams params);
Handled<ExplainResult> handle_explain(Services& services, Caller caller, SpawnParams params);
Handled<Written<SessionsListResult>> handle_sessions_list(Services& services, SessionsListParams params);
Handled<SessionRow> handle_sessions_end(Services& services, Caller caller, SessionsEndParams params);
Handled<SubscribeResult> handle_subscribe(Services& services, Caller caller, NoParams params);
Handled<MetricsResult> handle_metrics(Services& services, NoParams params);
Handled<GrantResult> handle_grant(Services& services, Caller caller, GrantParams params);
Handled<ConfigWriteResult> handle_config_write(Services& services, Caller caller, ConfigWriteParams params);
Handled<NamesListResult> handle_names_list(Services& services, NoParams params);
Handled<ConfigStatus> handle_reload(Services& services, NoParams params);
Handled<UsageResult> handle_usage(Services& services, Caller caller, UsageParams params);
Handled<boost::json::value> handle_discover(Services& services, NoParams params);
Handled<PingResult> handle_ping(Services& services, NoParams params);

/// status.config, also reload's answer.
ConfigStatus config_status(const Services& services);

}  // namespace capsule
