// A daemon that is started, told to reload, and stopped.
#pragma once

#include <chrono>
#include <stdexcept>
#include <thread>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {

inline constexpr std::string_view kimi_by_default = "[claude]\nprovider = \"kimi\"\n";

class Lifecycle : public CapsuleTest {
  protected:
    /// Runs capsuled to its end.
    Outcome capsuled(std::vector<std::string> arguments, const Environment& more = {}) const {
        std::filesystem::create_directories(home());
        arguments.insert(arguments.begin(), CAPSULED_BINARY);
        return run_command({.argv = std::move(arguments), .env = with(base_env(), more)});
    }

    /// Waits until status' config is as wanted.
    json::value config_when_ok_is(bool ok) const {
        for (int i = 0; i < 500; ++i) {
            const json::value config = at(call("status"), "/config");
            if (at(config, "/ok").as_bool() == ok) return config;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        throw std::runtime_error("status never said so: " + json::serialize(call("status")));
    }
};

}  // namespace capsule::test
