// Whether an agent did what its route says. Pure.
#pragma once

#include <string>
#include <vector>

#include "client/recorder/recorded_request.hpp"
#include "client/verify/trial.hpp"

namespace capsule {

/// What one start of an agent came to.
struct TrialRun {
    int exit_code = 0;  ///< 128 + the signal that ended it
    bool timed_out = false;
    bool interrupted = false;
    std::string out;
    std::string err;
    std::vector<RecordedRequest> requests;
};

/// The prompt of a trial makes the agent run a command whose output is this, which the command's text does not hold.
inline constexpr std::string_view trial_prompt = "[[run printf %s-%s capsule verified]]";
inline constexpr std::string_view trial_output = "capsule-verified";

/// Where the trial's project tries to send the session.
inline constexpr std::string_view project_path = "/project-settings";

/// The prompt of a run that comes near the window: all but a hundredth and a half of it.
std::string window_prompt(const Trial& trial);

/// One line, or none when the agent made its conversation shorter and went on.
std::vector<std::string> window_differences(const TrialRun& run, const Trial& trial);

/// One line for each difference, empty when all is as it should be. With `tier_model` ("" where a tier is not pinned)
/// the run was one of `--model <tier>` and must have asked for that model; then no tool call is expected.
std::vector<std::string> differences(const TrialRun& run, const Trial& trial, const std::string& dummy_key,
                                     const std::string* tier_model = nullptr);

}  // namespace capsule
