// How `capsulectl verify` tries an agent: one TrialAgent for each, in a file of its own; agents.cpp lists them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/recorder/conversation.hpp"
#include "client/recorder/recorded_request.hpp"
#include "client/verify/trial.hpp"
#include "protocol/errors.hpp"

namespace capsule {

struct TrialRun;

/// Copies a file, or the text files of a directory, from the real home to the trial's, without keys; by its path below
/// the home.
struct ConfigurationCopy {
    /// Where the session has that path, which is one below the home.
    std::function<std::filesystem::path(const std::string& path)> real;
    std::function<void(const std::string& path)> file;
    std::function<void(const std::string& path)> directory;
};

struct TrialAgent {
    std::string_view id{};  ///< as in protocol/agents.hpp
    /// The tier that the session's model is; empty: the agent has no tiers.
    std::string_view main_tier{};
    /// Puts the stand-in in the provider's place, and says what must come there. config.conflict: no endpoint.
    Result<void> (*prepare)(Trial& trial, const TrialPlace& place) = nullptr;
    /// The agent's own words for "one prompt, no person, tools may run"; with a tier: on that tier, without tools.
    std::vector<std::string> (*one_shot)(const std::string& prompt, const std::string& tier) = nullptr;
    /// Copies its configuration. Never a login: no auth.json, no .credentials.json, no .env.
    void (*copy_configuration)(const ConfigurationCopy& copy) = nullptr;
    /// Project settings that point at `url`: a path below the project → text.
    std::pair<std::string, std::string> (*project_file)(const std::string& url) = nullptr;
    /// Adds to `found` what is wrong with a request that carries a prompt. Null: nothing but what all must have.
    void (*check_request)(std::set<std::string>& found, const RecordedRequest& request,
                          const Conversation& conversation, const Trial& trial) = nullptr;
    /// The same of a whole run.
    void (*check_run)(std::set<std::string>& found, const TrialRun& run) = nullptr;
};

extern const TrialAgent claude_trial;
extern const TrialAgent codex_trial;
extern const TrialAgent opencode_trial;

/// Null for an id that is not known here.
const TrialAgent* trial_agent(std::string_view id);
const std::vector<const TrialAgent*>& trial_agents();

/// The stand-in's address.
std::string stand_in(const TrialPlace& place);
/// "https://api.z.ai/api/anthropic" → "/api/anthropic"
std::string path_of_url(std::string_view url);
Error no_endpoint(const Trial& trial);
/// The number in a text; 0 if it is none.
std::int64_t number_in(std::string_view text);
/// The argument after `flag`; empty if there is none.
std::string argument_after(const std::vector<std::string>& argv, std::string_view flag);

}  // namespace capsule
