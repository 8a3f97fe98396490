#include "tests/support/capsule_test.hpp"

#include <unistd.h>

#include <stdexcept>

namespace capsule::test {

namespace fs = std::filesystem;

Environment all_keys() {
    return {
        {"ANTHROPIC_API_KEY", std::string(keys::anthropic)}, {"CLAUDE_CODE_OAUTH_TOKEN", std::string(keys::oauth)},
        {"OPENAI_API_KEY", std::string(keys::openai)},       {"ZAI_API_KEY", std::string(keys::zai)},
        {"MINIMAX_API_KEY", std::string(keys::minimax)},     {"KIMI_CODE_API_KEY", std::string(keys::kimi)},
    };
}

Environment with(Environment base, const Environment& more) {
    for (const auto& [name, value] : more)
        base.insert_or_assign(name, value);
    return base;
}

std::string request(std::string_view id, std::string_view method, std::string_view params) {
    return R"({"jsonrpc":"2.0","id":)" + std::string(id) + R"(,"method":")" + std::string(method) + R"(","params":)" +
           std::string(params) + "}";
}

Environment CapsuleTest::base_env() const {
    return {{"PATH", path_variable()},
            {"HOME", home().string()},
            {"LANG", "C.UTF-8"},
            {"TERM", "xterm-256color"},
            {"STATE_DIRECTORY", (dir_ / "state").string()}};
}

void CapsuleTest::start(Capsule capsule) {
    fs::create_directories(home());
    fs::create_directories(dir_ / "state");
    write_file(config_file(), capsule.config);
    fs::permissions(config_file(), fs::perms{0600});
    // Where the socket goes is made by the daemon; for another user somebody has to make the place for it.
    if (capsule.identity) {
        fs::create_directories(socket().parent_path());
        for (const fs::path& path : {home(), dir_ / "state", config_file(), socket().parent_path()})
            if (chown(path.c_str(), capsule.identity->uid, capsule.identity->gid) != 0)
                throw std::runtime_error("cannot give away " + path.string());
    }
    daemon_ = std::make_unique<Daemon>(Daemon::Options{
        .socket = socket(),
        .log = dir_ / "capsuled.log",
        .arguments = {"--config", config_file(), "--socket", socket()},
        .env = with(base_env(), capsule.env),
        .identity = capsule.identity,
        .passwd = capsule.passwd,
        .sees_own_processes_only = capsule.sees_own_processes_only,
    });
}

void CapsuleTest::stop() {
    if (!daemon_) return;
    const int exit_status = daemon_->stop();
    const std::string log = daemon_->log();
    daemon_.reset();
    EXPECT_EQ(exit_status, 0) << log;
    EXPECT_FALSE(fs::exists(socket()));
    EXPECT_THAT(log, ::testing::Not(::testing::HasSubstr(keys::mark)));
    if (HasFailure()) std::cerr << "capsuled's log:\n" << log;
}

void CapsuleTest::TearDown() {
    if (daemon_ && daemon_->running()) stop();
}

json::value CapsuleTest::call(std::string_view method, std::string_view params) const {
    json::value answer = parse(daemon_->connect().ask(request("1", method, params)));
    if (!has(answer, "/result"))
        throw std::runtime_error(std::string(method) + " " + std::string(params) + ": " + json::serialize(answer));
    return at(answer, "/result");
}

json::value CapsuleTest::refused(std::string_view method, std::string_view params) const {
    json::value answer = parse(daemon_->connect().ask(request("1", method, params)));
    if (!has(answer, "/error"))
        throw std::runtime_error(std::string(method) + " " + std::string(params) +
                                 " was not refused: " + json::serialize(answer));
    return at(answer, "/error");
}

std::string CapsuleTest::expect_error(std::string_view method, std::string_view params, int number,
                                      std::string_view code) const {
    const json::value error = refused(method, params);
    const std::string shown = json::serialize(error);
    EXPECT_EQ(at(error, "/code").to_number<int>(), number) << shown;
    EXPECT_FALSE(text_at(error, "/message").empty()) << shown;
    EXPECT_THAT(shown, ::testing::Not(::testing::HasSubstr(keys::mark)));
    std::string hint;
    if (!code.empty()) {
        EXPECT_EQ(text_at(error, "/data/code"), code) << shown;
        hint = text_at(error, "/data/hint");
        EXPECT_FALSE(hint.empty()) << shown;
    }
    expect_alive();
    return text_at(error, "/message") + " " + hint;
}

void CapsuleTest::expect_alive() const {
    EXPECT_EQ(at(call("status"), "/pid").to_number<int>(), daemon_->pid());
}

std::filesystem::path CapsuleTest::open_project() const {
    std::filesystem::path project = dir_ / "open-project";
    std::filesystem::create_directories(project);
    std::filesystem::permissions(project, std::filesystem::perms::all);
    return project;
}

Program CapsuleTest::ctl_program(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {CAPSULECTL_BINARY, "--socket", socket().string()});
    return {.argv = std::move(arguments),
            .env = {{"PATH", path_variable()}, {"HOME", home().string()}},
            .cwd = dir_.path()};
}

Outcome CapsuleTest::ctl(std::vector<std::string> arguments, std::string_view input) const {
    return run_command(ctl_program(std::move(arguments)), input);
}

}  // namespace capsule::test
