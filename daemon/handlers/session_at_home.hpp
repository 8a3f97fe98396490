// What a session takes from the home and puts there, all in one visit of the home's thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/agents/session.hpp"
#include "daemon/handlers/services.hpp"
#include "daemon/write/apply.hpp"
#include "protocol/spawn_messages.hpp"

namespace capsule {

/// What a renderer reads.
struct SessionMaterial {
    HomeFacts facts;
    ModelList models{{}, "the program is not installed"};
    std::map<std::string, std::string> request_env;
    std::map<std::string, FileKey> keys;

    SessionInputs inputs(const Services& services, const Generation& generation) const {
        return {generation.config, generation.home, facts, models, services.environment,
                request_env,       std::nullopt,    {},    {},     keys,
                std::nullopt};
    }
};

/// In one place that outlives the awaits in between. A job of the home's thread has a share in it: it may be left
/// behind with it.
struct SessionWork {
    SessionWork(const Services& services, std::shared_ptr<const Generation> current)
        : generation(std::move(current)), inputs(material.inputs(services, *generation)) {}
    SessionWork(const SessionWork&) = delete;
    SessionWork& operator=(const SessionWork&) = delete;

    std::shared_ptr<const Generation> generation;
    SessionMaterial material;
    SessionInputs inputs;  ///< refers to the two above
    KnownModels known_models;
    std::string path_of_programs;       ///< where what the daemon runs for it is looked up
    std::optional<AgentBinary> to_ask;  ///< for its models, before anything can be rendered
};

/// What the home thread makes of a session.
struct RenderedSession {
    Plan plan;
    Applied applied;
    std::vector<FoundSetting> settings;
};

/// All that a session takes from the home and puts there, in one visit of the home's thread. Nothing yet where the
/// agent is `to_ask`; it is called again with the answer.
Result<RenderedSession> render_at_home(SessionWork& work, const Route& route, const std::optional<std::string>& cwd,
                                       const std::string& path, ApplyMode mode);

}  // namespace capsule
