#include "daemon/load/load_config.hpp"

#include <algorithm>
#include <charconv>

#include "daemon/base/proxy_url.hpp"
#include "daemon/catalog/names.hpp"
#include "daemon/catalog/variables.hpp"
#include "daemon/config/checks.hpp"
#include "daemon/config/quotable.hpp"
#include "daemon/config/toml_reader.hpp"
#include "daemon/load/load_agents.hpp"
#include "daemon/load/load_catalog.hpp"
#include "daemon/load/load_env.hpp"
#include "daemon/load/load_roles.hpp"

namespace capsule {
namespace {

/// The smallest size that a message may be limited to, in bytes. The protocol's shortest requests and answers fit into
/// it.
constexpr std::int64_t smallest_message = 1024;
constexpr std::int64_t largest_message = 64 * 1024 * 1024;
constexpr std::int64_t largest_output = std::int64_t{1024} * 1024 * 1024;
constexpr std::int64_t most_connections = 1'000'000;
constexpr std::int64_t most_requests = 10'000;
constexpr std::int64_t most_sessions = 100'000;
constexpr std::int64_t longest_wait_ms = 3'600'000;
constexpr std::int64_t largest_port = 65'535;
constexpr std::int64_t most_idle_hours = 24 * 366;

/// Reads an absolute path. A relative one would depend on the directory in which the daemon was started.
std::optional<std::string> read_path(TableReader& in, std::string_view key) {
    const auto path = in.text(key);
    if (!path) return std::nullopt;
    if (!path->value.starts_with('/')) in.refuse(key, "must be an absolute path", "Begin it with '/'.");
    if (has_control_character(path->value)) in.refuse(key, "a path has no control characters");
    return path->value;
}

/// A user's or group's name.
std::optional<std::string> read_account(TableReader& in, std::string_view key) {
    const auto name = in.text(key);
    if (!name) return std::nullopt;
    if (const auto problem = account_name_problem(name->value)) in.refuse(key, *problem);
    return name->value;
}

void read_daemon(TableReader& in, DaemonConfig& out) {
    out.socket = read_path(in, "socket");
    out.socket_group = read_account(in, "socket_group");
    out.log_level = in.word<std::string>(
        "log_level", {{"trace", "trace"}, {"debug", "debug"}, {"info", "info"}, {"warn", "warn"}, {"error", "error"}});
    out.log_format = in.word<std::string>("log_format", {{"text", "text"}, {"json", "json"}});
    in.finish();
}

void read_peers(TableReader& in, std::string_view key, std::vector<std::string>& out) {
    const auto peers = in.texts(key);
    if (!peers) return;
    for (std::size_t i = 0; i < peers->value.size(); ++i) {
        std::string_view name = peers->value[i];
        if (name == "*") continue;
        if (name.starts_with('@')) name.remove_prefix(1);
        if (account_name_problem(name))
            in.refuse_element(key, i, quote(peers->value[i]) + " is neither a user, a \"@group\", nor \"*\"");
    }
    out = peers->value;
}

void read_access(TableReader& in, AccessConfig& out) {
    read_peers(in, "status", out.status);
    read_peers(in, "spawn", out.spawn);
    read_peers(in, "admin", out.admin);
    out.own_user = in.word<Tier>("own_user", {{"status", Tier::status}, {"spawn", Tier::spawn}, {"admin", Tier::admin}})
                       .value_or(out.own_user);
    in.finish();
}

void read_limits(TableReader& in, LimitsConfig& out) {
    const auto count = [&](std::string_view key, std::int64_t low, std::int64_t high, std::uint64_t& value) {
        if (const auto given = in.integer(key, low, high)) value = static_cast<std::uint64_t>(*given);
    };
    const auto wait = [&](std::string_view key, std::chrono::milliseconds& value) {
        if (const auto given = in.integer(key, 1, longest_wait_ms)) value = std::chrono::milliseconds(*given);
    };
    count("connections", 1, most_connections, out.connections);
    out.connections_per_user = std::min(out.connections_per_user, one_users_part(out.connections));
    count("connections_per_user", 1, most_connections, out.connections_per_user);
    count("requests_per_user", 1, most_requests, out.requests_per_user);
    count("sessions_per_user", 1, most_sessions, out.sessions_per_user);
    count("memory_per_user", smallest_message, largest_output, out.memory_per_user);
    count("request_bytes", smallest_message, largest_message, out.request_bytes);
    count("output_bytes", smallest_message, largest_output, out.output_bytes);
    wait("request_timeout_ms", out.request_timeout);
    wait("write_timeout_ms", out.write_timeout);
    wait("idle_timeout_ms", out.idle_timeout);
    in.finish();
}

void read_session(TableReader& in, SessionConfig& out) {
    out.user = read_account(in, "user");
    if (const auto patterns = in.texts("passthrough")) {
        for (std::size_t i = 0; i < patterns->value.size(); ++i) {
            std::string_view name = patterns->value[i];
            if (name.ends_with('*')) name.remove_suffix(1);
            if (!is_variable_name(name) && patterns->value[i] != "*")
                in.refuse_element("passthrough", i,
                                  quote(patterns->value[i]) + " is no variable name, nor the beginning of one and '*'",
                                  variable_name_hint);
        }
        out.passthrough = patterns->value;
    }
    out.project_settings = in.word<ProjectSettings>("project_settings", {{"allow", ProjectSettings::allow},
                                                                         {"ignore", ProjectSettings::ignore}})
                               .value_or(out.project_settings);
    out.privileges = in.word<Privileges>("privileges", {{"drop", Privileges::drop}, {"keep", Privileges::keep}})
                         .value_or(out.privileges);
    out.keys =
        in.word<SessionKeys>("keys", {{"env", SessionKeys::env}, {"broker", SessionKeys::broker}}).value_or(out.keys);
    out.unknown_scopes =
        in.word<UnknownScopes>("unknown_scopes", {{"refuse", UnknownScopes::refuse}, {"allow", UnknownScopes::allow}})
            .value_or(out.unknown_scopes);
    out.codex_home = read_path(in, "codex_home");
    out.xdg_config_home = read_path(in, "xdg_config_home");
    out.claude_config_dir = read_path(in, "claude_config_dir");
    in.finish();
}

void read_keys(TableReader& in, KeysConfig& out) {
    out.op = read_path(in, "op");
    in.finish();
}

/// 4587 or "127.0.0.1:4587". No other address: whoever may ask is told by the kernel, which knows only its own sockets.
std::optional<std::uint16_t> read_listen(TableReader& in) {
    if (in.has_integer("listen")) return static_cast<std::uint16_t>(*in.integer("listen", 1, largest_port));
    const auto text = in.text("listen");
    if (!text) return std::nullopt;
    constexpr std::string_view loopback = "127.0.0.1:";
    std::uint16_t port = 0;
    const std::string_view digits = std::string_view(text->value).substr(std::min(loopback.size(), text->value.size()));
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (!text->value.starts_with(loopback) || read.ec != std::errc() || read.ptr != digits.data() + digits.size() ||
        port == 0)
        in.refuse_hidden(
            "listen", "must be \"127.0.0.1:PORT\"",
            "The broker serves this machine's sessions alone. Write the port, such as 4587, or leave it out.");
    return port;
}

/// Its user name and password are for no error's text.
std::optional<Secret> read_proxy(TableReader& in) {
    const auto text = in.text("proxy");
    if (!text) return std::nullopt;
    if (const auto url = read_proxy_url(text->value); !url)
        in.refuse_hidden("proxy", url.error().message, url.error().hint);
    return Secret(text->value);
}

void read_broker(TableReader& in, const SessionConfig& session, BrokerConfig& out) {
    out.port = read_listen(in);
    out.user = read_account(in, "user");
    if (const auto hours = in.integer("idle_hours", 1, most_idle_hours)) out.idle = std::chrono::hours(*hours);
    const auto count = [&](std::string_view key, std::uint32_t& value) {
        if (const auto given = in.integer(key, 1, most_connections)) value = static_cast<std::uint32_t>(*given);
    };
    count("connections", out.connections);
    count("streams", out.streams);
    out.ca_file = read_path(in, "ca_file");
    out.proxy = read_proxy(in);
    if (const auto users = in.texts("upstream_users")) out.upstream_users = users->value;
    out.remote = read_path(in, "remote");
    // The broker is the other one's, and so are its settings.
    if (out.remote && in.size() > (in.has("idle_hours") ? 2 : 1))
        in.refuse("remote", "cannot stand beside other settings of the broker than idle_hours",
                  "Set those where the keys are, or remove remote.");
    if (out.remote && session.keys != SessionKeys::broker)
        in.refuse("remote", "needs [session] keys = \"broker\"",
                  "Sessions get tokens of the other capsuled, which hands out no keys.");
    in.finish();
}

/// What the sections that name providers say after this is said of a catalog in which some of them are wrong.
struct WrongProviders {
    std::vector<std::string> ids;
    std::size_t problems = 0;  ///< until then
};

WrongProviders read_capsule_toml(TableReader& in, Config& config, Problems& problems) {
    WrongProviders wrong;
    const auto section = [&](std::string_view name, const auto& read) {
        problems.attempt([&] {
            if (auto table = in.table(name)) read(*table);
        });
    };
    section("daemon", [&](TableReader& table) { read_daemon(table, config.daemon); });
    section("access", [&](TableReader& table) { read_access(table, config.access); });
    section("limits", [&](TableReader& table) { read_limits(table, config.limits); });
    section("session", [&](TableReader& table) { read_session(table, config.session); });
    section("keys", [&](TableReader& table) { read_keys(table, config.keys); });
    section("broker", [&](TableReader& table) { read_broker(table, config.session, config.broker); });
    // The tables below name providers, so the catalog is read first.
    section("providers", [&](TableReader& table) { wrong.ids = read_providers(table, config.catalog, problems); });
    wrong.problems = problems.all().size();
    section("env", [&](TableReader& table) { read_env(table, config.catalog, config.env); });
    section("workspaces", [&](TableReader& table) { read_workspaces(table, config, problems); });
    section("agents", [&](TableReader& table) { refuse_agents_table(table); });
    for (const AgentFacts& facts : all_agents)
        section(facts.id, [&](TableReader& table) { read_agent(table, facts.agent, config); });
    problems.attempt([&] { in.finish(); });
    return wrong;
}

/// What the tables at the top set, for what is found wrong only later.
std::map<std::string, std::string> places_in(const TomlDocument& document) {
    std::map<std::string, std::string> out;
    for (auto&& [section, node] : document.root())
        if (const toml::table* table = node.as_table())
            for (auto&& [name, value] : *table)
                out.emplace("[" + std::string(section.str()) + "] " + std::string(name.str()),
                            document.place(value.source().begin));
    return out;
}

std::string directory_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == path.npos ? "" : std::string(path.substr(0, slash + 1));
}

Catalog read_builtin() {
    Catalog catalog;
    const TomlDocument document(builtin_providers_toml(), {"providers.toml", "catalog", true});
    TableReader root(document);
    Problems problems;
    if (auto providers = root.table("providers")) read_providers(*providers, catalog, problems);
    if (!problems.none()) throw Failure(problems.all().front());
    root.finish();
    return catalog;
}

}  // namespace

