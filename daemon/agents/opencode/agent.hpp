// OpenCode's functions for its descriptor.
#pragma once

#include "daemon/agents/agent.hpp"

namespace capsule {

BrokeredRoute brokered_opencode(const Route& route, std::string_view variable);
Result<void> render_opencode(Plan& plan, const Route& route, const SessionInputs& inputs);
std::vector<FileIntent> opencode_files(const SessionInputs& inputs, std::vector<Warning>& warnings);

std::vector<SettingsPlace> opencode_settings_places(const SessionHome& home,
                                                    const std::vector<std::string>& directories);
void survey_opencode(Findings& findings, std::string_view text);

/// OpenCode takes both "<id>" and "<provider>/<id>": this is the id. A prefix that is not `provider` stays, since
/// models may have a slash of their own.
std::string without_provider(std::string_view model, const Provider& provider);

/// Whether a configuration, of which these settings were found, would have OpenCode send something out by itself (a
/// URL with {env:…} in it, a shared session), or may: not all of it is understood.
bool may_send_out(const std::vector<FoundSetting>& settings);

/// Has OpenCode leave the project's configuration out: for sessions where it would send something out by itself.
void leave_project_out(Plan& plan, std::string_view from);

/// Has OpenCode leave out all of a project that a switch of its leaves out: its configuration, the skills of .claude
/// and .agents in it and above (JavaScript can stand in a skill's head, which runs at the start), and the language
/// servers and formatters of `node_modules/.bin`.
void leave_all_of_project_out(Plan& plan, std::string_view from);

}  // namespace capsule
