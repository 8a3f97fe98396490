#include "daemon/keys/stored_keys.hpp"

#include <utility>

#include "daemon/base/toml.hpp"
#include "daemon/render/quoting.hpp"
#include "daemon/write/atomic_file.hpp"

namespace capsule {

namespace {

constexpr std::string_view origin = "auth.toml";
constexpr std::size_t max_bytes = 1024 * 1024;

/// Reads a document of ours and names the line of whatever does not belong in it.
class Reader {
  public:
    explicit Reader(const std::string& path) : path_(path) {}

    Error error_at(const toml::source_region& where, std::string_view what) const {
        return {ErrorCode::config_conflict,
                path_ + ":" + std::to_string(where.begin.line) + ":" + std::to_string(where.begin.column) + ": " +
                    std::string(what),
                "Correct that line, or remove " + path_ + " and store the keys again with `capsulectl auth set`."};
    }

    Result<const toml::table*> table(const toml::node& node, std::string_view name) const {
        if (const toml::table* found = node.as_table()) return found;
        return error_at(node.source(), std::string(name) + " should be a table");
    }

    Result<EnvTable> env(const toml::node& node) const {
        const Result<const toml::table*> values = table(node, "env");
        if (!values) return values.error();
        EnvTable out;
        for (const auto& [name, value] : **values) {
            const toml::value<std::string>* text = value.as_string();
            if (!text) return error_at(value.source(), std::string(name.str()) + " should be a string");
            out.emplace(name.str(), EnvValue{Secret(text->get()), std::string(origin)});
        }
        return out;
    }

    Error unknown(const toml::key& name) const {
        return error_at(name.source(), std::string(name.str()) + " does not belong here");
    }

  private:
    const std::string& path_;
};

Result<std::map<std::string, EnvTable>> read_roles(const Reader& reader, const toml::node& node) {
    const Result<const toml::table*> roles = reader.table(node, "roles");
    if (!roles) return roles.error();
    std::map<std::string, EnvTable> out;
    for (const auto& [role, body] : **roles) {
        const Result<const toml::table*> members = reader.table(body, role.str());
        if (!members) return members.error();
        for (const auto& [member, value] : **members) {
            if (member.str() != "env") return reader.unknown(member);
            Result<EnvTable> env = reader.env(value);
            if (!env) return env.error();
            out[std::string(role.str())] = std::move(*env);
        }
    }
    return out;
}

Result<WorkspaceConfig> read_workspace(const Reader& reader, const toml::node& node, std::string_view name) {
    const Result<const toml::table*> members = reader.table(node, name);
    if (!members) return members.error();
    WorkspaceConfig out;
    for (const auto& [member, value] : **members) {
        if (member.str() == "env") {
            Result<EnvTable> env = reader.env(value);
            if (!env) return env.error();
            out.env = std::move(*env);
        } else if (member.str() == "roles") {
            Result<std::map<std::string, EnvTable>> roles = read_roles(reader, value);
            if (!roles) return roles.error();
            out.roles = std::move(*roles);
        } else {
            return reader.unknown(member);
        }
    }
    return out;
}

void print_table(std::string& out, const std::string& header, const EnvTable& env) {
    if (env.empty()) return;
    out += "\n[" + header + "]\n";
    for (const auto& [name, entry] : env)
        out += name + " = " + toml_string(entry.value.reveal()) + "\n";
}

/// The scope's table, made when it is not there.
template <class Tables>
EnvTable& table_of(Tables& tables, const KeyScope& scope) {
    if (!scope.workspace) return tables.env;
    WorkspaceConfig& workspace = tables.workspaces[*scope.workspace];
    return scope.role ? workspace.roles[*scope.role] : workspace.env;
}

}  // namespace

Result<StoredKeys::Tables> StoredKeys::parse(std::string_view text, const std::string& path) {
    const Reader reader(path);
    const toml::parse_result parsed = toml::parse(text);
    if (!parsed) return reader.error_at(parsed.error().source(), parsed.error().description());
    Tables out;
    for (const auto& [member, value] : parsed.table()) {
        if (member.str() == "env") {
            Result<EnvTable> env = reader.env(value);
            if (!env) return env.error();
            out.env = std::move(*env);
            continue;
        }
        if (member.str() != "workspaces") return reader.unknown(member);
        const Result<const toml::table*> workspaces = reader.table(value, "workspaces");
        if (!workspaces) return workspaces.error();
        for (const auto& [name, body] : **workspaces) {
            Result<WorkspaceConfig> workspace = read_workspace(reader, body, name.str());
            if (!workspace) return workspace.error();
            out.workspaces.emplace(name.str(), std::move(*workspace));
        }
    }
    return out;
}

std::string StoredKeys::print(const Tables& tables) {
    std::string out =
        "# Keys stored by `capsulectl auth set`. Written by capsuled, which overwrites it; comments are not kept.\n";
    print_table(out, "env", tables.env);
    for (const auto& [name, workspace] : tables.workspaces) {
        const std::string header = "workspaces." + toml_string(name);
        print_table(out, header + ".env", workspace.env);
        for (const auto& [role, env] : workspace.roles)
            print_table(out, header + ".roles." + toml_string(role) + ".env", env);
    }
    return out;
}

Result<StoredKeys> StoredKeys::load(std::string path) {
    const Result<std::optional<std::string>> text = read_file(path, max_bytes);
    if (!text) return text.error();
    StoredKeys out;
    out.path_ = std::move(path);
    if (!*text) return out;
    Result<Tables> tables = parse(**text, out.path_);
    if (!tables) return tables.error();
    out.tables_ = std::move(*tables);
    return out;
}

const EnvTable* StoredKeys::table(const KeyScope& scope) const {
    if (!scope.workspace) return &tables_.env;
    const auto workspace = tables_.workspaces.find(*scope.workspace);
    if (workspace == tables_.workspaces.end()) return nullptr;
    if (!scope.role) return &workspace->second.env;
    const auto role = workspace->second.roles.find(*scope.role);
    return role == workspace->second.roles.end() ? nullptr : &role->second;
}

template <class Edit>
Result<void> StoredKeys::change(const KeyScope& scope, Edit edit) {
    if (scope.role && !scope.workspace)
        return Error{ErrorCode::invalid_params, "a role's key needs its workspace", "Name the workspace too."};
    if (path_.empty())
        return Error{ErrorCode::io_error, "this daemon has no state directory to store keys in",
                     "Set STATE_DIRECTORY, or HOME, where capsuled is started."};
    Tables changed;
    const auto transform = [&](const std::optional<std::string>& text) -> Result<Wanted> {
        Result<Tables> tables = parse(text.value_or(""), path_);
        if (!tables) return tables.error();
        edit(table_of(*tables, scope));
        changed = std::move(*tables);
        return Wanted{.text = print(changed), .private_mode = true};
    };
    const Result<Updated> updated = update_file(path_, transform);
    if (!updated) return updated.error();
    tables_ = std::move(changed);
    return {};
}

Result<void> StoredKeys::set(const std::string& variable, const KeyScope& scope, const Secret& value) {
    return change(scope, [&](EnvTable& table) {
        table.insert_or_assign(variable, EnvValue{value, std::string(origin)});
    });
}

Result<StoredKeys::Unset> StoredKeys::unset(const std::string& variable, const KeyScope& scope) {
    const EnvTable* stored = table(scope);
    if (!stored || !stored->contains(variable)) return Unset::was_not_set;
    const Result<void> changed = change(scope, [&](EnvTable& table) { table.erase(variable); });
    if (!changed) return changed.error();
    return Unset::removed;
}

}  // namespace capsule
