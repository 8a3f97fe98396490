// Our part and the user's in one file: each takes the file as it is and gives it as it should be. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/agents/plan.hpp"
#include "protocol/errors.hpp"

namespace capsule {

struct Merged {
    std::optional<std::string> text;  ///< none: the file should not exist (or stay away)
    bool holds_key = false;           ///< then its mode is forced to 0600
    std::vector<Warning> warnings{};
    /// The existing file is not ours and is about to be replaced: to be kept as NAME.before-capsuled first.
    bool save_existing = false;
};

/// `existing` is none when there is no file. Every byte outside our block survives. config.conflict, naming line and
/// cure: invalid TOML, no place for a block, a legacy profile.
Result<Merged> merge_toml_block(const std::optional<std::string>& existing, const TomlBlockIntent& intent);

/// The user's members survive as they were written. JSONC is left as it is with a warning; broken JSON is
/// config.conflict.
Result<Merged> merge_opencode_json(const std::optional<std::string>& existing, const OpencodeJsonIntent& intent);

/// Adds the approval and hasCompletedOnboarding; all else survives as it was written. Broken JSON is config.conflict.
Result<Merged> merge_claude_json(const std::optional<std::string>& existing, const ClaudeApprovalIntent& intent);

/// A file that is wholly ours: only its content counts. An existing <profile>.config.toml of the user's own (without
/// our header, and with other settings than ours) stays, with a warning; an existing *.models.json that is not one of
/// ours is replaced, since a session's argv names it, but kept (save_existing). Neither is removed.
Result<Merged> merge_own_file(const std::optional<std::string>& existing, const OwnFileIntent& intent);

Result<Merged> merge(const std::optional<std::string>& existing, const FileIntent& intent);

/// What of `intent` is ours, secrets masked, as `explain` shows it; none when it only removes.
std::optional<std::string> shown_content(const FileIntent& intent);

}  // namespace capsule
