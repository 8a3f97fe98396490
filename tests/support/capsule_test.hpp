// A capsule of a test's own: a home, stand-ins for the agents, a daemon with throw-away keys.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/command.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/fake_agents.hpp"
#include "tests/support/json.hpp"
#include "tests/support/temp_dir.hpp"

namespace capsule::test {

namespace keys {
inline constexpr std::string_view anthropic = "sk-ant-FAKE-anthropic-000000000000000001";
inline constexpr std::string_view oauth = "sk-oat-FAKE-oauth-000000002";
inline constexpr std::string_view openai = "sk-FAKE-openai-0000000003";
inline constexpr std::string_view zai = "FAKE-zai-00000000000000004";
inline constexpr std::string_view minimax = "sk-cp-FAKE-minimax-000005";
inline constexpr std::string_view kimi = "sk-ki-FAKE-kimi-000000000000000000000006";
/// In every one of them, and never where a key must not be (a mask shows four characters at most).
inline constexpr std::string_view mark = "FAKE-";
}  // namespace keys

/// Every provider's key and every native credential.
Environment all_keys();

/// `base` with `more` over it.
Environment with(Environment base, const Environment& more);

struct Capsule {
    Environment env = all_keys();  ///< besides PATH, HOME, LANG, TERM
    std::string config{};          ///< capsule.toml
    std::optional<Identity> identity{};
    std::filesystem::path passwd{};
    bool sees_own_processes_only = false;
};

class CapsuleTest : public ::testing::Test {
  protected:
    /// What every test may rely on afterwards: the daemon ended with 0 on SIGTERM, took its socket with it, and never
    /// logged a key.
    void TearDown() override;

    void start(Capsule capsule = {});
    /// Ends the daemon as TearDown does.
    void stop();

    /// One request on a connection of its own. `params` is JSON text. Throws when the answer is an error.
    json::value call(std::string_view method, std::string_view params = "{}") const;
    /// The error object. Throws when there is a result.
    json::value refused(std::string_view method, std::string_view params = "{}") const;
    /// refused(), and checks number and data.code; gives "message hint".
    std::string expect_error(std::string_view method, std::string_view params, int number, std::string_view code) const;
    /// Checks that it still answers.
    void expect_alive() const;

    /// Runs capsulectl with the capsule's socket. `input` is its stdin.
    Outcome ctl(std::vector<std::string> arguments, std::string_view input = {}) const;
    Program ctl_program(std::vector<std::string> arguments) const;

    std::filesystem::path home() const { return dir_ / "home"; }
    /// A directory to start agents in. All may write to it, as to /tmp above it, so that nothing of it is left out.
    std::filesystem::path open_project() const;
    std::filesystem::path socket() const { return dir_ / "run/capsule.sock"; }
    std::filesystem::path config_file() const { return dir_ / "capsule.toml"; }
    std::string path_variable() const { return agents_.bin().string() + ":/usr/bin:/bin"; }
    Environment base_env() const;
    Daemon& daemon() const { return *daemon_; }

    TempDir dir_;
    FakeAgents agents_{dir_ / "bin"};
    std::unique_ptr<Daemon> daemon_;
};

/// {"jsonrpc":"2.0","id":ID,"method":…,"params":…}
std::string request(std::string_view id, std::string_view method, std::string_view params = "{}");

}  // namespace capsule::test
