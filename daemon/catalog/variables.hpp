// What is known of environment variables: which a session may have, which none may, and which send an agent elsewhere.
#pragma once

#include <span>
#include <string_view>

#include "protocol/variable_name.hpp"  // is_variable_name

namespace capsule {

/// PATH of a session when neither the daemon nor the request has one: Debian's own.
inline constexpr std::string_view default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// `pattern` is a name, or a prefix followed by '*'.
bool matches(std::string_view pattern, std::string_view name);

/// Names and prefixes that pass from the daemon's environment and the request into every session.
std::span<const std::string_view> default_passthrough();

/// Every variable by which one of the agents is sent to another place, account or model, or would leak a credential:
/// what `unset` lists for launchers that merge environments. Real names only; the providers' key variables are not in
/// it (they are catalog data).
std::span<const std::string_view> routing_variables();

/// Variables that no pattern, request, [env] or claude.env may set: routing variables (but those that merely leak, such
/// as OTEL_EXPORTER_OTLP_ENDPOINT, which an operator may want), CAPSULE_*, OP_*, LD_*,
/// NODE_OPTIONS, BASH_ENV, PYTHONPATH, JACKIN_CODEX_PROFILE. Key variables are the caller's to add.
bool is_reserved(std::string_view name);

/// Variables that say where an agent's configuration is (CODEX_HOME, XDG_CONFIG_HOME, CLAUDE_CONFIG_DIR): from
/// [session] or the daemon's own environment, never from a request.
bool is_config_location(std::string_view name);

}  // namespace capsule
