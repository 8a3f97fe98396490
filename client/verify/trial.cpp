#include "client/verify/trial.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace capsule {

namespace json = boost::json;

namespace {

constexpr std::string_view masked_prefix = "\xe2\x80\xa6";  // "…": how explain shows a secret

std::string stand_in(const TrialPlace& place) {
    return "http://127.0.0.1:" + std::to_string(place.port);
}

/// "https://api.z.ai/api/anthropic" → "/api/anthropic"
std::string path_of_url(std::string_view url) {
    const auto scheme = url.find("://");
    const auto slash = scheme == std::string_view::npos ? scheme : url.find('/', scheme + 3);
    if (slash == std::string_view::npos) return "";
    std::string path(url.substr(slash));
    while (path.ends_with('/'))
        path.pop_back();
    return path;
}

Error no_endpoint(const Trial& trial) {
    return {
        ErrorCode::config_conflict, "the route of " + trial.agent + " on " + trial.provider + " names no endpoint",
        "compare `capsulectl explain " + trial.agent + " --provider " + trial.provider + "` with the documentation"};
}

/// The argument after `flag`; empty if there is none.
std::string argument_after(const std::vector<std::string>& argv, std::string_view flag) {
    const auto found = std::find(argv.begin(), argv.end(), flag);
    return found == argv.end() || found + 1 == argv.end() ? "" : *(found + 1);
}

std::string tier_variable(std::string_view tier) {
    return "ANTHROPIC_DEFAULT_" + std::string(tier) + "_MODEL";
}

Result<void> prepare_claude(Trial& trial, const TrialPlace& place) {
    auto& env = trial.env;
    trial.native = !env.contains("ANTHROPIC_BASE_URL");
    if (trial.native && !env.contains("CLAUDE_CODE_OAUTH_TOKEN") && !env.contains("ANTHROPIC_API_KEY"))
        env["CLAUDE_CODE_OAUTH_TOKEN"] = place.dummy_key;  // in the home's own login's place
    const std::string path = trial.native ? "" : path_of_url(env["ANTHROPIC_BASE_URL"]);
    env["ANTHROPIC_BASE_URL"] = stand_in(place) + path;
    trial.path = path + "/v1/messages";
    trial.auth_header = env.contains("ANTHROPIC_API_KEY") ? "x-api-key" : "authorization";
    if (trial.native) return {};
    for (const auto& [tier, name] : {std::pair{"OPUS", "opus"}, std::pair{"SONNET", "sonnet"},
                                     std::pair{"HAIKU", "haiku"}, std::pair{"FABLE", "fable"}}) {
        const auto model = env.find(tier_variable(tier));
        // A tier that is not pinned is asked for all the same: what then goes out is no model of the provider's.
        trial.tiers[name] = model == env.end() ? "" : model->second;
        if (model != env.end()) trial.models.push_back(model->second);
    }
    return {};
}

Result<void> prepare_codex(Trial& trial, const TrialPlace& place) {
    trial.auth_header = "authorization";
    if (const auto model = argument_after(trial.argv, "-m"); !model.empty()) trial.models = {model};
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

Result<void> prepare_opencode(Trial& trial, const TrialPlace& place) {
    const std::string chosen = argument_after(trial.argv, "-m");
    if (!chosen.empty()) trial.models = {chosen.substr(chosen.find('/') + 1)};
    boost::system::error_code error;
    json::value content = json::parse(trial.env["OPENCODE_CONFIG_CONTENT"], error);
    const auto pointer = "/provider/" + trial.provider;
    json::value* url = error ? nullptr : content.find_pointer(pointer + "/options/baseURL", error);
    const json::value* npm = url == nullptr ? nullptr : content.find_pointer(pointer + "/npm", error);
    if (npm == nullptr || !url->is_string() || !npm->is_string()) return no_endpoint(trial);
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

/// The model that the session is said to have must be the one that its arguments and variables lead to.
void expect_model(Trial& trial, const ExplainResult& plan) {
    if (!plan.model || trial.native) return;
    if (trial.agent == "claude") {
        trial.tiers["opus"] = *plan.model;
    } else {
        trial.models = {*plan.model};
    }
}

/// Loopback must be reached directly, and nothing of the real home be written.
void isolate(Trial& trial, const TrialPlace& place) {
    for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"})
        trial.env.erase(name);
    trial.env["NO_PROXY"] = "127.0.0.1";
    trial.env["HOME"] = place.home;
    for (const auto& [name, directory] :
         {std::pair{"CODEX_HOME", "/.codex"}, std::pair{"XDG_CONFIG_HOME", "/.config"},
          std::pair{"CLAUDE_CONFIG_DIR", "/.claude"}, std::pair{"XDG_CACHE_HOME", "/.cache"}}) {
        if (trial.env.contains(name)) trial.env[name] = place.home + directory;
    }
    trial.env.erase("XDG_RUNTIME_DIR");
}

}  // namespace

std::string moved_home(std::string text, std::string_view real_home, std::string_view temporary_home) {
    if (real_home.empty()) return text;
    for (auto at = text.find(real_home); at != std::string::npos; at = text.find(real_home, at)) {
        text.replace(at, real_home.size(), temporary_home);
        at += temporary_home.size();
    }
    return text;
}

Result<Trial> make_trial(const ExplainResult& plan, const TrialPlace& place) {
    Trial trial;
    trial.agent = plan.agent;
    trial.provider = plan.provider;
    std::string real_home;
    for (const auto& variable : plan.env) {
        if (variable.name == "HOME") real_home = variable.value;
        trial.env[variable.name] = variable.value.starts_with(masked_prefix) ? place.dummy_key : variable.value;
    }
    for (const auto& argument : plan.argv)
        trial.argv.push_back(moved_home(argument, real_home, place.home));

    Result<void> prepared{};
    if (plan.agent == "claude") prepared = prepare_claude(trial, place);
    if (plan.agent == "codex") prepared = prepare_codex(trial, place);
    if (plan.agent == "opencode") prepared = prepare_opencode(trial, place);
    if (!prepared) return prepared.error();
    expect_model(trial, plan);
    isolate(trial, place);
    return trial;
}

}  // namespace capsule
