// What only OpenCode has in the catalog and in capsule.toml.
#pragma once

#include <any>
#include <cstdint>
#include <string>

#include "daemon/config/config.hpp"

namespace capsule {

/// Cell::details of OpenCode.
struct OpencodeCell {
    std::string npm;  ///< the SDK that OpenCode loads
};

inline const std::string& opencode_npm(const Cell& cell) {
    static const std::string nothing;
    const auto* own = std::any_cast<OpencodeCell>(&cell.details);
    return own ? own->npm : nothing;
}

/// ModelForAgent::details of OpenCode: in place of what is known of the model.
struct OpencodeLimit {
    std::int64_t context = 0;  ///< tokens; 0: not said
    std::int64_t output = 0;
};

inline OpencodeLimit opencode_limit(const ModelForAgent& model) {
    const auto* limit = std::any_cast<OpencodeLimit>(&model.details);
    return limit ? *limit : OpencodeLimit{};
}

/// How opencode.json names a provider's key: by its variable, or the key itself, which every process of the session's
/// user can then read.
enum class OpencodeKeys { env, in_file };

/// AgentConfig::own of OpenCode.
struct OpencodeSettings {
    OpencodeKeys keys = OpencodeKeys::env;
    std::string permission = "allow";  ///< what opencode.json says of every tool; empty: nothing
};

inline OpencodeSettings opencode_settings(const Config& config) {
    const auto* own = std::any_cast<OpencodeSettings>(&config.agent(Agent::opencode).own);
    return own ? *own : OpencodeSettings{};
}

/// What opencode.json has: never a key where sessions have none.
inline OpencodeKeys opencode_keys(const Config& config) {
    return config.session.keys == SessionKeys::broker ? OpencodeKeys::env : opencode_settings(config).keys;
}

}  // namespace capsule
