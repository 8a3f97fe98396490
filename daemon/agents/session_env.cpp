// The environment that every session has, whatever its route. In rising order: the daemon's own allowlisted
// variables, [env], the request's allowlisted variables, the session user's; the route's own come on top.
#include <algorithm>
#include <array>
#include <charconv>

#include "daemon/agents/build.hpp"
#include "daemon/base/reference.hpp"
#include "daemon/catalog/variables.hpp"
#include "protocol/utf8.hpp"

namespace capsule {

namespace {

constexpr std::array<std::string_view, 4> of_the_user{"HOME", "USER", "LOGNAME", "SHELL"};

bool is_one_of(std::string_view name, const auto& names) {
    return std::ranges::find(names, name) != names.end();
}

bool is_key_variable(const Config& config, std::string_view name) {
    return config.catalog.by_key_variable(name) != nullptr;
}

/// Nothing but this daemon sets these: keys, routing, where the configuration is, whose session it is.
bool is_ours(const Config& config, std::string_view name) {
    return is_reserved(name) || is_config_location(name) || is_key_variable(config, name) ||
           is_one_of(name, of_the_user);
}

/// Settings of git by variables, which outrank every file. Where a project's settings are left out, a request (whose
/// launcher may have been started in that project) has none of these, and pin_git_settings() adds ours.
bool is_git_setting(std::string_view name) {
    return name.starts_with("GIT_CONFIG");
}

bool may_pass(const Config& config, std::string_view name) {
    if (!is_variable_name(name) || is_ours(config, name)) return false;
    if (config.session.project_settings == ProjectSettings::ignore && is_git_setting(name)) return false;
    const auto matches_name = [name](std::string_view pattern) { return matches(pattern, name); };
    return std::ranges::any_of(default_passthrough(), matches_name) ||
           std::ranges::any_of(config.session.passthrough, matches_name);
}

/// The answer is JSON, which has no place for other bytes.
void warn_of_bytes(Plan& plan, const std::string& what, std::string_view from) {
    plan.warnings.push_back(
        {"env.unusable", what + " (" + std::string(from) + ") is left out: it has a byte that is no UTF-8."});
}

void pass(Plan& plan, const std::string& name, std::string_view value, std::string_view from) {
    if (name != "PATH" && !is_utf8(value)) return warn_of_bytes(plan, name, from);
    pass_variable(plan, name, value, from);
}

/// Which variables are asked for: all, or the one of that name.
bool is_asked_for(std::string_view name, std::string_view only) {
    return only.empty() || name == only;
}

void pass_from_daemon(Plan& plan, const SessionInputs& inputs, std::string_view only) {
    for (const auto& [name, value] : inputs.daemon_env) {
        if (!is_asked_for(name, only)) continue;
        if (!may_pass(inputs.config, name)) continue;
        if (!inputs.home.same_user && is_of_a_login(name)) continue;
        pass(plan, name, value.reveal(), "daemon environment");
    }
}

void warn(Plan& plan, std::string_view name, const EnvValue& entry, std::string_view what) {
    plan.warnings.push_back({"env.unusable", std::string(name) + " (" + entry.origin + ") " + std::string(what)});
}

/// A value that cannot be had leaves the variable out: better none than one that is wrong.
void pass_configured(Plan& plan, const std::string& name, const EnvValue& entry, const SessionInputs& inputs) {
    const std::string_view text = entry.value.reveal();
    if (is_op_reference(text)) {
        warn(plan, name, entry,
             "is left out: op:// references are read for providers' keys only. Give the value "
             "itself, or $NAME of the daemon's environment.");
        return;
    }
    const std::optional<std::string_view> referred = environment_reference(text);
    if (!referred) {
        pass(plan, name, text, entry.origin);
        return;
    }
    if (is_reserved(*referred) || is_key_variable(inputs.config, *referred)) {
        warn(plan, name, entry,
             "is left out: it refers to " + std::string(*referred) +
                 ", which reaches a session under its own name and by its route only.");
        return;
    }
    const auto found = inputs.daemon_env.find(std::string(*referred));
    if (found == inputs.daemon_env.end()) {
        warn(plan, name, entry,
             "is left out: " + std::string(*referred) +
                 " is not set in the daemon's environment. Set it there, or give the value itself.");
        return;
    }
    pass(plan, name, found->second.reveal(), entry.origin);
}

void pass_table(Plan& plan, const EnvTable& table, const SessionInputs& inputs, std::string_view only) {
    for (const auto& [name, entry] : table)
        if (is_asked_for(name, only) && !is_ours(inputs.config, name)) pass_configured(plan, name, entry, inputs);
}

/// [env], then the workspace's and its role's, which are nearer to the session.
void pass_from_config(Plan& plan, const SessionInputs& inputs, std::string_view only) {
    pass_table(plan, inputs.config.env, inputs, only);
    if (!inputs.workspace) return;
    const auto workspace = inputs.config.workspaces.find(*inputs.workspace);
    if (workspace == inputs.config.workspaces.end()) return;
    pass_table(plan, workspace->second.env, inputs, only);
    if (!inputs.role) return;
    const auto role = workspace->second.roles.find(*inputs.role);
    if (role != workspace->second.roles.end()) pass_table(plan, role->second, inputs, only);
}

void pass_from_request(Plan& plan, const SessionInputs& inputs, std::string_view only) {
    for (const auto& [name, value] : inputs.request_env) {
        if (!is_asked_for(name, only)) continue;
        if (may_pass(inputs.config, name)) {
            pass(plan, name, value, "request");
        } else {
            // What another source passes under this name is said where it is passed.
            if (!plan.env.contains(name)) plan.dropped.push_back(name);
        }
    }
}

/// A relative entry would run whatever a repository has by an agent's name.
std::string absolute_entries(Plan& plan, std::string_view path, std::string_view from) {
    std::string out;
    bool unreadable = false;
    while (!path.empty()) {
        const std::string_view entry = path.substr(0, path.find(':'));
        path.remove_prefix(std::min(entry.size() + 1, path.size()));
        if (!entry.starts_with('/')) continue;
        if (!is_utf8(entry)) {
            unreadable = true;
            continue;
        }
        if (!out.empty()) out += ':';
        out += entry;
    }
    if (unreadable) warn_of_bytes(plan, "an entry of PATH", from);
    return out;
}

void keep_absolute_path(Plan& plan) {
    const auto found = plan.env.find("PATH");
    std::string path =
        found == plan.env.end() ? std::string() : absolute_entries(plan, found->second.reveal(), found->second.from);
    if (path.empty()) {
        set_variable(plan, "PATH", std::string(default_path), from_capsuled);
    } else {
        found->second.value = std::move(path);
    }
}

/// A repository's .git/config can name programs that git runs by itself: the monitor of its files, and hooks. After the
/// operator's own from [env], since the later of two counts.
void pin_git_settings(Plan& plan) {
    constexpr std::string_view from = "capsule.toml: [session] project_settings";
    constexpr unsigned most = 1000;
    unsigned count = 0;
    if (const auto own = plan.env.find("GIT_CONFIG_COUNT"); own != plan.env.end()) {
        const std::string_view text = own->second.reveal();
        if (std::from_chars(text.begin(), text.end(), count).ec != std::errc() || count > most) count = 0;
    }
    const auto pin = [&](std::string key, std::string value) {
        set_variable(plan, "GIT_CONFIG_KEY_" + std::to_string(count), std::move(key), from);
        set_variable(plan, "GIT_CONFIG_VALUE_" + std::to_string(count), std::move(value), from);
        ++count;
    };
    pin("core.fsmonitor", "false");
    pin("core.hooksPath", "/dev/null");
    set_variable(plan, "GIT_CONFIG_COUNT", std::to_string(count), from);
}

/// The broker is on this machine, where no proxy finds it. Programs read either spelling, so both are set.
void pass_proxies_by(Plan& plan) {
    constexpr std::array<std::string_view, 6> proxies{"HTTP_PROXY",  "http_proxy", "HTTPS_PROXY",
                                                      "https_proxy", "ALL_PROXY",  "all_proxy"};
    if (std::ranges::none_of(proxies, [&](std::string_view name) { return plan.env.contains(std::string(name)); }))
        return;
    for (const char* name : {"NO_PROXY", "no_proxy"}) {
        const auto own = plan.env.find(name);
        std::string names = own == plan.env.end() ? std::string() : std::string(own->second.reveal());
        if (names == "*") continue;
        names += names.empty() ? "127.0.0.1" : ",127.0.0.1";
        pass_variable(plan, name, names, "capsule.toml: [session] keys");
    }
}

void pass_everything(Plan& plan, const SessionInputs& inputs, std::string_view only = {}) {
    pass_from_daemon(plan, inputs, only);
    pass_from_config(plan, inputs, only);
    pass_from_request(plan, inputs, only);
    keep_absolute_path(plan);
}

void set_location(Plan& plan, const std::string& name, const std::optional<std::string>& place,
                  const std::optional<std::string>& configured) {
    if (place) set_variable(plan, name, *place, configured ? "capsule.toml: [session]" : "daemon environment");
}

}  // namespace

void render_session_env(Plan& plan, const Route& route, const SessionInputs& inputs) {
    const SessionHome& home = inputs.home;
    const SessionConfig& session = inputs.config.session;
    pass_everything(plan, inputs);
    if (session.project_settings == ProjectSettings::ignore) pin_git_settings(plan);
    if (inputs.broker_url) pass_proxies_by(plan);
    set_variable(plan, "HOME", home.home, "session user");
    set_variable(plan, "USER", home.user.name, "session user");
    set_variable(plan, "LOGNAME", home.user.name, "session user");
    set_variable(plan, "SHELL", home.shell, home.shell_from);
    set_location(plan, "CODEX_HOME", home.codex_home, session.codex_home);
    set_location(plan, "XDG_CONFIG_HOME", home.xdg_config_home, session.xdg_config_home);
    set_location(plan, "CLAUDE_CONFIG_DIR", home.claude_config_dir, session.claude_config_dir);
    set_variable(plan, "CAPSULE_AGENT", std::string(id_of(route.agent)), from_capsuled);
    set_variable(plan, "CAPSULE_PROVIDER", route.provider->id, from_capsuled);
}

std::string session_path(const SessionInputs& inputs) {
    Plan plan;
    pass_everything(plan, inputs, "PATH");
    return std::string(plan.env.at("PATH").reveal());
}

}  // namespace capsule
