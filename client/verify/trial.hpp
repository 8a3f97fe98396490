// One cell's session as explain describes it, made harmless: a dummy key, and 127.0.0.1 in the provider's place. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/errors.hpp"
#include "protocol/spawn_messages.hpp"

namespace capsule {

/// Where a trial's files are.
struct TrialPlace {
    std::uint16_t port = 0;  ///< of the stand-in
    std::string home;        ///< the temporary one
    std::string dummy_key;
};

struct Trial {
    std::string agent;
    std::string provider;
    bool native = false;
    std::vector<std::string> argv;
    std::map<std::string, std::string> env;

    /// What the agent must do with it.
    std::string path;                          ///< of every request that carries a prompt
    std::string auth_header;                   ///< "authorization" or "x-api-key"
    std::vector<std::string> models;           ///< that may be asked for; empty: the agent's own choice
    std::int64_t window = 0;                   ///< tokens that the route says the model takes; 0: it says none
    std::map<std::string, std::string> tiers;  ///< of an agent with tiers: what `--model <name>` must ask for
};

/// Fails with config.conflict when the plan names no endpoint, which is itself a broken route.
Result<Trial> make_trial(const ExplainResult& plan, const TrialPlace& place);

}  // namespace capsule
