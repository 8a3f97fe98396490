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
    std::int64_t context_window = 0;  ///< tokens, of the model `window_of`; 0: what is known of the model says it
    std::string window_of{};
    std::string profile{};  ///< names the files <profile>.config.toml and <profile>.models.json
};

inline const CodexCell& codex_cell(const Cell& cell) {
    static const CodexCell nothing;
    const auto* own = std::any_cast<CodexCell>(&cell.details);
    return own ? *own : nothing;
}

/// ModelForAgent::details of Codex: members of the model's entry in Codex's catalog.
struct CodexModelFields {
    std::int64_t window_percent = 95;        ///< of the window that Codex fills
    std::string truncation_mode = "bytes";   ///< what truncation_limit counts: "bytes" or "tokens"
    std::int64_t truncation_limit = 10'000;  ///< of a tool's output
    bool freeform_apply_patch = false;       ///< as a tool of the type "custom", which not every provider takes
};

inline CodexModelFields codex_fields(const ModelForAgent& model) {
    const auto* fields = std::any_cast<CodexModelFields>(&model.details);
    return fields ? *fields : CodexModelFields{};
}

}  // namespace capsule
