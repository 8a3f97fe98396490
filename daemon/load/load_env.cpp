#include "daemon/load/load_env.hpp"

#include <algorithm>

#include "daemon/agents/agent.hpp"
#include "daemon/base/reference.hpp"
#include "daemon/catalog/names.hpp"
#include "daemon/catalog/variables.hpp"
#include "daemon/config/checks.hpp"
#include "daemon/load/load_config.hpp"
#include "protocol/nearest.hpp"
#include "protocol/variable_name.hpp"

namespace capsule {
namespace {

/// A provider's key variable, or a credential of some agent's own account, which is a key, too.
bool is_key(const Catalog& catalog, std::string_view name) {
    return is_account_variable(name) || catalog.by_key_variable(name) != nullptr;
}

void check_key(const TableReader& in, const TableReader::Entry& entry, std::string_view value) {
    if (is_op_reference(value)) {
        if (!is_well_formed_op_reference(value))
            in.refuse(entry, "this is no complete op:// reference",
                      "Write op://vault/item/field or op://vault/item/section/field.");
        return;
    }
    if (value.starts_with('$') && !environment_reference(value))
        in.refuse(entry, "what begins with '$' must be $NAME or ${NAME}, a variable of the daemon's environment",
                  variable_name_hint);
    if (has_white_space(value) || has_control_character(value))
        in.refuse(entry, "a key has no white space and no control characters",
                  "Copy it again, without a line end; an empty value means \"ignore\".");
}

void check_name(const TableReader& in, const TableReader::Entry& entry, const Catalog& catalog) {
    if (!is_variable_name(entry.name)) in.refuse(entry, "this is no variable name", variable_name_hint);
    if (is_key(catalog, entry.name)) return;
    if (const auto problem = why_not_in_env(entry.name)) in.refuse(entry, *problem, "Remove it.");
    for (const Provider& provider : catalog.providers)
        if (one_slip_apart(entry.name, provider.key_env))
            in.refuse(entry, "this is nearly " + provider.key_env + ", and would go to every session as it is",
                      "Did you mean " + provider.key_env + "?");
    // Where an operator gave a built-in provider another key variable, the former one is no key any more. As an
    // ordinary variable its value, a key, would be in every session's environment.
    if (const Provider* former = builtin_catalog().by_key_variable(entry.name)) {
        const Provider* now = catalog.find(former->id);
        in.refuse(entry, "this is no key variable any more",
                  "[providers." + former->id + "] says " + (now ? now->key_env : "another") + ": use that name.");
    }
}

void read_roles(TableReader& in, const Catalog& catalog, WorkspaceConfig& workspace) {
    for (auto& [entry, role] : in.tables()) {
        if (!is_scope_name(entry.name)) in.refuse(entry, "cannot be a role's name", scope_name_hint);
        EnvTable& env = workspace.roles[entry.name];
        if (auto table = role.table("env")) read_env(*table, catalog, env);
        role.finish();
    }
}

enum class Sought { keys, every_secret };

bool has_one(const EnvTable& env, const Catalog& catalog, Sought sought) {
    return std::any_of(env.begin(), env.end(), [&](const auto& item) {
        const std::string_view value = item.second.value.reveal();
        const bool is_secret =
            is_key(catalog, item.first) || (sought == Sought::every_secret && is_secret_variable(item.first, value));
        return is_secret && !value.empty() && !is_op_reference(value) && !environment_reference(value);
    });
}

/// Whether what a provider's table adds to its routes has a secret: only the sessions on those have it.
bool has_route_secret(const Catalog& catalog) {
    const auto found = [](const std::map<std::string, Located<std::string>>& env) {
        return std::ranges::any_of(env,
                                   [](const auto& item) { return is_secret_variable(item.first, item.second.value); });
    };
    const auto of_agent = [&](const auto& each) { return found(each.env); };
    return std::ranges::any_of(catalog.providers, [&](const Provider& provider) {
        return std::ranges::any_of(provider.cells, of_agent) ||
               std::ranges::any_of(provider.models,
                                   [&](const Model& model) { return std::ranges::any_of(model.agents, of_agent); });
    });
}

}  // namespace

void read_env(TableReader& in, const Catalog& catalog, EnvTable& out) {
    in.hide_values();
    for (const TableReader::Entry& entry : in.entries()) {
        check_name(in, entry, catalog);
        const std::string_view value = in.text_of(entry);  // the document's own: no copy to wipe
        if (value.find('\0') != value.npos) in.refuse(entry, "the value has a NUL character");
        if (is_key(catalog, entry.name)) check_key(in, entry, value);
        out[entry.name] = {Secret(value), in.origin_of(entry)};
    }
}

void read_workspaces(TableReader& in, Config& config, Problems& problems) {
    for (auto& [entry, table] : in.tables())
        problems.attempt([&, &entry = entry, &table = table] {
            if (!is_scope_name(entry.name)) in.refuse(entry, "cannot be a workspace's name", scope_name_hint);
            WorkspaceConfig& workspace = config.workspaces[entry.name];
            if (auto env = table.table("env")) read_env(*env, config.catalog, workspace.env);
            if (auto roles = table.table("roles")) read_roles(*roles, config.catalog, workspace);
            table.finish();
        });
}

bool holds_keys(const Config& config) {
    const auto found = [&](const EnvTable& env) { return has_one(env, config.catalog, Sought::every_secret); };
    if (config.broker.proxy && config.broker.proxy->reveal().find('@') != std::string_view::npos) return true;
    if (has_one(config.env, config.catalog, Sought::keys) || has_route_secret(config.catalog)) return true;
    return std::any_of(config.workspaces.begin(), config.workspaces.end(), [&](const auto& item) {
        const auto& roles = item.second.roles;
        return found(item.second.env) ||
               std::any_of(roles.begin(), roles.end(), [&](const auto& role) { return found(role.second); });
    });
}

bool holds_secrets(const Config& config) {
    return holds_keys(config) || has_one(config.env, config.catalog, Sought::every_secret);
}

}  // namespace capsule
