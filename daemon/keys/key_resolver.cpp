#include "daemon/keys/key_resolver.hpp"

#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "daemon/agents/agent.hpp"
#include "daemon/base/known_missing.hpp"
#include "daemon/keys/config_source.hpp"
#include "daemon/keys/credential_source.hpp"
#include "daemon/keys/directory_source.hpp"
#include "daemon/keys/docker_secret_source.hpp"
#include "daemon/keys/environment_source.hpp"
#include "daemon/keys/file_source.hpp"
#include "daemon/keys/key_value.hpp"
#include "daemon/keys/secret_file.hpp"
#include "daemon/keys/stored_keys.hpp"

namespace capsule {

namespace {

/// Takes what the sources say, best first.
class BestFirst {
  public:
    void add(std::optional<KeyFinding> finding) {
        if (!finding || finding->state == KeyState::absent) return;
        if (!first_) {
            first_ = std::move(finding);
        } else if (finding->state != KeyState::ignored) {
            first_->also_in.push_back(finding->source);
        }
    }

    KeyFinding result() && { return first_ ? std::move(*first_) : KeyFinding{}; }

  private:
    std::optional<KeyFinding> first_;
};

const EnvTable* configured_table(const Config& config, const KeyScope& scope) {
    if (!scope.workspace) return &config.env;
    const auto workspace = config.workspaces.find(*scope.workspace);
    if (workspace == config.workspaces.end()) return nullptr;
    if (!scope.role) return &workspace->second.env;
    const auto role = workspace->second.roles.find(*scope.role);
    return role == workspace->second.roles.end() ? nullptr : &role->second;
}

}  // namespace

KeyResolver::KeyResolver(Sources sources)
    : sources_(std::move(sources)),
      credentials_closed_(!sources_.credentials_directory || is_closed(*sources_.credentials_directory)),
      secrets_closed_(is_closed(sources_.secrets_directory)) {}

KeyFinding KeyResolver::find(const std::string& variable, const KeyScope& scope) const {
    BestFirst findings;
    const ValueContext context{sources_.environment, &sources_.remembered};
    const auto look_in = [&](const KeyScope& exact, const std::string& name) {
        if (sources_.stored)
            if (const EnvTable* table = sources_.stored->table(exact))
                findings.add(config_source(*table, variable, name, context));
        if (sources_.config)
            if (const EnvTable* table = configured_table(*sources_.config, exact))
                findings.add(config_source(*table, variable, name, context));
    };
    if (scope.workspace && scope.role) look_in(scope, "role");
    if (scope.workspace) look_in({scope.workspace, std::nullopt}, "workspace");
    look_in({}, "global");
    for (const KeyFinding& each : in_container(variable))
        findings.add(each);
    return std::move(findings).result();
}

const std::vector<KeyFinding>& KeyResolver::in_container(const std::string& variable) const {
    const auto known = read_->find(variable);
    if (known != read_->end()) return known->second;
    std::vector<KeyFinding> found;
    look_in_container(variable, [&](std::optional<KeyFinding> finding) {
        if (finding) found.push_back(*std::move(finding));
    });
    return read_->insert_or_assign(variable, std::move(found)).first->second;
}

template <class Add>
void KeyResolver::look_in_container(const std::string& variable, Add add) const {
    if (sources_.environment) {
        add(environment_source(*sources_.environment, variable));
        add(file_source(*sources_.environment, variable));
    }
    if (!credentials_closed_) add(credential_source(sources_.credentials_directory, variable));
    if (!secrets_closed_) add(docker_secret_source(sources_.secrets_directory, variable));
}

std::vector<std::string> KeyResolver::files(const std::string& variable, bool in_closed_directories) const {
    std::vector<std::string> paths;
    if (in_closed_directories || !secrets_closed_) paths.push_back(sources_.secrets_directory + "/" + variable);
    if (sources_.credentials_directory && (in_closed_directories || !credentials_closed_))
        paths.push_back(*sources_.credentials_directory + "/" + variable);
    if (sources_.environment)
        if (const auto named = sources_.environment->find(variable + "_FILE");
            named != sources_.environment->end() && !named->second.empty())
            paths.emplace_back(named->second.reveal());
    return paths;
}

std::vector<std::string> KeyResolver::files(const Catalog& catalog) const {
    std::vector<std::string> paths;
    const auto add = [&](const std::string& variable) {
        std::ranges::copy(files(variable, true), std::back_inserter(paths));
    };
    for (const Provider& provider : catalog.providers)
        add(provider.key_env);
    for (const AgentDescriptor* agent : all_descriptors())
        for (const std::string_view variable : agent->account_variables)
            add(std::string(variable));
    return paths;
}

std::vector<std::string> KeyResolver::empty_places(const std::string& variable) const {
    std::vector<std::string> places;
    if (sources_.environment)
        if (const auto set = sources_.environment->find(variable);
            set != sources_.environment->end() && without_white_space_behind(set->second.reveal()).empty())
            places.push_back("the variable " + variable);
    for (std::string& path : files(variable))
        if (const auto read = read_secret_file(path);
            read && !*read && !is_known_missing(path) && ::access(path.c_str(), F_OK) == 0)
            places.push_back(std::move(path));
    return places;
}

bool KeyResolver::in_any_scope(const std::string& variable) const {
    if (usable(find(variable, {}).state)) return true;
    const auto in_one_of = [&](const std::map<std::string, WorkspaceConfig>& workspaces) {
        for (const auto& [name, workspace] : workspaces) {
            if (workspace.env.contains(variable) && usable(find(variable, {name, std::nullopt}).state)) return true;
            for (const auto& [role, table] : workspace.roles)
                if (table.contains(variable) && usable(find(variable, {name, role}).state)) return true;
        }
        return false;
    };
    return (sources_.config && in_one_of(sources_.config->workspaces)) ||
           (sources_.stored && in_one_of(sources_.stored->workspaces()));
}

}  // namespace capsule
