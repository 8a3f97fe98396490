// The agents that a session can be started with: their ids and labels, which daemon and client share. What the daemon
// does with each is in daemon/agents, what the client's `verify` does in client/verify/agents.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace capsule {

enum class Agent { claude, codex, opencode };

struct AgentFacts {
    Agent agent;
    std::string_view id;     ///< on the wire, and the name of the binary
    std::string_view label;  ///< on a tab: "Claude (Z.AI)"
};

/// In the order of the enumeration.
inline constexpr std::array<AgentFacts, 3> all_agents = [] {
    using enum Agent;
    return std::array<AgentFacts, 3>{{
        {claude, "claude", "Claude"},
        {codex, "codex", "Codex"},
        {opencode, "opencode", "OpenCode"},
    }};
}();

constexpr const AgentFacts& facts_of(Agent agent) {
    return all_agents[static_cast<std::size_t>(agent)];
}
constexpr std::string_view id_of(Agent agent) {
    return facts_of(agent).id;
}

constexpr std::optional<Agent> agent_named(std::string_view id) {
    for (const AgentFacts& facts : all_agents)
        if (facts.id == id) return facts.agent;
    return std::nullopt;
}

/// "The agents are claude, codex, opencode.", for a hint.
inline std::string the_agents() {
    std::string names;
    for (const AgentFacts& facts : all_agents)
        names.append(names.empty() ? "" : ", ").append(facts.id);
    return "The agents are " + names + ".";
}

}  // namespace capsule
