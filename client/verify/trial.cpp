#include "client/verify/trial.hpp"

#include "client/verify/agents/agent.hpp"
#include "client/verify/moved_homes.hpp"

namespace capsule {

namespace {

constexpr std::string_view masked_prefix = "\xe2\x80\xa6";  // "…": how explain shows a secret

/// The model that the session is said to have must be the one that its arguments and variables lead to.
void expect_model(Trial& trial, const TrialAgent& agent, const ExplainResult& plan) {
    if (!plan.model || trial.native) return;
    if (agent.main_tier.empty()) {
        trial.models = {*plan.model};
    } else {
        trial.tiers[std::string(agent.main_tier)] = *plan.model;
    }
}

/// Loopback must be reached directly, and nothing of the real home be written.
void isolate(Trial& trial, const TrialPlace& place) {
    for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"})
        trial.env.erase(name);
    trial.env["NO_PROXY"] = "127.0.0.1";
    trial.env["HOME"] = place.home;
    for (const auto& [name, directory] : variables_of_homes)
        if (const auto found = trial.env.find(std::string(name)); found != trial.env.end())
            found->second = place.home + "/" + std::string(directory);
    trial.env.erase("XDG_RUNTIME_DIR");
    trial.env.emplace("TMPDIR", place.home);  // not /tmp, where other users can make names first
}

}  // namespace

Result<Trial> make_trial(const ExplainResult& plan, const TrialPlace& place) {
    Trial trial;
    trial.agent = plan.agent;
    trial.provider = plan.provider;
    for (const auto& variable : plan.env)
        trial.env[variable.name] = variable.value.starts_with(masked_prefix) ? place.dummy_key : variable.value;
    const MovedHomes homes(trial.env, place.home);
    for (const auto& argument : plan.argv)
        trial.argv.push_back(homes.moved_in(argument));

    const TrialAgent* agent = trial_agent(plan.agent);
    if (!agent)
        return Error{ErrorCode::agent_unknown, "capsulectl cannot try the agent " + plan.agent,
                     "use the capsulectl of the daemon's own version"};
    if (auto prepared = agent->prepare(trial, place); !prepared) return prepared.error();
    expect_model(trial, *agent, plan);
    isolate(trial, place);
    return trial;
}

}  // namespace capsule
