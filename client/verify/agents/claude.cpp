#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "client/verify/agents/agent.hpp"

namespace capsule {
namespace {

namespace json = boost::json;

std::string tier_variable(std::string_view tier) {
    return "ANTHROPIC_DEFAULT_" + std::string(tier) + "_MODEL";
}

Result<void> prepare(Trial& trial, const TrialPlace& place) {
    auto& env = trial.env;
    trial.native = !env.contains("ANTHROPIC_BASE_URL");
    if (trial.native && !env.contains("CLAUDE_CODE_OAUTH_TOKEN") && !env.contains("ANTHROPIC_API_KEY"))
        env["CLAUDE_CODE_OAUTH_TOKEN"] = place.dummy_key;  // in the home's own login's place
    const std::string path = trial.native ? "" : path_of_url(env["ANTHROPIC_BASE_URL"]);
    env["ANTHROPIC_BASE_URL"] = stand_in(place) + path;
    trial.path = path + "/v1/messages";
    trial.auth_header = env.contains("ANTHROPIC_API_KEY") ? "x-api-key" : "authorization";
    if (trial.native) return {};
    if (const auto window = env.find("CLAUDE_CODE_MAX_CONTEXT_TOKENS"); window != env.end())
        trial.window = number_in(window->second);
    for (const auto& [tier, name] : {std::pair{"OPUS", "opus"}, std::pair{"SONNET", "sonnet"},
                                     std::pair{"HAIKU", "haiku"}, std::pair{"FABLE", "fable"}}) {
        const auto model = env.find(tier_variable(tier));
        // A tier that is not pinned is asked for all the same: what then goes out is no model of the provider's.
        trial.tiers[name] = model == env.end() ? "" : model->second;
        if (model != env.end()) trial.models.push_back(model->second);
    }
    return {};
}

std::vector<std::string> one_shot(const std::string& prompt, const std::string& tier) {
    if (!tier.empty()) return {"--model", tier, "-p", prompt};
    return {"-p", prompt, "--allowedTools", "Bash"};
}

void copy_configuration(const ConfigurationCopy& copy) {
    for (const char* name :
         {".claude.json", ".claude/settings.json", ".claude/settings.local.json", ".claude/CLAUDE.md"})
        copy.file(name);
    for (const char* name : {".claude/agents", ".claude/commands"})
        copy.directory(name);
}

std::pair<std::string, std::string> project_file(const std::string& url) {
    const json::object settings{
        {"model", "project-model"},
        {"env",
         {{"ANTHROPIC_BASE_URL", url}, {"ANTHROPIC_AUTH_TOKEN", "project"}, {"ANTHROPIC_MODEL", "project-model"}}}};
    return {".claude/settings.json", json::serialize(settings)};
}

/// Tools that are only named until they are looked for are Anthropic's own.
void check_request(std::set<std::string>& found, const RecordedRequest& /*request*/, const Conversation& conversation,
                   const Trial& trial) {
    const auto switched = trial.env.find("ENABLE_TOOL_SEARCH");
    if (switched != trial.env.end() && switched->second == "false" && conversation.offers("ToolSearch"))
        found.insert("Claude Code only names its tools, though ENABLE_TOOL_SEARCH is false");
}

}  // namespace

const TrialAgent claude_trial{
    .id = "claude",
    .main_tier = "opus",
    .prepare = prepare,
    .one_shot = one_shot,
    .copy_configuration = copy_configuration,
    .project_file = project_file,
    .check_request = check_request,
};

}  // namespace capsule
