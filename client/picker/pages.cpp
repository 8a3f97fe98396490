#include "client/picker/pages.hpp"

#include <algorithm>
#include <chrono>

#include "client/plan_left.hpp"
#include "client/status_warnings.hpp"
#include "protocol/limit_text.hpp"
#include "protocol/utc_time.hpp"

namespace capsule {
namespace {

template <class Rows, class Field>
const auto* find_by(const Rows& rows, Field field, const std::string& value) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.*field == value; });
    return found == rows.end() ? nullptr : &*found;
}

std::string cell_of(const StatusResult& status, const std::string& provider, const std::string& agent) {
    const ProviderStatus* found = find_by(status.providers, &ProviderStatus::id, provider);
    if (found == nullptr) return {};
    const auto cell = found->cells.find(agent);
    return cell == found->cells.end() ? std::string() : cell->second;
}

Cell key_cell(const Choice& choice, const ProvidersListResult& list, const AuthListResult& keys,
              const StatusResult& status) {
    if (cell_of(status, choice.id, list.agent) == "native") return {"own account", Tone::good};
    const AuthRow* row = find_by(keys.rows, &AuthRow::provider, choice.id);
    if (row == nullptr) return {"-"};
    if (row->state == "unresolved") return {"key not read yet: " + row->source.value_or("1Password"), Tone::warning};
    const bool doubtful = std::any_of(row->warnings.begin(), row->warnings.end(),
                                      [](const Warning& warning) { return warning.code == "key.shape"; });
    const std::string key = "key " + row->masked.value_or("present");
    return doubtful ? Cell{key + ": doubtful, see \"capsulectl auth\"", Tone::warning} : Cell{key, Tone::good};
}

/// ", again in 4 h 12 min": a date would take the room of two columns, and one in an unknown zone says too little.
std::string again_text(const SessionLimit& limit) {
    const auto then = limit.resets_at ? utc_time(*limit.resets_at) : std::nullopt;
    if (!then) return {};
    return ", again in " +
           duration_text(std::chrono::duration<double>(*then - std::chrono::system_clock::now()).count());
}

/// What the plan would say to one more session.
Cell plan_cell(const Choice& choice) {
    if (choice.limit) return {limit_in_brief(*choice.limit) + again_text(*choice.limit), Tone::warning};
    if (choice.usage)
        if (auto left = least_left(*choice.usage)) return *std::move(left);
    return {};
}

/// What a key that is missing takes; another reason has no cure in a list to choose from.
PickerRefusal refusal(const Unavailable& unavailable, const AuthListResult& keys) {
    PickerRefusal out{unavailable.label, unavailable.reason, {}, {}};
    if (unavailable.code == "key.error") out.cure = "see \"capsulectl auth\"";
    if (unavailable.code != "key.absent") return out;
    const AuthRow* row = find_by(keys.rows, &AuthRow::provider, unavailable.id);
    out.cure = row != nullptr && row->key_url ? "get one at " + *row->key_url + ", then:" : "store one:";
    out.command = "capsulectl auth set " + unavailable.id;
    return out;
}

std::string label_of_agent(const StatusResult& status, const std::string& agent) {
    const AgentStatus* found = find_by(status.agents, &AgentStatus::id, agent);
    return found == nullptr ? agent : found->label;
}

}  // namespace

PickerPage provider_page(const ProvidersListResult& list, const AuthListResult& keys, const StatusResult& status) {
    PickerPage page{label_of_agent(status, list.agent) + ": which provider?", {}, {}, list.default_, false};
    const bool any_plan =
        std::ranges::any_of(list.choices, [](const Choice& each) { return !plan_cell(each).text.empty(); });
    for (const Choice& choice : list.choices) {
        const std::string model = choice.model.value_or(choice.native ? "the agent's own" : "-");
        page.entries.push_back(
            {choice.id, {{choice.label, Tone::strong}, {model}, key_cell(choice, list, keys, status)}});
        if (any_plan) page.entries.back().cells.push_back(plan_cell(choice));
    }
    for (const Unavailable& each : list.unavailable)
        page.refusals.push_back(refusal(each, keys));
    return page;
}

PickerPage agent_page(const StatusResult& status, const std::optional<std::string>& provider) {
    PickerPage page{"Which agent?", {}, {}, {}, false};
    const std::string missing = knows_what_is_installed(status) ? "not installed: " : "not found: ";
    for (const AgentStatus& agent : status.agents) {
        const std::string cell = provider ? cell_of(status, *provider, agent.id) : std::string();
        if (!agent.binary)
            page.refusals.push_back({agent.label, missing + agent.id + " is not in the session's PATH", {}, {}});
        else if (cell == "blocked" || cell == "unsupported")
            page.refusals.push_back({agent.label, cell + " on " + *provider, {}, {}});
        else
            page.entries.push_back(
                {agent.id, {{agent.label, Tone::strong}, {agent.id}, {agent.version.value_or(""), Tone::dim}}});
    }
    return page;
}

}  // namespace capsule
