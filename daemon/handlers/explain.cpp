// explain: spawn's plan with nothing written, every secret masked, and where each part comes from.
#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/session_pipeline.hpp"
#include "protocol/masking.hpp"

namespace capsule {
namespace {

/// What stands for each secret of the session, wherever else a value has it: an operator may have written one into
/// another variable, or into `args`.
std::vector<HiddenSecret> secrets_of(const Environment& env) {
    std::vector<HiddenSecret> secrets;
    for (const auto& [name, variable] : env)
        if (variable.secret() && !variable.reveal().empty()) secrets.push_back({variable.reveal(), variable.shown()});
    return secrets;
}

}  // namespace

Handled<ExplainResult> handle_explain(Services& services, Caller caller, SpawnParams params) {
    std::optional<std::string> ends_with = params.ends_with;
    auto session = co_await prepare_session(services, caller, std::move(params), ApplyMode::preview);
    if (!session) co_return session.error();

    ExplainResult result;
    result.agent = id_of(session->route.agent);
    result.provider = session->route.provider->id;
    result.label = session->route.provider->label;
    result.tab_label = session->tab_label;
    if (session->route.model) result.model = session->route.model->value;
    const std::vector<HiddenSecret> secrets = secrets_of(session->plan.env);
    for (const Argument& argument : session->plan.argv) {
        result.argv.push_back(hide_in_value(argument.value, secrets));
        result.arguments.push_back({result.argv.back(), argument.from});
    }
    for (const auto& [name, variable] : session->plan.env) {
        std::string shown = variable.secret() ? variable.shown() : hide_in_value(variable.shown(), secrets);
        result.env.push_back({name, std::move(shown), variable.from});
    }
    result.unset = std::move(session->plan.unset);
    result.dropped = std::move(session->plan.dropped);
    result.user = session->generation->home.user;
    for (Applied::File& file : session->applied.files)
        result.files.push_back({file.path, std::string(name_of(file.change)), std::move(file.content), "capsuled"});
    if (session->settings) result.settings = std::move(*session->settings);
    set_reasons(result, *session);
    result.session = SessionRef{std::nullopt, session->keys, std::move(ends_with)};
    result.warnings = std::move(session->plan.warnings);
    co_return result;
}

}  // namespace capsule
