// Our part of Claude Code's .claude.json.
#pragma once

#include <optional>
#include <string>

#include "daemon/agents/plan.hpp"

namespace capsule {

/// The approval of an API key in Claude Code's .claude.json.
struct ClaudeApprovalIntent {
    std::string path;
    std::string key_tail;  ///< the key's last 20 characters, which is how Claude Code remembers one
    std::string key_name;  ///< under which it is noted that capsuled approved it: of each name one key is approved
};

/// Adds the approval and hasCompletedOnboarding, and takes away what it added for an earlier key of that name, and with
/// a warning the user's "No" to this key; all else survives as it was written. Broken JSON is config.conflict.
Result<Merged> merge_claude_json(const std::optional<std::string>& existing, const ClaudeApprovalIntent& intent);
FileIntent file_intent(ClaudeApprovalIntent intent);

}  // namespace capsule
