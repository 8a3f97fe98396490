#include "client/commands/choose.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <cstdio>

#include "client/picker/last_choices.hpp"
#include "client/picker/pages.hpp"
#include "client/picker/picker_screen.hpp"
#include "protocol/safe_path.hpp"

namespace capsule {
namespace {

namespace json = boost::json;

std::optional<std::string> memory_path() {
    const auto directory = state_directory(::geteuid(), process_environment);
    // Where others can write, root would read and write what they put there. Of a path from the working directory on it
    // is not asked.
    if (!directory || !directory->starts_with('/') || (::geteuid() == 0 && who_else_can_change(*directory, {})))
        return std::nullopt;
    return *directory + "/choices.json";
}

enum class Picking { not_asked, picked, went_back };

LastChoices last_choices() {
    const auto path = memory_path();
    return path ? LastChoices::load(*path) : LastChoices();
}

std::string ids_of(const PickerPage& page) {
    std::string ids;
    for (const PickerEntry& entry : page.entries)
        ids += (ids.empty() ? "" : ", ") + entry.id;
    return ids;
}

/// How a question ends: with an answer, with the wish for the question before it, or the command with this code.
using Step = std::variant<Picking, ExitCode>;

/// Picks into `chosen`, or says why not. `instead` is what to do where no list can be shown.
Step ask(const Globals& globals, const PickerPage& page, const std::string& instead, std::string& chosen) {
    Picked answer = pick(page);
    if (std::holds_alternative<Cancelled>(answer)) return ExitCode::cancelled;
    if (std::holds_alternative<WentBack>(answer)) return Picking::went_back;
    if (auto* error = std::get_if<Error>(&answer)) {
        error->hint = instead + " (" + ids_of(page) + "), or set TERM to a type that this machine knows, such as xterm";
        return fail(globals, ExitCode::usage, "client.usage", *error);
    }
    chosen = std::move(std::get<std::string>(answer));
    return Picking::picked;
}

ExitCode no_agent(const Globals& globals, const StatusResult& status) {
    std::string names;
    for (const AgentStatus& agent : status.agents)
        names += (names.empty() ? "" : ", ") + agent.id;
    return fail(globals, ExitCode::usage, "client.usage",
                {ErrorCode::invalid_params, "which agent? name one of " + names,
                 "capsulectl exec AGENT [--provider ID] [-- ARGUMENTS]"});
}

ExitCode none_installed(const Globals& globals, const PickerPage& page) {
    std::string why;
    for (const PickerRefusal& refusal : page.refusals)
        why += (why.empty() ? "" : "; ") + refusal.label + ": " + refusal.reason;
    return fail(globals, ExitCode::failed, "client.failed",
                {ErrorCode::io_error, "there is no agent to start (" + why + ")",
                 "install one (npm install -g @anthropic-ai/claude-code, @openai/codex or opencode-ai), or put its "
                 "directory into the daemon's PATH; \"capsulectl status\" shows what it finds"});
}

Step choose_agent(const Globals& globals, SpawnParams& params, bool person) {
    auto client = connect(globals);
    if (!client) return fail(globals, client.error());
    const auto status = client->status();
    if (!status) return fail(globals, status.error());
    if (!person) return no_agent(globals, *status);
    PickerPage page = agent_page(*status, params.provider);
    if (page.entries.empty()) return none_installed(globals, page);
    if (page.entries.size() == 1) {
        params.agent = page.entries.front().id;
        return Picking::not_asked;
    }
    page.preselected = params.agent.empty() ? last_choices().agent(params.cwd.value_or("")) : params.agent;
    return ask(globals, page, "name the agent: capsulectl exec AGENT", params.agent);
}

/// The list with what is left of each plan, as far as the providers say it at once. Where no broker runs, none is
/// started for that.
ProvidersListResult with_plans(const Globals& globals, const ProvidersListParams& about, ProvidersListResult list,
                               const StatusResult& status) {
    constexpr std::chrono::milliseconds patience{700};  ///< of a person who wants to choose
    if (!status.broker || status.broker->state != "running") return list;
    if (auto client = connect(globals, patience)) static_cast<void>(client->call("usage", json::object()));
    auto client = connect(globals);
    if (!client) return list;
    auto again = client->providers_list(about);
    return again ? *std::move(again) : std::move(list);
}

void tell_default(const ProvidersListResult& list) {
    const auto chosen = std::ranges::find(list.choices, *list.default_, &Choice::id);
    const std::string& which = chosen == list.choices.end() ? *list.default_ : chosen->tab_label;
    const std::string text = which + ": the default of " + *list.default_from + ". Choose another by --choose.";
    std::fputs(paragraph(text, error_style()).c_str(), stderr);
}

/// `after_agent`: a page for the agent went before, and can be gone back to. Where a default is configured, it is
/// taken, unless the person wants to `choose`.
Step choose_provider(const Globals& globals, SpawnParams& params, bool after_agent, bool choose) {
    auto client = connect(globals);
    if (!client) return fail(globals, client.error());
    const ProvidersListParams about{params.agent, params.workspace, params.role};
    const auto answers = client->call_all({{"providers.list", params_json(about)},
                                           {"auth.list", params_json(AuthListParams{params.workspace, params.role})},
                                           {"status", json::object()}});
    if (!answers) return fail(globals, answers.error());
    for (const auto& answer : *answers)
        if (!answer) return fail(globals, answer.error());
    auto list = result_as<ProvidersListResult>(*answers->at(0));
    const auto keys = result_as<AuthListResult>(*answers->at(1));
    const auto status = result_as<StatusResult>(*answers->at(2));
    if (!list) return fail(globals, list.error());
    if (!keys) return fail(globals, keys.error());
    if (!status) return fail(globals, status.error());
    if (list->choices.size() < 2) return Picking::not_asked;
    if (list->default_ && list->default_from && !choose) {
        tell_default(*list);
        return Picking::not_asked;
    }

    PickerPage page = provider_page(with_plans(globals, about, *std::move(list), *status), *keys, *status);
    if (auto last = last_choices().provider(params.agent, params.cwd.value_or(""))) page.preselected = last;
    page.has_page_before = after_agent;
    std::string chosen;
    const Step step =
        ask(globals, page, "name the provider: capsulectl exec " + params.agent + " --provider ID", chosen);
    if (const auto* picking = std::get_if<Picking>(&step); picking != nullptr && *picking == Picking::picked) {
        params.provider = std::move(chosen);
        params.chosen_by = "picker";
    }
    return step;
}

}  // namespace

std::variant<Asked, ExitCode> choose(const Globals& globals, SpawnParams& params, bool always) {
    const bool person = !globals.json && can_ask();
    const bool names_agent = !params.agent.empty();
    for (;;) {
        Picking agent = Picking::not_asked;
        if (!names_agent) {
            const Step step = choose_agent(globals, params, person);
            if (const auto* ended = std::get_if<ExitCode>(&step)) return *ended;
            agent = std::get<Picking>(step);
        }
        Picking provider = Picking::not_asked;
        if (!params.provider && person) {
            const Step step = choose_provider(globals, params, agent == Picking::picked, always);
            if (const auto* ended = std::get_if<ExitCode>(&step)) return *ended;
            provider = std::get<Picking>(step);
        }
        if (provider == Picking::went_back) continue;
        const bool asked = agent == Picking::picked || provider == Picking::picked;
        return asked ? Asked::yes : Asked::no;
    }
}

void remember(const SpawnResult& session, const std::optional<std::string>& directory) {
    const auto path = memory_path();
    if (!path || !directory) return;
    LastChoices choices = LastChoices::load(*path);
    choices.remember({*directory, session.agent, session.provider});
    static_cast<void>(choices.save(*path));
}

}  // namespace capsule
