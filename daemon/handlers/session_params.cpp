#include "daemon/handlers/session_params.hpp"

#include <climits>
#include <utility>

#include "daemon/catalog/names.hpp"
#include "daemon/catalog/variables.hpp"
#include "daemon/handlers/session_begin.hpp"
#include "daemon/keys/known_scopes.hpp"
#include "protocol/variable_name.hpp"

namespace capsule {
namespace {

Error bad_params(std::string message, std::string hint) {
    return {ErrorCode::invalid_params, std::move(message), std::move(hint)};
}

Result<void> check_chosen_by(const SpawnParams& params) {
    if (!params.chosen_by) return {};
    if (params.chosen_by != chosen_by::flag && params.chosen_by != chosen_by::picker)
        return bad_params("params.chosen_by: neither \"flag\" nor \"picker\"",
                          "leave it out where nobody chose the provider at the launcher");
    if (!params.provider)
        return bad_params("params.chosen_by: there is no provider that it could be about", "name it in provider");
    return {};
}

}  // namespace

Result<void> check_params(const SpawnParams& params) {
    if (auto scope = check_scope(params.workspace, params.role); !scope) return scope;
    for (const auto& [name, value] : params.env) {
        if (!is_variable_name(name))
            return bad_params(in_quotes(name) + " in env is no name of a variable",
                              "letters, digits and '_', not beginning with a digit");
        if (value.find('\0') != std::string::npos)
            return bad_params("env: the value of " + name + " has a NUL", "no variable can hold one");
    }
    if (auto checked = check_ends_with(params.ends_with); !checked) return checked;
    if (auto checked = check_chosen_by(params); !checked) return checked;
    if (params.cwd && (!params.cwd->starts_with('/') || params.cwd->find('\0') != std::string::npos))
        return bad_params("params.cwd: not an absolute path", "give the session's directory from the root on");
    if (params.cwd && params.cwd->size() >= PATH_MAX)
        return bad_params("params.cwd: the kernel takes no path of " + std::to_string(params.cwd->size()) + " bytes",
                          "give one of less than " + std::to_string(PATH_MAX));
    return {};
}

Result<void> check_scope(const std::optional<std::string>& workspace, const std::optional<std::string>& role) {
    const auto check = [](const char* what, const std::optional<std::string>& name) -> Result<void> {
        if (!name || is_scope_name(*name)) return {};
        return bad_params(in_quotes(*name) + " cannot be the name of a " + what,
                          "letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 64");
    };
    if (auto done = check("workspace", workspace); !done) return done;
    return check("role", role);
}

Result<void> check_scope(const Services& services, const Generation& generation, const KeyScope& scope) {
    if (auto named = check_scope(scope.workspace, scope.role); !named) return named;
    return check_known(generation.config, services.stored, scope);
}

}  // namespace capsule
