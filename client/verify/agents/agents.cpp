#include <algorithm>
#include <charconv>

#include "client/verify/agents/agent.hpp"

namespace capsule {

const std::vector<const TrialAgent*>& trial_agents() {
    static const std::vector<const TrialAgent*> list{
        &claude_trial,
        &codex_trial,
        &opencode_trial,
    };
    return list;
}

const TrialAgent* trial_agent(std::string_view id) {
    const auto& list = trial_agents();
    const auto found = std::find_if(list.begin(), list.end(), [&](const TrialAgent* each) { return each->id == id; });
    return found == list.end() ? nullptr : *found;
}

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

std::int64_t number_in(std::string_view text) {
    std::int64_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    return read.ec == std::errc() ? number : 0;
}

/// The argument after `flag`; empty if there is none.
std::string argument_after(const std::vector<std::string>& argv, std::string_view flag) {
    const auto found = std::find(argv.begin(), argv.end(), flag);
    return found == argv.end() || found + 1 == argv.end() ? "" : *(found + 1);
}

}  // namespace capsule
