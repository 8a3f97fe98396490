// The daemon's own log, as it is read by an operator, a program or the journal.
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

namespace fs = std::filesystem;

class DaemonLog : public CapsuleTest {
  protected:
    std::vector<std::string> lines() const {
        std::istringstream text(daemon().log());
        std::vector<std::string> out;
        for (std::string line; std::getline(text, line);)
            out.push_back(line);
        return out;
    }

    /// The lines of spawns; each line of the log must be a JSON object.
    std::vector<json::object> spawns() const {
        std::vector<json::object> out;
        for (const std::string& line : lines()) {
            const json::value record = parse(line);
            if (has(record, "/event") && text_at(record, "/event") == "spawn") out.push_back(record.as_object());
        }
        return out;
    }

    /// An agent in a directory whose name is an attack on whoever reads the log.
    fs::path hostile_path() const {
        const fs::path directory = dir_ / "x\n<0>forged\x1b[2J \",{\"event=spawn";
        fs::create_directories(directory);
        write_file(directory / "codex", "#!/bin/sh\nexit 1\n");
        fs::permissions(directory / "codex", fs::perms{0755});
        return directory;
    }

    void spawn_with_hostile_path() const {
        call("spawn", json::serialize(json::value{
                          {"agent", "codex"}, {"provider", "minimax"}, {"env", {{"PATH", hostile_path().string()}}}}));
    }
};

TEST_F(DaemonLog, JsonHasOneObjectForEachSession) {
    start({.config = "[daemon]\nlog_format = \"json\"\n"});
    const std::string user = text_at(call("spawn", R"({"agent":"opencode","provider":"zai"})"), "/user/name");
    call("spawn", R"({"agent":"opencode","provider":"zai"})");
    call("explain", R"({"agent":"claude","provider":"zai"})");
    refused("spawn", R"({"agent":"codex","provider":"anthropic"})");
    const std::vector<json::object> seen = spawns();
    ASSERT_EQ(seen.size(), 2U) << daemon().log();
    for (json::object record : seen) {
        EXPECT_GT(record.at("us").to_number<std::int64_t>(), 0);
        for (const char* varies : {"time", "us", "files_changed"})
            record.erase(varies);
        EXPECT_EQ(record, (json::object{{"level", "info"},
                                        {"event", "spawn"},
                                        {"uid", geteuid()},
                                        {"pid", getpid()},
                                        {"agent", "opencode"},
                                        {"provider", "zai"},
                                        {"because", "request"},
                                        {"model", "glm-5.3"},
                                        {"workspace", "-"},
                                        {"role", "-"},
                                        {"user", user},
                                        {"keys", "env"},
                                        {"key_source", "environment"},
                                        {"session", "-"}}));
    }
    EXPECT_EQ(seen[0].at("files_changed"), 1);
    EXPECT_EQ(seen[1].at("files_changed"), 0) << "nothing was left to do";
}

TEST_F(DaemonLog, NobodyCanForgeALine) {
    for (const char* format : {"text", "json"}) {
        start({.config = "[daemon]\nlog_format = \"" + std::string(format) + "\"\n"});
        spawn_with_hostile_path();
        EXPECT_THAT(daemon().log(), HasSubstr("forged")) << "otherwise this shows nothing";
        for (const std::string& line : lines()) {
            EXPECT_THAT(line, ::testing::Not(StartsWith("<0>")));
            EXPECT_EQ(line.find('\x1b'), line.npos) << line;
        }
        if (std::string_view(format) == "json") {
            EXPECT_EQ(spawns().size(), 1U) << daemon().log();
        }
        stop();
        fs::remove(dir_ / "capsuled.log");
    }
}

TEST_F(DaemonLog, TheJournalSeesLevels) {
    // What the daemon's stderr is, as systemd would say it of the journal's stream.
    const fs::path log = dir_ / "capsuled.log";
    write_file(log, "");
    struct stat status {};
    ASSERT_EQ(stat(log.c_str(), &status), 0);
    const std::string stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    start({.env = with(all_keys(), {{"JOURNAL_STREAM", stream}})});
    spawn_with_hostile_path();
    call("spawn", R"({"agent":"claude","provider":"zai"})");
    EXPECT_THAT(daemon().log(), AllOf(StartsWith("<6>capsuled "), HasSubstr("\n<6>spawn uid="), HasSubstr("\n<4>")));
    for (const std::string& line : lines())
        EXPECT_THAT(line, ::testing::ContainsRegex("^<[3467]>"));
    EXPECT_FALSE(has(call("spawn", R"({"agent":"claude"})"), "/env/JOURNAL_STREAM"));
}

TEST_F(DaemonLog, AFailureToStartIsARecordToo) {
    fs::create_directories(home());
    write_file(config_file(), "[daemon]\nlog_fromat = \"json\"\n");
    const Outcome outcome =
        run_command({.argv = {CAPSULED_BINARY, "--config", config_file(), "--socket", socket(), "--log-format", "json"},
                     .env = base_env()});
    EXPECT_EQ(outcome.exit_code, 1);
    const json::value record = parse(outcome.err);
    EXPECT_EQ(text_at(record, "/level"), "error");
    EXPECT_THAT(text_at(record, "/message"), AllOf(HasSubstr("capsule.toml:2:1"), HasSubstr("log_format")));
}

TEST_F(DaemonLog, OfADaemonInTheBackgroundOfATerminalIsNotOnIt) {
    write_file(config_file(), "");
    fs::permissions(config_file(), fs::perms{0600});
    fs::create_directories(socket().parent_path());
    fs::permissions(socket().parent_path(), fs::perms{0755});
    const std::string started = std::string(CAPSULED_BINARY) + " --config '" + config_file().string() + "' --socket '" +
                                socket().string() + "'";
    const std::string ask = std::string(CAPSULECTL_BINARY) + " --socket '" + socket().string() + "' status --quiet";
    Program shell{{"/bin/bash", "-c",
                   "set -m; " + started + " & for i in {1..400}; do " + ask +
                       " && break; sleep 0.05; done; "
                       "kill -TERM %1; wait %1; echo ended with $?"},
                  base_env()};
    const Outcome outcome = run_on_terminal(shell);
    const std::string log = (socket().parent_path() / "capsuled.log").string();
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("capsuled: the log is " + log), HasSubstr("ended with 0"),
                                   ::testing::Not(HasSubstr("ready on"))));
    EXPECT_THAT(read_file(log), AllOf(HasSubstr("ready on"), HasSubstr("stopped")));
}

}  // namespace
}  // namespace capsule::test
