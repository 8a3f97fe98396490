#include "daemon/handlers/generation.hpp"

#include <time.h>
#include <unistd.h>

#include <array>

#include "daemon/load/load_config.hpp"
#include "daemon/users/users.hpp"

namespace capsule {

std::string timestamp() {
    const time_t now = ::time(nullptr);
    tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 32> text{};
    return {text.data(), ::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

Result<std::shared_ptr<const Generation>> load_generation(const ConfigSource& source,
                                                          const std::map<std::string, Secret>& environment) {
    auto config = load_config(source.path, source.must_exist);
    if (!config) return config.error();
    auto home = session_home(*config, environment);
    if (!home) return home.error();
    auto policy = Policy::make(config->access, ::geteuid());
    if (!policy) return policy.error();
    std::shared_ptr<HomeWorker> worker;
    try {
        worker = std::make_shared<HomeWorker>(home->user, home->same_user);
    } catch (const Failure& failure) {
        return failure.error();
    }
    return std::make_shared<const Generation>(
        Generation{std::move(*config), std::move(*home), std::move(*policy), timestamp(), std::move(worker)});
}

}  // namespace capsule
