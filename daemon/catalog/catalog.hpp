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

/// What one agent needs to be right on a model.
struct ModelForAgent {
    std::map<std::string, Located<std::string>> env;  ///< variables added to the route
    std::any details;                                 ///< what only the agent's folder knows (its cell.hpp)
};

/// What is known of a model: [providers.<id>.models."<model>"]. What is 0 or empty is not known.
struct Model {
    std::string id;
    std::string origin;               ///< "catalog", or "capsule.toml:12" once an operator's table touched it
    std::int64_t context_window = 0;  ///< tokens, those that go in and those that come out together
    std::int64_t max_output = 0;      ///< tokens
    std::vector<std::string> input;   ///< of model_inputs
    std::optional<bool> reasoning;    ///< whether it reasons before it answers
    std::vector<std::string> levels;  ///< of reasoning, as the provider calls them, lightest first
    std::string default_level;        ///< one of `levels`; empty: the provider's own choice
    std::array<ModelForAgent, all_agents.size()> agents;

    const ModelForAgent& of(Agent agent) const { return agents[static_cast<std::size_t>(agent)]; }
    ModelForAgent& of(Agent agent) { return agents[static_cast<std::size_t>(agent)]; }
};

/// What a model can be given.
inline constexpr std::array<std::string_view, 5> model_inputs{"text", "image", "audio", "video", "pdf"};

/// What `limit.kind` can be: the hours' quota is used up, the week's or month's is, the plan has expired or there is
/// none, it lacks the model, the money is gone, the key is refused, too much at once. A rule's kind can also be "none":
/// such an answer is no limit, since what was asked is at fault.
inline constexpr std::array<std::string_view, 8> limit_kinds{"window",  "week", "plan", "model",
                                                             "balance", "key",  "busy", "none"};

/// What an answer of a provider means. All that a rule names must hold, and it names something beside its kind. The
/// first one that fits counts, those with a code or a text before those with a status alone.
struct RefusalRule {
    std::string kind;                 ///< of limit_kinds
    std::optional<int> status;        ///< the answer's
    std::optional<std::string> code;  ///< the error's own code or type: "1308", "rate_limit_error"
    std::optional<std::string> text;  ///< a part of the error's message, in any case
};

/// Where a provider says what is left of a plan.
struct UsageSource {
    std::string url;          ///< empty: nobody knows, or nobody is to ask
    std::string elsewhere{};  ///< where the operator has the provider, if nobody knows how to ask there; url is empty
    std::string shape;        ///< of the answer: one of usage_shapes
    bool documented = false;  ///< by the provider itself
};
inline constexpr std::array<std::string_view, 3> usage_shapes{"zai", "minimax", "kimi"};

struct Provider {
    std::string id;
    std::string origin;  ///< "catalog", or "capsule.toml:12" once an operator's table touched it
    std::string label;
    std::vector<std::string> other_names;  ///< by which people call it: for "did you mean"
    std::string key_env;
    std::string key_prefix;  ///< empty: any shape. A key of another shape warns and is used all the same.
    std::vector<std::string> other_key_names;  ///< under which people hold this key too; never read
    std::string subscribe_url;
    std::string key_url;
    std::string notes;
    std::int64_t timeout_ms = 0;
    UsageSource usage;
    std::vector<RefusalRule> refusals;
    std::string reset_zone;                     ///< "+08:00": of times without a zone in its refusals; empty: not known
    std::vector<Model> models;                  ///< those that are known, also by name alone
    std::array<Cell, all_agents.size()> cells;  ///< by agent

    const Cell& cell(Agent agent) const { return cells[static_cast<std::size_t>(agent)]; }
    Cell& cell(Agent agent) { return cells[static_cast<std::size_t>(agent)]; }
    CellKind kind(Agent agent) const { return cell(agent).kind; }
    /// Not the own account of any agent: its blocks go into the agents' files.
    bool alternative() const;
    /// The facts of a model; null: it is not known. What Claude Code adds to a name ("glm-5.3[1m]") is no part of it.
    const Model* model(std::string_view name) const;
};

struct Catalog {
    std::vector<Provider> providers;  ///< built-in ones in the catalog's order, then the operator's in theirs

    const Provider* find(std::string_view id) const;
    /// The id that was meant by `word`: another name of that provider's, its key's variable, a model of it, or nearly
    /// its id. None: nobody can tell.
    std::optional<std::string_view> meant_by(std::string_view word) const;
    const Provider* by_key_variable(std::string_view variable) const;
    std::vector<std::string_view> ids() const;
};

/// The text of providers.toml, compiled in.
std::string_view builtin_providers_toml();

/// What it says there, as it is written: builtin_value("providers.kimi", "label") is "\"Kimi\"". Empty: nothing.
std::string_view builtin_value(std::string_view table, std::string_view key);

}  // namespace capsule
