#include "daemon/handlers/session_at_home.hpp"

#include <utility>

#include "daemon/agents/agent.hpp"
#include "daemon/base/home_visit.hpp"
#include "daemon/home/facts.hpp"
#include "daemon/home/settings_survey.hpp"
#include "daemon/home/temporary_directory.hpp"
#include "daemon/home/unheld_project.hpp"

namespace capsule {
namespace {

/// Of a program that is only in the PATH of the request.
ModelList not_of_our_path(const std::string& program, const SessionWork& work) {
    const SessionUser& user = work.generation->home.user;
    return {{},
            "capsuled does not run " + program + ": it is not the one in its own PATH (" + work.path_of_programs +
                "), and has no programs of another PATH run but for root" +
                (user.uid == 0 ? std::string() : " and " + user.name),
            "Install it in that PATH, or name its directory in the PATH of [env] in capsule.toml where only root can "
            "write to it"};
}

/// Looks for the agent's program and for what is known of its models. What a session needs and nobody knows yet is then
/// in `to_ask`.
void find_program(SessionWork& work, const Route& route, const std::string& path) {
    const uid_t user = work.generation->home.user.uid;
    auto search = find_binary(path, id_of(route.agent), user);
    work.inputs.unreachable = std::move(search.unreachable);
    auto binary = std::move(search.binary);
    if (!binary) return;
    work.inputs.binary = binary->path;
    if (!descriptor_of(route.agent).model_list) return;
    if (path != work.path_of_programs) {
        auto own = find_binary(work.path_of_programs, id_of(route.agent), user).binary;
        // An agent does not start on another version's list.
        if (!own || own->identity != binary->identity) {
            work.material.models = not_of_our_path(binary->path, work);
            return;
        }
        binary = std::move(own);
    }
    work.material.models = work.known_models.of(*binary);
    // Only a session whose arguments name a list that is derived from the agent's own waits for that.
    if (!route.native && !work.material.models.own.has_value()) work.to_ask = binary;
}

}  // namespace

Result<RenderedSession> render_at_home(SessionWork& work, const Route& route, const std::optional<std::string>& cwd,
                                       const std::string& path, ApplyMode mode) {
    const HomeVisit visit;
    const SessionHome& home = work.generation->home;
    const ProjectSettings project_settings = work.generation->config.session.project_settings;
    if (!work.to_ask) {
        find_program(work, route, path);
        if (work.to_ask) return RenderedSession();
    }
    work.material.facts = read_home_facts(route.agent, home);
    auto plan = render_session(route, work.inputs);
    if (!plan) return plan.error();
    if (auto holds = check_home(route.agent, *plan, home); !holds) return holds.error();
    // systemd gives a service a /tmp of its own, which the session does not have.
    if (!work.inputs.daemon_env.contains("INVOCATION_ID")) give_temporary_directory(*plan, home, mode);
    auto applied = apply(plan->files, mode, ApplyFor::session);
    if (!applied) return applied.error();
    for (const auto& amend : applied->amend)
        amend(*plan);
    for (const Applied::File& file : applied->files)
        if (file.change != FileChange::unchanged) work.material.facts.texts.erase(file.path);
    std::vector<FoundSetting> settings;
    if (cwd) settings = survey_session(home, *cwd, route, project_settings, work.material.facts, *plan);
    if (cwd && !plan->project_left_out.empty()) {
        const auto whose = project_settings == ProjectSettings::ignore ? UnheldOf::anybody : UnheldOf::strangers;
        if (auto held = refuse_unheld_project(descriptor_of(route.agent), *plan, home, *cwd, whose); !held)
            return held.error();
    }
    return RenderedSession{std::move(*plan), std::move(*applied), std::move(settings)};
}

}  // namespace capsule
