// Codex's files, and how our part and the user's go into one: config.toml with our block, and files wholly ours.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/agents/plan.hpp"

namespace capsule {

struct CodexConfigFile;

/// [model_providers.<id>] tables between our markers in Codex's config.toml. No tables: our block goes.
struct TomlBlockIntent {
    struct Table {
        std::string id;    ///< of the provider
        std::string text;  ///< "[model_providers.minimax]\nname = …\n", '\n' line ends
    };
    std::string path;
    std::vector<Table> tables;
    /// Profiles whose --profile a legacy table in this file would break ([profiles.<name>]).
    std::vector<std::string> profiles;
    /// Every provider that could have a table of ours: how one whose key is gone is recognised.
    std::vector<std::string> known{};
    /// The file as it was when somebody else looked at it, if anybody did.
    std::shared_ptr<const CodexConfigFile> seen{};
    /// Whether capsuled writes such a setting into that provider's table with the catalog that it has. A table between
    /// our marks with another one may have been changed by the user, and the file is kept. Null: none is.
    std::function<bool(std::string_view id, std::string_view setting, std::string_view value)> is_our_value{};
};

/// `existing` is none when there is no file. Every byte outside our block survives. config.conflict, naming line and
/// cure: invalid TOML, no place for a block, a legacy profile.
Result<Merged> merge_toml_block(const std::optional<std::string>& existing, const TomlBlockIntent& intent);
FileIntent file_intent(TomlBlockIntent intent);

/// A file that is wholly ours. No content: it goes.
struct OwnFileIntent {
    std::string path;
    std::optional<std::string> content;
    /// Of a <profile>.config.toml of our shape: whether capsuled writes that text with the catalog that it has. Another
    /// one may have been changed by the user, and is kept. Null: none is.
    std::function<bool(std::string_view text)> is_our_text{};
};

/// A file that is wholly ours: only its content counts. An existing <profile>.config.toml of the user's own (without
/// our header, or with more than our two settings) stays, with a warning; an existing *.models.json that is not as we
/// wrote it is replaced, since a session's argv names it, but kept (save_existing). Neither is removed.
Result<Merged> merge_own_file(const std::optional<std::string>& existing, const OwnFileIntent& intent);
FileIntent file_intent(OwnFileIntent intent);

}  // namespace capsule
