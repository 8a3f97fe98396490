// Looks at the settings files that a session's agent will read; see daemon/agents/survey.hpp for what they can do.
#pragma once

#include <string>
#include <vector>

#include "daemon/agents/survey.hpp"

namespace capsule {

/// What the files of the project at `cwd` (absolute), of the home and of the machine set that a session of `route`
/// would have to be held against; adds to the plan's warnings what the project's say. Never fails: what cannot be read
/// here, with the calling thread's identity, its agent cannot read either. Waits for no FIFO, and reads at most
/// survey_bytes of at most survey_files files; one that is too large (SettingsPlace::largest) is named as such. What is
/// found is listed as far as daemon/home/found_settings.hpp says.
std::vector<FoundSetting> survey_session(const SessionHome& home, const std::string& cwd, const Route& route,
                                         ProjectSettings project_settings, const HomeFacts& facts, Plan& plan);

inline constexpr std::size_t survey_files = 256;
inline constexpr std::size_t survey_bytes = 2 * 1024 * 1024;

}  // namespace capsule
