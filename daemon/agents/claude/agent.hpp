// Claude Code's functions for its descriptor.
#pragma once

#include "daemon/agents/agent.hpp"

namespace capsule {

BrokeredRoute brokered_claude(const Route& route, std::string_view variable);
Result<void> render_claude(Plan& plan, const Route& route, const SessionInputs& inputs);

std::vector<SettingsPlace> claude_settings_places(const SessionHome& home, const std::vector<std::string>& directories);
void survey_claude(Findings& findings, std::string_view text);

/// Keeps all files of the project's out of the session. False: the operator's own --setting-sources says otherwise.
bool leave_claude_project_out(Plan& plan, const std::string& from);

/// Proxies that Claude Code takes from a settings file all the same: its requests, an API key with them, would go
/// there.
inline constexpr std::string_view claude_held_proxies[] = {"ALL_PROXY", "all_proxy"};
/// Those that a session on a login in the home needs --settings for, too.
inline constexpr std::string_view claude_login_proxies[] = {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY",
                                                            "http_proxy",  "NO_PROXY",    "no_proxy"};

/// What leads such a session to another profile of Anthropic's SDK, which is a login, too.
inline constexpr std::string_view claude_login_profiles[] = {"ANTHROPIC_CONFIG_DIR", "ANTHROPIC_PROFILE"};

/// Where an operator's own telemetry goes. A settings file that names another place is not to have it.
inline constexpr std::string_view claude_telemetry_addresses[] = {
    "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"};

/// Whether the session sends telemetry at all: its operator has switched that on.
bool sends_telemetry(const Plan& plan);

/// Whether --settings can hold this one: not where the session's own is a secret, such as a proxy with a password.
/// Every user of the machine can read a program's arguments.
bool can_hold(const Plan& plan, std::string_view name);

/// Whether a settings file names a socket in the place of the provider's host that nothing holds yet, or may: not all
/// of it is understood.
bool may_name_a_socket(std::string_view text, const std::vector<FoundSetting>& settings);

/// Adds what keeps a settings file's ANTHROPIC_UNIX_SOCKET from the session: for sessions where such a file was found
/// only, since no settings file can then override any variable that the session begins with.
void hold_claude_socket(Plan& plan);

}  // namespace capsule
