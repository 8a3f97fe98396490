// Every method's name, tier and purpose: the one table that dispatcher, rpc.discover and documents share.
#pragma once

#include <array>
#include <string_view>

namespace capsule {

/// What a peer must be allowed to do for a method; each tier includes those before it.
enum class Tier { status, spawn, admin };

constexpr std::string_view name_of(Tier tier) noexcept {
    constexpr std::array<std::string_view, 3> names{"status", "spawn", "admin"};
    return names[static_cast<std::size_t>(tier)];
}

struct MethodInfo {
    std::string_view name;
    Tier tier;
    std::string_view summary;
};

inline constexpr std::array methods{
    MethodInfo{"status", Tier::status, "The daemon, its configuration, the agents, each provider's key and cells"},
    MethodInfo{"providers.list", Tier::status, "What an agent can be started on now, and why not on the rest"},
    MethodInfo{"auth.list", Tier::status, "Each provider's key: its state, source and scope, and how to get one"},
    MethodInfo{"rpc.discover", Tier::status, "This document"},
    MethodInfo{"spawn", Tier::spawn,
               "Writes an agent's files and gives the exact argv and environment to start it with"},
    MethodInfo{"explain", Tier::spawn, "What spawn would do and why, with nothing written and every secret masked"},
    MethodInfo{"config.write", Tier::spawn, "Writes an agent's configuration files"},
    MethodInfo{"auth.set", Tier::admin, "Stores a provider's key, effective at once"},
    MethodInfo{"auth.unset", Tier::admin, "Forgets a provider's stored key"},
    MethodInfo{"reload", Tier::admin, "Reads the configuration anew; on an error the old one stays in force"},
};

/// The method of that name, or nullptr.
constexpr const MethodInfo* find_method(std::string_view name) noexcept {
    for (const MethodInfo& method : methods)
        if (method.name == name) return &method;
    return nullptr;
}

}  // namespace capsule
