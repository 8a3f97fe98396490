// capsule.toml and the role manifests as plain structs; a default-constructed Config is what no file at all means.
#pragma once

#include <algorithm>
#include <any>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/located.hpp"
#include "daemon/base/secret.hpp"
#include "daemon/catalog/catalog.hpp"
#include "protocol/framing.hpp"
#include "protocol/tier.hpp"

namespace capsule {

struct DaemonConfig {
    std::optional<std::string> socket;
    std::optional<std::string> socket_group;
    std::optional<std::string> log_level;   ///< trace, debug, info, warn, error
    std::optional<std::string> log_format;  ///< text, json
};

/// Who may call what, by SO_PEERCRED: user names, "@group", or "*" for whoever can open the socket.
struct AccessConfig {
    std::vector<std::string> status{"*"};
    std::vector<std::string> spawn{"root"};
    std::vector<std::string> admin{"root"};
    /// What processes of the daemon's own user may do; the lists do not count for them. Below admin, that user must not
    /// have the keys: the daemon then starts no session as that user.
    Tier own_user = Tier::admin;
};

/// Bounds for hostile or broken clients.
struct LimitsConfig {
    std::uint64_t connections = 1024;
    // Of one user other than root and the daemon's own: see daemon/access/quotas.hpp.
    std::uint64_t connections_per_user = 256;          ///< where it is not set, at most one_users_part()
    std::uint64_t requests_per_user = 4;               ///< in work at a time
    std::uint64_t sessions_per_user = 1000;            ///< that live; of one more, the one that was idle longest ends
    std::uint64_t memory_per_user = 16 * 1024 * 1024;  ///< bytes of unread requests and unsent answers
    std::uint64_t request_bytes = max_line;
    std::uint64_t output_bytes = 1024 * 1024;           ///< answers waiting for a reader that does not read
    std::chrono::milliseconds request_timeout{10'000};  ///< from a request's first byte to its last
    std::chrono::milliseconds write_timeout{10'000};
    std::chrono::milliseconds idle_timeout{60'000};  ///< between requests, for who may ask for status at most
};

/// Of all connections. Two users' together leave others something, also of the places that guests may have.
constexpr std::uint64_t one_users_part(std::uint64_t connections) {
    return std::max<std::uint64_t>(connections / 4, 1);
}

struct KeysConfig {
    std::optional<std::string> op;  ///< 1Password's CLI; none: looked for in root's directories
};

enum class ProjectSettings { allow, ignore };

/// Whether a session may gain privileges that its user has not (sudo).
enum class Privileges { drop, keep };

/// What a session's agent has: the provider's key itself, or a token that capsule-broker exchanges for it.
enum class SessionKeys { env, broker };

/// What a request gets that names a workspace or a role which nothing configures, where others of that kind are known.
enum class UnknownScopes { refuse, allow };

struct SessionConfig {
    std::optional<std::string> user;  ///< none: the daemon's own
    std::vector<std::string> passthrough;
    ProjectSettings project_settings = ProjectSettings::allow;
    Privileges privileges = Privileges::drop;
    SessionKeys keys = SessionKeys::env;
    UnknownScopes unknown_scopes = UnknownScopes::refuse;
    std::optional<std::string> codex_home;
    std::optional<std::string> xdg_config_home;
    std::optional<std::string> claude_config_dir;
};

/// [broker]: capsule-broker, for [session] keys = "broker".
struct BrokerConfig {
    std::optional<std::uint16_t> port;     ///< on 127.0.0.1; none: the kernel's choice, kept in the state directory
    std::optional<std::string> user;       ///< whom a daemon that is root runs it as; none: capsule-broker
    std::chrono::hours idle{24};           ///< a session that ends with nothing ends after so long without a request
    std::uint32_t connections = 1024;      ///< open at once
    std::uint32_t streams = 64;            ///< requests of one session at once
    std::optional<std::string> ca_file{};  ///< PEM, in place of the system's trust store
    std::optional<Secret> proxy{};         ///< http://[user:password@]host:port
    /// Besides root and the broker's own: who may serve a provider on the loopback by http. Names or numbers.
    std::vector<std::string> upstream_users{};
    std::optional<std::string> remote{};  ///< the socket of the capsuled that has the keys; none: this one has them
};

/// An override of one provider's model, for one agent.
struct ModelOverride {
    std::optional<Located<std::string>> model;          ///< stands for every tier
    std::map<std::string, Located<std::string>> tiers;  ///< by the tier's name; of agents that have tiers
};

/// The models of [<agent>] and [<agent>.providers.<id>]: in capsule.toml and, with the same shape, in a role's
/// manifest.
struct AgentModels {
    std::optional<Located<std::string>> model;  ///< native cells
    std::map<std::string, ModelOverride> providers;
};

/// [<agent>] of capsule.toml.
struct AgentConfig {
    Located<std::vector<std::string>> args;  ///< after the route's own
    std::optional<Located<std::string>> provider;
    std::any own;  ///< the settings that only this agent has (its folder's settings.hpp); empty: their defaults
    AgentModels models;
};

/// A value of an [env] table. A key's value is "" (ignore), a literal, "op://…" or "$NAME".
struct EnvValue {
    Secret value;
    std::string origin;
};
using EnvTable = std::map<std::string, EnvValue>;

struct WorkspaceConfig {
    EnvTable env;
    std::map<std::string, EnvTable> roles;
};

struct RoleManifest {
    std::map<Agent, AgentModels> agents;
};

struct Config {
    std::optional<std::string> path;  ///< none: no file was there
    DaemonConfig daemon;
    AccessConfig access;
    LimitsConfig limits;
    SessionConfig session;
    KeysConfig keys;
    BrokerConfig broker;
    std::map<Agent, AgentConfig> agents;  ///< every agent is in it
    EnvTable env;
    std::map<std::string, WorkspaceConfig> workspaces;
    std::map<std::string, RoleManifest> roles;
    Catalog catalog;
    /// Where the file sets what: "[session] user" → "/etc/capsule/capsule.toml:12:8: ".
    std::map<std::string, std::string> places;

    const AgentConfig& agent(Agent which) const { return agents.at(which); }
};

}  // namespace capsule
