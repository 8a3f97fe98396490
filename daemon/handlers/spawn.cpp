// spawn: authorize (dispatcher) → route → resolve key → render → write → begin → reply.
#include <chrono>

#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/session_begin.hpp"

namespace capsule {

Handled<SpawnResult> handle_spawn(Services& services, Caller caller, SpawnParams params) {
    const auto began = std::chrono::steady_clock::now();
    std::optional<std::string> ends_with = params.ends_with;
    auto session = co_await prepare_session(services, caller, std::move(params), ApplyMode::write);
    if (!session) co_return session.error();
    auto ref = co_await begin_session(services, caller, std::move(ends_with), *session, session->plan.warnings);
    if (!ref) co_return ref.error();

    SpawnResult result;
    result.agent = id_of(session->route.agent);
    result.provider = session->route.provider->id;
    result.label = session->route.provider->label;
    result.tab_label = session->tab_label;
    if (session->route.model) result.model = session->route.model->value;
    for (Argument& argument : session->plan.argv)
        result.argv.push_back(std::move(argument.value));
    for (const auto& [name, variable] : session->plan.env)
        result.env.emplace(name, variable.reveal());
    result.unset = std::move(session->plan.unset);
    result.dropped = std::move(session->plan.dropped);
    result.user = session->generation->home.user;
    const bool keep = session->generation->config.session.privileges == Privileges::keep;
    result.privileges = keep ? "keep" : "drop";
    std::size_t changed = 0;
    for (const Applied::File& file : session->applied.files) {
        result.files.push_back({file.path, std::string(name_of(file.change))});
        if (file.change != FileChange::unchanged) ++changed;
    }
    result.session = std::move(*ref);
    set_reasons(result, *session);
    result.warnings = std::move(session->plan.warnings);

    const auto or_dash = [](const std::optional<std::string>& text) { return text ? std::string_view(*text) : "-"; };
    const auto took = std::chrono::steady_clock::now() - began;
    log_info("spawn", {{"uid", std::int64_t{caller.uid}},
                       {"pid", std::int64_t{caller.pid}},
                       {"agent", result.agent},
                       {"provider", result.provider},
                       {"because", result.because->code},
                       {"model", or_dash(result.model)},
                       {"workspace", or_dash(result.workspace)},
                       {"role", or_dash(result.role)},
                       {"user", result.user.name},
                       {"keys", result.session->keys},
                       {"key_source", or_dash(result.key_source)},
                       {"session", or_dash(result.session->id)},
                       {"files_changed", static_cast<std::int64_t>(changed)},
                       {"us", std::chrono::duration_cast<std::chrono::microseconds>(took).count()}});
    co_return result;
}

}  // namespace capsule
