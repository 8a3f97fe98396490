// Codex's functions for its descriptor.
#pragma once

#include "daemon/agents/agent.hpp"

namespace capsule {

BrokeredRoute brokered_codex(const Route& route, std::string_view variable);
Result<void> render_codex(Plan& plan, const Route& route, const SessionInputs& inputs);
std::vector<FileIntent> codex_files(const SessionInputs& inputs, std::vector<Warning>& warnings);

std::vector<SettingsPlace> codex_settings_places(const SessionHome& home, const std::vector<std::string>& directories);
void survey_codex(Findings& findings, std::string_view text);

}  // namespace capsule
