// A Codex model catalog with one entry for a provider's model, derived from the installed Codex's own. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "daemon/agents/session.hpp"
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

/// What of the installed Codex's own list a provider's model is derived from.
struct CodexModelList {
    std::string members;  ///< of its model's entry, as JSON: those that are the same for every model of a provider
    std::string rest_of_prompt;    ///< of that model's, after the sentence that says which model it is
    std::set<std::string> levels;  ///< of reasoning that this Codex can read
};

/// `printed` is what `codex debug models --bundled` printed. Fails with config.conflict when that cannot be understood;
/// the session then starts without a catalog.
Result<CodexModelList> read_codex_models(std::string_view printed);

/// The same for ModelListQuestion::read: ModelList::own of Codex.
std::any codex_model_list(std::string_view printed);

/// The text of <profile>.models.json. A sum of it at its end says later whether it is still as capsuled wrote it.
std::string derive_codex_models(const CodexModelList& own, const CodexModel& model);

/// Whether any capsuled wrote that text, and nobody has changed it since.
bool is_as_derived(std::string_view text);

/// Fails where there is no list, and as read_codex_models() did.
Result<std::string> derive_codex_models(const ModelList& own, const CodexModel& model);

}  // namespace capsule
