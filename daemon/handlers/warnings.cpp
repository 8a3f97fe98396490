#include "daemon/handlers/warnings.hpp"

#include "daemon/handlers/session_pipeline.hpp"

namespace capsule {
namespace {

bool has_key_in_any_scope(const Services& services, const Generation& generation) {
    for (const auto& [id, key] : file_keys(services, generation))
        if (key.any_scope) return true;
    return false;
}

bool writes_inline_keys(const Services& services, const Generation& generation) {
    if (generation.config.opencode_keys != OpencodeKeys::in_file) return false;
    const auto keys = file_keys(services, generation);
    for (const Provider& provider : generation.config.catalog.providers)
        if (provider.alternative() && provider.cell(Agent::opencode) == CellKind::routed &&
            keys.at(provider.id).global)
            return true;
    return false;
}

}  // namespace

std::vector<Warning> status_warnings(const Services& services, const Generation& generation, bool opencode_json) {
    std::vector<Warning> warnings;
    if (services.reload_error)
        warnings.push_back({"config.invalid", "the last reload failed and the older configuration is in force: " +
                                                  *services.reload_error});
    if (generation.home.same_user)
        warnings.push_back({"access.same_user",
                            "agents run as the daemon's own user (" + generation.home.user.name +
                                "), so they can ask for every key; run capsuled as root with [session] user set"});
    for (const std::string& file : generation.config.readable_by_others)
        warnings.push_back({"keys.readable", file + " holds keys and others can read it; run: chmod 600 " + file});
    if (opencode_json && writes_inline_keys(services, generation))
        warnings.push_back({"keys.inline", "keys stand inline in " + generation.home.opencode_json() +
                                               ", where every process of " + generation.home.user.name +
                                               " can read them; set [opencode] api_key = \"env\" to change that"});
    if (!has_key_in_any_scope(services, generation))
        warnings.push_back({"keys.none", "no provider has a key yet; `capsulectl auth` says how to get one"});
    return warnings;
}

}  // namespace capsule
