#include "daemon/load/load_roles.hpp"

#include "daemon/catalog/names.hpp"
#include "daemon/config/checks.hpp"
#include "daemon/config/toml_reader.hpp"
#include "daemon/load/load_agents.hpp"

namespace capsule {
namespace {

void read_role(TableReader& in, const Catalog& catalog, RoleManifest& out) {
    for (const AgentFacts& facts : all_agents)
        if (auto section = in.table(facts.id)) read_models(*section, catalog, facts.agent, out.agents[facts.agent]);
    in.finish();
}

}  // namespace

void read_role_file(const std::string& directory, const std::string& role, const std::string& manifest,
                    Config& config) {
    const std::string file = "roles/" + role + ".toml";
    if (!is_scope_name(role))
        throw Failure({ErrorCode::config_conflict,
                       directory + file + ": " + in_quotes(role) + " cannot be a role's name",
                       std::string("Rename the file. ") + scope_name_hint});
    const TomlDocument document(manifest, {directory + file, file});
    TableReader root(document);
    read_role(root, config.catalog, config.roles[role]);
}

}  // namespace capsule
