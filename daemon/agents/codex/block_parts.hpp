// Whose a part of the text between our marks in config.toml is. Pure.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/agents/codex/own_files.hpp"

namespace capsule {

/// What a table of ours says of a provider.
inline constexpr std::array<std::string_view, 4> our_settings{"name", "base_url", "env_key", "wire_api"};

/// The id, where the part is one table of a provider that capsuled writes tables for, with the settings that it writes
/// and no word more. The values may be older ones, or somebody's own: see has_our_values().
std::optional<std::string> our_id(std::string_view part, const TomlBlockIntent& intent);

/// Of a part that has an id: whether capsuled writes all of its values with the catalog that it has.
bool has_our_values(std::string_view part, const TomlBlockIntent& intent);

/// Codex itself adds some tables right before our last mark, since for it that is the end of the file.
bool is_written_by_codex(std::string_view part);

bool has_header(std::string_view part);

}  // namespace capsule