Config parse_config(std::string_view text, std::string_view name, const RoleTexts& roles, Problems& problems) {
    Config config;
    config.catalog = builtin_catalog();
    for (const AgentFacts& facts : all_agents)
        config.agents[facts.agent];
    const std::string directory = directory_of(name);
    WrongProviders wrong;
    problems.attempt([&] {
        const TomlDocument document(text, {std::string(name), std::string(name.substr(directory.size()))});
        config.places = places_in(document);
        TableReader root(document);
        wrong = read_capsule_toml(root, config, problems);
    });
    for (const auto& [role, manifest] : roles)
        problems.attempt([&] { read_role_file(directory, role, manifest, config); });
    if (!wrong.ids.empty()) problems.forget_about(wrong.ids, wrong.problems);
    return config;
}

Result<Config> parse_config(std::string_view text, std::string_view name, const RoleTexts& roles) {
    Problems problems;
    Config config = parse_config(text, name, roles, problems);
    if (!problems.none()) return problems.all().front();
    return config;
}

Error placed(const Config& config, Error error) {
    const std::size_t end = error.message.find(": ");
    const auto found = config.places.find(error.message.substr(0, end));
    if (end != std::string::npos && found != config.places.end()) error.message.insert(0, found->second);
    return error;
}

const Catalog& builtin_catalog() {
    static const Catalog catalog = read_builtin();
    return catalog;
}

}  // namespace capsule
