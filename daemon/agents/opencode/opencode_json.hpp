// Our part of OpenCode's opencode.json.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/agents/opencode/block.hpp"
#include "daemon/agents/plan.hpp"

namespace capsule {

struct OpencodeJsonIntent {
    std::string path;
    std::vector<OpencodeBlock> blocks;  ///< of providers whose key is present
    /// Every provider that could have a block of ours: how one whose key is gone is recognised (name, npm, base_url).
    std::vector<OpencodeBlock> known;
    /// Nothing of ours should stand in it any more.
    bool only_remove = false;
    /// What "permission" should say where no permission of the user's stands in any file; empty: nothing.
    std::string permission = "allow";
    /// The other files that OpenCode merges with this one. A permission in one of them must not be weakened.
    std::vector<std::string> merged_files{};
    std::vector<Secret> keys{};  ///< that this file may have had from capsuled
    /// Whether it may have had earlier ones: they stand in its blocks in the place of today's.
    bool has_earlier_keys = false;
    /// Whether capsuled would write such a block of that provider's with the catalog that it has, in whatever form: its
    /// key and its model are ours. Another one may be the user's own, and the file is kept. Null: none is.
    std::function<bool(std::string_view id, const boost::json::object& block)> is_ours_alone{};
    /// Whether such a block, which has another name than `known` says, is ours by its key: an operator's label may have
    /// changed since it was written. Null: none is.
    std::function<bool(std::string_view id, const boost::json::object& block)> is_ours_by_key{};
};

/// The user's members survive as they were written. JSONC is left as it is with a warning, but for a key of ours that
/// is not to stand there; broken JSON is config.conflict. A key in what is the user's own is a warning (opencode.key).
Result<Merged> merge_opencode_json(const std::optional<std::string>& existing, const OpencodeJsonIntent& intent);
FileIntent file_intent(OpencodeJsonIntent intent);

}  // namespace capsule
