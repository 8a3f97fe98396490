// What is known of each provider: plain data, read from providers.toml and the operator's [providers.<id>] tables.
#pragma once

#include <any>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/located.hpp"
#include "protocol/agents.hpp"

namespace capsule {

/// How an agent and a provider go together.
enum class CellKind {
    unsupported,  ///< n/a: the agent is left out of the provider's table
    native,       ///< the agent's own account
    blocked,      ///< known not to work, with a reason
    routed,       ///< wired by a renderer
};

/// One agent's wiring on one provider.
struct Cell {
    CellKind kind = CellKind::unsupported;
    std::string blocked_reason;
    std::string base_url;                               ///< without what the agent appends to it
    Located<std::string> model;                         ///< empty value: the agent's own choice
    std::map<std::string, Located<std::string>> tiers;  ///< of an agent with several models: "sonnet", "haiku"
    std::map<std::string, Located<std::string>> env;    ///< variables added to the route
    std::any details;                                   ///< what only the agent's folder knows (its cell.hpp)
};

struct Provider {
    std::string id;
    std::string origin;  ///< "catalog", or "capsule.toml:12" once an operator's table touched it
    std::string label;
    std::string key_env;
    std::string key_prefix;  ///< empty: any shape. A key of another shape warns and is used all the same.
    std::string subscribe_url;
    std::string key_url;
    std::string notes;
    std::int64_t timeout_ms = 0;
    std::vector<std::string> models;            ///< further ones known to work
    std::array<Cell, all_agents.size()> cells;  ///< by agent

    const Cell& cell(Agent agent) const { return cells[static_cast<std::size_t>(agent)]; }
    Cell& cell(Agent agent) { return cells[static_cast<std::size_t>(agent)]; }
    CellKind kind(Agent agent) const { return cell(agent).kind; }
    /// Not the own account of any agent: its blocks go into the agents' files.
    bool alternative() const;
};

struct Catalog {
    std::vector<Provider> providers;  ///< built-in ones in the catalog's order, then the operator's in theirs

    const Provider* find(std::string_view id) const;
    const Provider* by_key_variable(std::string_view variable) const;
    std::vector<std::string_view> ids() const;
};

/// The text of providers.toml, compiled in.
std::string_view builtin_providers_toml();

}  // namespace capsule
