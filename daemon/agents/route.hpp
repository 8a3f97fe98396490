// How one session is wired: what routing decides and an agent renders.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "daemon/catalog/catalog.hpp"

namespace capsule {

/// `provider` lives in the Config that the session was routed with.
struct Route {
    Agent agent{};
    const Provider* provider = nullptr;
    bool native = false;                          ///< on the agent's own account
    std::optional<Located<std::string>> model{};  ///< none: the agent's own choice. With tiers: the first tier's.
    std::map<std::string, Located<std::string>> tiers{};  ///< the further tiers' models by name; not where native

    const Cell& cell() const { return provider->cell(agent); }
};

}  // namespace capsule
