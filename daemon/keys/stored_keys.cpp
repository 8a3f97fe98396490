#include "daemon/keys/stored_keys.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <utility>

#include "daemon/agents/quoting.hpp"
#include "daemon/base/state_directory.hpp"
#include "daemon/config/toml_reader.hpp"
#include "daemon/write/atomic_file.hpp"

namespace capsule {

namespace {

constexpr std::string_view origin = "auth.toml";
constexpr std::size_t max_bytes = 1024 * 1024;

EnvTable read_env(TableReader& in) {
    in.hide_values();
    EnvTable out;
    for (const TableReader::Entry& entry : in.entries())
        out.emplace(entry.name, EnvValue{Secret(in.text_of(entry)), std::string(origin)});
    return out;
}

WorkspaceConfig read_workspace(TableReader& in) {
    WorkspaceConfig out;
    if (auto env = in.table("env")) out.env = read_env(*env);
    if (auto roles = in.table("roles"))
        for (auto& [role, table] : roles->tables()) {
            if (auto env = table.table("env")) out.roles[role.name] = read_env(*env);
            table.finish();
        }
    in.finish();
    return out;
}

void print_table(std::string& out, const std::string& header, const EnvTable& env) {
    if (env.empty()) return;
    out += "\n[" + header + "]\n";
    for (const auto& [name, entry] : env)
        out += name + " = " + toml_string(entry.value.reveal()) + "\n";
}

constexpr std::string_view not_touched = "is neither read nor written";

/// The scope's table, made when it is not there.
template <class Tables>
EnvTable& table_of(Tables& tables, const KeyScope& scope) {
    if (!scope.workspace) return tables.env;
    WorkspaceConfig& workspace = tables.workspaces[*scope.workspace];
    return scope.role ? workspace.roles[*scope.role] : workspace.env;
}

}  // namespace

Result<StoredKeys::Tables> StoredKeys::parse(std::string_view text, const std::string& path) {
    try {
        const TomlDocument document(text, {.path = path, .origin = std::string(origin)});
        TableReader root(document);
        Tables out;
        if (auto env = root.table("env")) out.env = read_env(*env);
        if (auto workspaces = root.table("workspaces"))
            for (auto& [name, table] : workspaces->tables())
                out.workspaces.emplace(name.name, read_workspace(table));
        root.finish();
        return out;
    } catch (const Failure& failure) {
        Error error = failure.error();
        error.hint += " Or remove " + path + " and store the keys again with `capsulectl auth set`.";
        return error;
    }
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
    if (auto trusted = check_state_place(path, not_touched); !trusted) return trusted.error();
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
    if (auto trusted = check_state_place(path_, not_touched); !trusted) return trusted;
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

bool StoredKeys::are_lost_with_the_container() const {
    struct statfs there {};
    if (path_.empty() || ::statfs(path_.c_str(), &there) != 0) return false;
    if (there.f_type == OVERLAYFS_SUPER_MAGIC || there.f_type == TMPFS_MAGIC || there.f_type == RAMFS_MAGIC)
        return true;
    // A rootless engine's layers are FUSE's; so is a volume that a virtual machine shares, but that is not the root.
    struct stat file {
    }, root{};
    return there.f_type == FUSE_SUPER_MAGIC && ::stat(path_.c_str(), &file) == 0 && ::stat("/", &root) == 0 &&
           file.st_dev == root.st_dev;
}

Result<StoredKeys::Unset> StoredKeys::unset(const std::string& variable, const KeyScope& scope) {
    const EnvTable* stored = table(scope);
    if (!stored || !stored->contains(variable)) return Unset::was_not_set;
    const Result<void> changed = change(scope, [&](EnvTable& table) { table.erase(variable); });
    if (!changed) return changed.error();
    return Unset::removed;
}

}  // namespace capsule
