#include "daemon/agents/list.hpp"

#include <array>

namespace capsule {
namespace {

/// In the order of all_agents (protocol/agents.hpp).
constexpr std::array<const AgentDescriptor*, all_agents.size()> list{
    &claude_agent,
    &codex_agent,
    &opencode_agent,
};

}  // namespace

const AgentDescriptor& descriptor_of(Agent agent) {
    return *list[static_cast<std::size_t>(agent)];
}

std::span<const AgentDescriptor* const> all_descriptors() {
    return list;
}

}  // namespace capsule
