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

/// Has OpenCode start no language server and no formatter: it takes those of `node_modules/.bin` in the project and
/// above.
void leave_programs_out(Plan& plan);

}  // namespace capsule
