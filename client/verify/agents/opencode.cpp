#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "client/verify/agents/agent.hpp"

namespace capsule {
namespace {

namespace json = boost::json;

Result<void> prepare(Trial& trial, const TrialPlace& place) {
    const std::string chosen = argument_after(trial.argv, "-m");
    if (!chosen.empty()) trial.models = {chosen.substr(chosen.find('/') + 1)};
    boost::system::error_code error;
    json::value content = json::parse(trial.env["OPENCODE_CONFIG_CONTENT"], error);
    const auto pointer = "/provider/" + trial.provider;
    json::value* url = error ? nullptr : content.find_pointer(pointer + "/options/baseURL", error);
    const json::value* npm = url == nullptr ? nullptr : content.find_pointer(pointer + "/npm", error);
    if (npm == nullptr || !url->is_string() || !npm->is_string()) return no_endpoint(trial);
    if (!trial.models.empty())
        if (const json::value* window =
                content.find_pointer(pointer + "/models/" + trial.models.front() + "/limit/context", error))
            trial.window = window->is_int64() ? window->get_int64() : 0;
    const std::string path = path_of_url(url->get_string());
    *url = stand_in(place) + path;
    trial.env["OPENCODE_CONFIG_CONTENT"] = json::serialize(content);
    const bool anthropic = npm->get_string() == "@ai-sdk/anthropic";
    trial.auth_header = anthropic ? "x-api-key" : "authorization";
    trial.path = path + (anthropic                               ? "/messages"
                         : npm->get_string() == "@ai-sdk/openai" ? "/responses"
                                                                 : "/chat/completions");
    return {};
}

std::vector<std::string> one_shot(const std::string& prompt, const std::string& /*tier*/) {
    return {"run", prompt};
}

void copy_configuration(const ConfigurationCopy& copy) {
    const std::string directory = ".config/opencode";
    for (const char* name : {"", "/agent", "/agents", "/command", "/commands"})
        copy.directory(directory + name);
}

std::pair<std::string, std::string> project_file(const std::string& url) {
    json::object providers;
    for (const char* id : {"anthropic", "zai", "minimax", "kimi"})
        providers[id] = json::object{{"options", {{"baseURL", url}, {"apiKey", "project"}}}};
    return {"opencode.json", json::serialize(json::object{{"provider", std::move(providers)}})};
}

}  // namespace

const TrialAgent opencode_trial{
    .id = "opencode",
    .prepare = prepare,
    .one_shot = one_shot,
    .copy_configuration = copy_configuration,
    .project_file = project_file,
};

}  // namespace capsule
