// config.write: an agent's files as they should be, for agents that are started by hand.
#include <spdlog/fmt/fmt.h>

#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/session_pipeline.hpp"

namespace capsule {

Handled<ConfigWriteResult> handle_config_write(Services& services, Caller caller, ConfigWriteParams params) {
    const auto agent = find_agent(params.agent);
    if (!agent) co_return agent.error();
    auto applied = co_await write_agent_files(services, caller.counted_as(), *agent);
    if (!applied) co_return applied.error();
    ConfigWriteResult result;
    for (const Applied::File& file : applied->files) {
        WrittenFile written{file.path, std::string(name_of(file.change)), std::nullopt};
        if (file.mode != 0) written.mode = fmt::format("{:04o}", file.mode & 07777);
        result.files.push_back(std::move(written));
    }
    result.warnings = std::move(applied->warnings);
    co_return result;
}

}  // namespace capsule
