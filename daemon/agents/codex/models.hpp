// A Codex model catalog with one entry for a provider's model, derived from the installed Codex's own. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/catalog/catalog.hpp"
#include "protocol/errors.hpp"

namespace capsule {

struct CodexModel {
    std::string id;        ///< as the provider knows it: "MiniMax-M3"
    std::string provider;  ///< its label, for the identity sentence
    Model facts{};         ///< what is known of it
};

/// The tokens at which Codex makes its conversation shorter.
inline std::int64_t compact_limit(const Model& facts) {
    return facts.context_window / 10 * 9;
}

/// `own_models` is what `codex debug models --bundled` printed. Gives the text of <profile>.models.json. Fails with
/// config.conflict when that output cannot be understood; the session then starts without a catalog.
Result<std::string> derive_codex_models(std::string_view own_models, const CodexModel& model);

}  // namespace capsule
