// What a renderer gives: the session's exact start, and what is ours in its files. No I/O.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/base/secret.hpp"
#include "protocol/agents.hpp"
#include "protocol/messages.hpp"

namespace capsule {

struct Argument {
    std::string value;
    std::string from;
};

/// One variable of a session. A secret one is shown masked by everything but the spawn answer itself.
struct Variable {
    std::variant<std::string, Secret> value;
    std::string from;

    std::string_view reveal() const;
    std::string shown() const;
    bool secret() const { return std::holds_alternative<Secret>(value); }
};
using Environment = std::map<std::string, Variable>;

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
};

/// A file that is wholly ours. No content: it goes.
struct OwnFileIntent {
    std::string path;
    std::optional<std::string> content;
    bool needed = false;  ///< the session's argv names it: without it there is no session
};

/// One provider block of opencode.json.
struct OpencodeBlock {
    std::string id;
    std::string name;
    std::string npm;
    std::string base_url;
    std::variant<std::string, Secret> api_key;  ///< a plain string is a reference, "{env:ZAI_API_KEY}"
    std::string model;
};

struct OpencodeJsonIntent {
    std::string path;
    std::vector<OpencodeBlock> blocks;  ///< of providers whose key is present
    /// Every provider that could have a block of ours: how one whose key is gone is recognised (npm and base_url).
    std::vector<OpencodeBlock> known;
    /// Nothing of ours should stand in it any more.
    bool only_remove = false;
    /// What "permission" should say where no permission of the user's stands in any file; empty: nothing.
    std::string permission = "allow";
    /// The other files that OpenCode merges with this one. A permission in one of them must not be weakened.
    std::vector<std::string> merged_files{};
};

/// The approval of an API key in Claude Code's .claude.json.
struct ClaudeApprovalIntent {
    std::string path;
    std::string key_tail;  ///< the key's last 20 characters, which is how Claude Code remembers one
};

using FileIntent = std::variant<TomlBlockIntent, OwnFileIntent, OpencodeJsonIntent, ClaudeApprovalIntent>;

const std::string& path_of(const FileIntent& intent);

struct Plan {
    std::vector<Argument> argv;
    Environment env;
    std::vector<std::string> unset;
    std::vector<std::string> dropped;
    std::vector<FileIntent> files;
    std::vector<Warning> warnings;
};

}  // namespace capsule
