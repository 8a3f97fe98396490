// Rules of the cells that both the files' reader and the router go by.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/catalog/catalog.hpp"

namespace capsule {

/// The agent's own account, or, for OpenCode which has none, Anthropic with its key: first in the picker, and what
/// [<agent>] model is for.
bool counts_as_native(Agent agent, const Provider& provider);

struct ModelConflict {
    std::string message;
    std::string hint;
};

/// Why `model` cannot be meant for this cell: for OpenCode "<provider>/<id>" of another provider; for Claude Code on
/// another's backend one of its own aliases ("sonnet"), which would reach that backend as it stands.
std::optional<ModelConflict> model_conflict(const Catalog& catalog, Agent agent, const Provider& provider,
                                            std::string_view model);

/// OpenCode takes both "<id>" and "<provider>/<id>": this is the id. A prefix that is not `provider` stays, since
/// models may have a slash of their own.
std::string without_provider(std::string_view model, const Provider& provider);

}  // namespace capsule
