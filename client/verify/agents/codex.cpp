#include <system_error>

#include "client/verify/agents/agent.hpp"
#include "client/verify/check.hpp"

namespace capsule {
namespace {

Result<void> prepare(Trial& trial, const TrialPlace& place) {
    trial.auth_header = "authorization";
    if (const auto model = argument_after(trial.argv, "-m"); !model.empty()) trial.models = {model};
    constexpr std::string_view window = "model_context_window=";
    for (const auto& argument : trial.argv)
        if (argument.starts_with(window)) trial.window = number_in(std::string_view(argument).substr(window.size()));
    constexpr std::string_view table = "model_providers.";
    constexpr std::string_view member = "base_url=\"";
    for (auto& argument : trial.argv) {
        if (!argument.starts_with(table)) continue;
        const auto begin = argument.find(member);
        if (begin == std::string::npos) return no_endpoint(trial);
        const auto url = begin + member.size();
        const auto end = argument.find('"', url);
        const std::string path = path_of_url(std::string_view(argument).substr(url, end - url));
        argument.replace(url, end - url, stand_in(place) + path);
        trial.path = path + "/responses";
        return {};
    }
    trial.native = trial.provider == "openai";
    if (!trial.native) return no_endpoint(trial);
    for (const char* name : {"OPENAI_API_KEY", "CODEX_API_KEY"})
        trial.env[name] = place.dummy_key;                   // also in the home's own login's place
    trial.env["OPENAI_BASE_URL"] = stand_in(place) + "/v1";  // older versions read this one
    for (const std::string& setting : {"openai_base_url=\"" + stand_in(place) + "/v1\"",
                                       "chatgpt_base_url=\"" + stand_in(place) + "/backend-api\""}) {
        trial.argv.emplace_back("-c");
        trial.argv.push_back(setting);
    }
    trial.path = "/v1/responses";
    return {};
}

std::vector<std::string> one_shot(const std::string& prompt, const std::string& /*tier*/) {
    return {"exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", prompt};
}

void copy_configuration(const ConfigurationCopy& copy) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(copy.real(".codex"), error)) {
        const auto name = entry.path().filename();
        if (name.extension() == ".toml" || name == "AGENTS.md") copy.file(".codex/" + name.string());
    }
}

std::pair<std::string, std::string> project_file(const std::string& url) {
    return {".codex/config.toml",
            "model = \"project-model\"\n[model_providers.minimax]\nname = \"project\"\nbase_url = \"" + url +
                "\"\nwire_api = \"responses\"\n"};
}

/// Another backend than OpenAI's must see the standard, public Responses API.
void check_request(std::set<std::string>& found, const RecordedRequest& request, const Conversation& conversation,
                   const Trial& trial) {
    if (trial.native) return;
    for (const auto& [name, value] : request.headers)
        if (name.starts_with("x-openai-internal"))
            found.insert("Codex sends the internal header " + name + ": its model catalog is missing or not ours");
    for (const auto& tool : conversation.tools)
        if (tool.type == "custom")
            found.insert("the tool \"" + tool.name +
                         "\" is of the type custom: its model catalog is missing or not ours");
}

void check_run(std::set<std::string>& found, const TrialRun& run) {
    if (run.err.find("metadata") != std::string::npos && run.err.find("not found") != std::string::npos)
        found.insert("Codex has no metadata for the model: the route gives it no model catalog");
}

}  // namespace

const TrialAgent codex_trial{
    .id = "codex",
    .prepare = prepare,
    .one_shot = one_shot,
    .copy_configuration = copy_configuration,
    .project_file = project_file,
    .check_request = check_request,
    .check_run = check_run,
};

}  // namespace capsule
