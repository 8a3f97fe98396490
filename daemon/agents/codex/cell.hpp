// What only Codex has in the catalog.
#pragma once

#include <any>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/catalog/catalog.hpp"

namespace capsule {

/// The one protocol that Codex speaks: it does not start on "chat" any more.
inline constexpr std::string_view codex_wire_api = "responses";

/// Cell::details of Codex.
struct CodexCell {
    std::int64_t context_window = 0;  ///< tokens
    std::string profile{};            ///< names the files <profile>.config.toml and <profile>.models.json
};

inline const CodexCell& codex_cell(const Cell& cell) {
    static const CodexCell nothing;
    const auto* own = std::any_cast<CodexCell>(&cell.details);
    return own ? *own : nothing;
}

}  // namespace capsule
