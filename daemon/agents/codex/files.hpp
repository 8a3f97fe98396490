// Codex's files: our block in config.toml, and <profile>.config.toml and <profile>.models.json of each provider.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/agents/session.hpp"
#include "daemon/catalog/catalog.hpp"

namespace capsule {

/// The setting of Codex's that names a catalog of models.
inline constexpr std::string_view catalog_setting = "model_catalog_json";

struct CodexFiles {
    std::vector<FileIntent> intents;
    std::optional<std::string> session_catalog;  ///< for the session's model_catalog_json; none: start without
    std::vector<Warning> warnings;
};

/// What is known of the model on that provider, for Codex.
Model codex_facts(const Provider& provider, const std::string& model);

/// The global files, and when `session` is given and not native its model's catalog. A file that a
/// session's argv names stays as long as that provider's key resolves in any scope.
CodexFiles render_codex_files(const SessionInputs& inputs, const Route* session);

}  // namespace capsule
