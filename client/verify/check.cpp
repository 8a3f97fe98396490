#include "client/verify/check.hpp"

#include <algorithm>
#include <set>

#include "client/recorder/conversation.hpp"
#include "client/recorder/reply.hpp"
#include "client/verify/agents/agent.hpp"

namespace capsule {

namespace {

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

std::string last_line(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
        text.remove_suffix(1);
    const auto begin = text.rfind('\n');
    return std::string(begin == std::string_view::npos ? text : text.substr(begin + 1));
}

using Found = std::set<std::string>;  // a difference that every request shows is said once

void check_auth(Found& found, const RecordedRequest& request, const Trial& trial, const std::string& dummy_key) {
    const bool bearer = trial.auth_header == "authorization";
    if (request.header(trial.auth_header) != (bearer ? "Bearer " + dummy_key : dummy_key))
        found.insert("the key is not in the header " + trial.auth_header +
                     (request.header(trial.auth_header).empty() ? ", which is missing" : ", which holds another one"));
    const std::string_view other_name = bearer ? "x-api-key" : "authorization";
    const std::string_view other = request.header(other_name);
    if (!other.empty() && other != dummy_key)  // the same key again is no other account
        found.insert("another credential is in the header " + std::string(other_name));
}

void check_model(Found& found, const std::string& model, const Trial& trial, const std::string* tier_model) {
    if (tier_model != nullptr) {
        if (model != *tier_model)
            found.insert("the model is " + in_quotes(model) + " where the route has " +
                         (tier_model->empty() ? "none for this tier" : in_quotes(*tier_model)));
    } else if (!trial.models.empty() &&
               std::find(trial.models.begin(), trial.models.end(), model) == trial.models.end()) {
        found.insert("the model is " + in_quotes(model) + ", which the route does not have");
    }
}

void check_request(Found& found, const RecordedRequest& request, const Trial& trial, const std::string& dummy_key,
                   const std::string* tier_model) {
    if (request.path().starts_with(project_path)) {
        found.insert("a project's settings redirect the session (" + request.method + " " + request.target + ")");
        return;
    }
    const auto conversation = parse_conversation(request);
    if (!conversation) return;
    if (request.path() != trial.path)
        found.insert("the path is " + std::string(request.path()) + " where the route has " + trial.path);
    check_auth(found, request, trial, dummy_key);
    check_model(found, conversation->model, trial, tier_model);
    const TrialAgent* agent = trial_agent(trial.agent);
    if (agent && agent->check_request) agent->check_request(found, request, *conversation, trial);
}

void check_tool(Found& found, const TrialRun& run, const std::vector<Conversation>& conversations) {
    const bool offered = std::any_of(conversations.begin(), conversations.end(),
                                     [](const Conversation& each) { return !each.tools.empty(); });
    const bool ran = std::any_of(conversations.begin(), conversations.end(), [](const Conversation& each) {
        return !each.tool_outputs.empty() && contains(each.tool_outputs.back(), trial_output);
    });
    if (!offered) {
        found.insert("the session has no tools");
    } else if (!ran) {
        found.insert("the session's shell tool was not run, or gave nothing back");
    } else if (!contains(run.out, trial_output)) {
        found.insert("the agent did not print the answer");
    }
}

}  // namespace

std::string window_prompt(const Trial& trial) {
    return "[[fill " + std::to_string(trial.window / 200 * 197) + " " +
           std::string(trial_prompt.substr(std::string_view("[[run ").size()));
}

std::vector<std::string> window_differences(const TrialRun& run, const Trial& trial) {
    if (contains(run.out, after_summary)) return {};
    return {
        "a conversation that comes near the window of " + std::to_string(trial.window) +
        " tokens is not made shorter; the agent's last words were: " + last_line(run.out.empty() ? run.err : run.out)};
}

std::vector<std::string> differences(const TrialRun& run, const Trial& trial, const std::string& dummy_key,
                                     const std::string* tier_model) {
    Found found;
    std::vector<Conversation> conversations;
    for (const auto& request : run.requests) {
        check_request(found, request, trial, dummy_key, tier_model);
        if (auto conversation = parse_conversation(request)) conversations.push_back(std::move(*conversation));
    }
    if (run.timed_out) found.insert("the agent did not end in time");
    if (conversations.empty()) {
        found.insert("the agent sent no prompt; it ended with " + std::to_string(run.exit_code) +
                     " and its last words were: " + last_line(run.err.empty() ? run.out : run.err));
    } else if (tier_model == nullptr) {
        check_tool(found, run, conversations);
    }
    if (const TrialAgent* agent = trial_agent(trial.agent); agent && agent->check_run) agent->check_run(found, run);
    return {found.begin(), found.end()};
}

}  // namespace capsule
