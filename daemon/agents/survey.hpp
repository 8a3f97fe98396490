// Settings of a project, a home or this machine that would take a session elsewhere, and what holds against each. No
// I/O, and no value of a setting comes out: names only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/agents/route.hpp"
#include "daemon/agents/session.hpp"
#include "protocol/spawn_messages.hpp"

namespace capsule {

/// Whose a settings file is: the machine's are an administrator's and may outrank the session's own arguments.
enum class SettingsOwner { project, home, machine };

enum class SettingsFormat {
    claude_settings,
    claude_json,  ///< .claude.json, Claude Code's own state
    mcp_json,
    codex_config,
    opencode_config,
    opencode_tui,  ///< tui.json: of its screen
    opencode_auth,
    agent_definition,  ///< Markdown with a head of "name: value" lines
    codex_role,        ///< TOML, of one of Codex's agents
    codex_places,      ///< environments.toml: where Codex runs commands
    plugin,            ///< code: that it is there is all that matters
};

/// How much of a settings file is looked at where nothing else is said of it.
inline constexpr std::size_t survey_file_bytes = 512 * 1024;

/// A place where the agent reads settings.
struct SettingsPlace {
    std::string path;
    SettingsOwner owner;
    SettingsFormat format;
    /// All files of the directory `path` are meant that have the ending of the format (for plugin: any).
    bool directory = false;
    /// A larger file is not looked at.
    std::size_t largest = survey_file_bytes;
    bool is_above = false;  ///< of the project's: it is above what looks like the project's root
};

/// Every place where the agent looks, an outer directory's after an inner one's. `directories` are the session's
/// directory and those above it up to the root of its repository.
std::vector<SettingsPlace> settings_places(Agent agent, const SessionHome& home,
                                           const std::vector<std::string>& directories);

/// Of the directories above that root those places where the agent may look all the same.
std::vector<SettingsPlace> places_above(Agent agent, const SessionHome& home,
                                        const std::vector<std::string>& directories);

/// What a finding depends on besides the file.
struct SurveyedSession {
    const Route& route;
    const Plan& plan;
    bool ignore_project = false;       ///< [session] project_settings = "ignore"
    const HomeFacts* facts = nullptr;  ///< what the agent found in the home; none: it did not look
};

/// What one file of `place` sets that would matter to the session, were there no pins; at most max_findings. A text
/// that the agent cannot read either (broken) gives nothing. Fails where the agent may read what capsuled does not: an
/// object of too many members, too many levels, no time left.
Result<std::vector<FoundSetting>> survey_settings(const SettingsPlace& place, const std::string& path,
                                                  std::string_view text, const SurveyedSession& session);
inline constexpr std::size_t max_findings = 64;

/// What a session says of its project's files, one warning each: settings.neutralised, settings.not_held.
std::vector<Warning> survey_warnings(const std::vector<FoundSetting>& project_findings, const SurveyedSession& session);

}  // namespace capsule
