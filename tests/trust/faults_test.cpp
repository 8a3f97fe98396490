// What lies in the way, and the end: a planted file hangs or bloats nothing; SIGTERM leaves no request without answer.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <thread>

#include "tests/support/capsule_test.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

namespace fs = std::filesystem;

struct Plant {
    const char* name;
    void (*put)(const fs::path&);
};

const Plant plants[] = {
    {"Fifo", [](const fs::path& path) { ASSERT_EQ(mkfifo(path.c_str(), 0600), 0); }},
    {"LinkToAFifo",
     [](const fs::path& path) {
         ASSERT_EQ(mkfifo((path.string() + ".fifo").c_str(), 0600), 0);
         fs::create_symlink(path.string() + ".fifo", path);
     }},
    {"LinkToADevice", [](const fs::path& path) { fs::create_symlink("/dev/zero", path); }},
    {"LinkToATerminal", [](const fs::path& path) { fs::create_symlink("/dev/tty", path); }},
    {"LinkToItself", [](const fs::path& path) { fs::create_symlink(path, path); }},
    {"Directory", [](const fs::path& path) { fs::create_directory(path); }},
    {"HugeFile",
     [](const fs::path& path) {
         write_file(path, "");
         fs::resize_file(path, 1ULL << 27);  // more than any limit, less than this machine has
     }},
};

class Planted : public CapsuleTest, public ::testing::WithParamInterface<Plant> {};

TEST_P(Planted, IsAnErrorOrIgnoredAndNeverHangs) {
    start();
    const long before = resident_kib(daemon().pid(), "VmHWM");
    for (const char* where : {".codex/config.toml", ".codex/.env", ".codex/auth.json", ".codex/minimax.config.toml",
                              ".codex/minimax.models.json", ".config/opencode/opencode.json", ".claude.json",
                              ".claude/settings.json", ".codex", ".config"}) {
        SCOPED_TRACE(where);
        fs::remove_all(home());
        fs::create_directories((home() / where).parent_path());
        GetParam().put(home() / where);
        const auto begin = Clock::now();
        for (const char* cell : {R"("agent":"codex","provider":"minimax")", R"("agent":"codex","provider":"openai")",
                                 R"("agent":"opencode","provider":"zai")", R"("agent":"claude","provider":"zai")",
                                 R"("agent":"claude","provider":"anthropic")"})
            for (const char* method : {"spawn", "explain"}) {
                RawConnection connection = daemon().connect();
                EXPECT_THAT(connection.ask(request("1", method, "{" + std::string(cell) + "}")),
                            AnyOf(HasSubstr("\"result\""), HasSubstr("io.error"), HasSubstr("config.conflict")))
                    << method << cell;
            }
        for (const char* agent : {"codex", "opencode", "claude"})
            daemon().connect().ask(request("1", "config.write", R"({"agent":")" + std::string(agent) + "\"}"));
        EXPECT_LT(Clock::now() - begin, seconds(10));
        expect_alive();
    }
    if (memory_is_the_daemons_own) {
        EXPECT_LT(resident_kib(daemon().pid(), "VmHWM") - before, 64 * 1024);
    }
}

INSTANTIATE_TEST_SUITE_P(All, Planted, ::testing::ValuesIn(plants),
                         [](const auto& plant) { return std::string(plant.param.name); });

// A project's files are only looked at, by explain and for warnings.
TEST_P(Planted, HangsNothingInTheProjectEither) {
    start();
    const fs::path project = dir_ / "project";
    for (const char* where : {".claude/settings.json", ".codex/config.toml", "opencode.json", ".mcp.json"}) {
        fs::create_directories((project / where).parent_path());
        GetParam().put(project / where);
    }
    fs::permissions(project, fs::perms::all);  // as /tmp above it: else OpenCode does not start there
    for (const char* agent : {"claude", "codex", "opencode"})
        for (const char* method : {"spawn", "explain"})
            EXPECT_THAT(
                daemon().connect().ask(request("1", method,
                                               R"({"agent":")" + std::string(agent) +
                                                   R"(","provider":"minimax","cwd":")" + project.string() + "\"}")),
                HasSubstr("\"result\""));
    expect_alive();
}

class Faults : public CapsuleTest {};

TEST_F(Faults, AFileSizeLimitIsAnErrorAndNotTheEnd) {
    if (!am_root()) GTEST_SKIP() << "needs root to limit the daemon, which is not dumpable";
    start();
    rlimit old{};
    ASSERT_EQ(prlimit(daemon().pid(), RLIMIT_FSIZE, nullptr, &old), 0);
    const rlimit small{16, old.rlim_max};
    ASSERT_EQ(prlimit(daemon().pid(), RLIMIT_FSIZE, &small, nullptr), 0);
    EXPECT_THAT(json::serialize(refused("config.write", R"({"agent":"opencode"})")),
                AllOf(HasSubstr("io.error"), HasSubstr("LimitFSIZE")));
    ASSERT_EQ(prlimit(daemon().pid(), RLIMIT_FSIZE, &old, nullptr), 0);
    call("config.write", R"({"agent":"opencode"})");
}

TEST_F(Faults, AReaderOfItsLogThatEndsIsNotItsEnd) {
    fs::create_directories(home());
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    const pid_t daemon = start_program(
        {.argv = {CAPSULED_BINARY, "--socket", socket(), "--log-level", "debug"}, .env = with(base_env(), all_keys())},
        {nothing, nothing, ends[1]});
    close(nothing);
    close(ends[1]);
    EXPECT_TRUE(eventually([&] { return fs::exists(socket()); }));
    close(ends[0]);
    for (int i = 0; i < 3; ++i)
        EXPECT_THAT(RawConnection(socket()).ask(request("1", "spawn", R"({"agent":"claude","provider":"zai"})")),
                    HasSubstr("\"result\""));
    kill(daemon, SIGTERM);
    EXPECT_EQ(wait_for_exit(daemon, seconds(60)), 0);
}

class Stop : public CapsuleTest {};

TEST_F(Stop, AnswersTheRequestsOfEveryConnection) {
    agents_.delay_codex_models(seconds(1));
    start();
    constexpr std::size_t requests = 200;  // more than a session has taken in
    std::vector<RawConnection> connections;
    for (int i = 0; i < 10; ++i) {
        connections.push_back(daemon().connect());
        std::string pipeline;
        // Few of them are work: a daemon that ends has four seconds, on a busy machine, too.
        for (std::size_t j = 0; j < requests; ++j)
            pipeline += request(std::to_string(j), j % 50 ? "status" : "spawn",
                                j % 50 ? "{}" : R"({"agent":"codex","provider":"minimax"})") +
                        "\n";
        connections.back().send(pipeline);
    }
    const auto begin = Clock::now();
    daemon().signal(SIGTERM);
    for (RawConnection& connection : connections)
        EXPECT_EQ(connection.read_to_end().size(), requests);
    EXPECT_EQ(daemon().wait(), 0) << daemon().log();
    EXPECT_LT(Clock::now() - begin, seconds(5));
    EXPECT_FALSE(fs::exists(socket()));
}

// Who was connected, but not yet accepted, when the signal came is in the kernel's queue.
TEST_F(Stop, AnswersThoseThatWereStillInTheQueue) {
    start();
    daemon().suspend();
    std::vector<RawConnection> connections;
    for (int i = 0; i < 200; ++i) {  // 64 are taken before it looks at anything else
        connections.push_back(daemon().connect());
        connections.back().send_line(request("1", "status"));
    }
    daemon().signal(SIGTERM);
    daemon().signal(SIGCONT);
    for (RawConnection& connection : connections)
        EXPECT_EQ(connection.read_to_end().size(), 1U);
    EXPECT_EQ(daemon().wait(), 0);
    EXPECT_FALSE(fs::exists(socket()));
}

// Whoever can connect can expect that signals do what they are for.
TEST_F(Stop, ASignalRightAfterTheStartIsAnsweredToo) {
    for (int i = 0; i < 10; ++i) {
        start();
        daemon().signal(SIGHUP);
        stop();
    }
}

/// Threads that send on one connection as long as the daemon takes it, from when they are let.
class Flood {
  public:
    Flood(RawConnection& connection, const std::string& text) {
        for (int i = 0; i < 8; ++i)
            senders_.emplace_back([&connection, text](const std::stop_token& ended) {
                while (!ended.stop_requested())
                    connection.send(text);
            });
    }

  private:
    std::vector<std::jthread> senders_;
};

// What is not answered leaves the daemon nothing to wait for.
TEST_F(Stop, WhoGoesOnSendingBlankLinesDoesNotHoldItUp) {
    start();
    daemon().suspend();
    RawConnection asks = daemon().connect();
    asks.send_line(request("1", "status"));
    RawConnection greedy = daemon().connect();
    const Flood flood(greedy, std::string(64 * 1024, '\n'));
    const auto begin = Clock::now();
    daemon().signal(SIGTERM);
    daemon().signal(SIGCONT);
    EXPECT_EQ(asks.read_to_end().size(), 1U);
    EXPECT_EQ(daemon().wait(), 0) << daemon().log();
    EXPECT_LT(Clock::now() - begin, seconds(5));
}

// Connections are cut after four seconds; this one is not read for so long.
TEST_F(Stop, WhatIsSentAfterItIsNotWaitedFor) {
    start();
    RawConnection greedy = daemon().connect();
    greedy.ask(request("1", "status"));
    daemon().suspend();
    std::string notifications;
    while (notifications.size() < 60'000)
        notifications += R"({"jsonrpc":"2.0","method":"nothing"})"
                         "\n";
    const Flood flood(greedy, notifications);
    const auto begin = Clock::now();
    daemon().signal(SIGTERM);
    daemon().signal(SIGCONT);
    EXPECT_EQ(daemon().wait(), 0) << daemon().log();
    EXPECT_LT(Clock::now() - begin, seconds(3));
}

// Who holds the socket's directory could keep the file from going for long: nobody waits for that.
TEST_F(Stop, TheSocketsFileGoesWhenAllAreAnswered) {
    agents_.delay_codex_models(seconds(60));
    start();
    RawConnection slow = daemon().connect();
    slow.send_line(request("1", "spawn", R"({"agent":"codex","provider":"minimax"})"));
    expect_alive();
    daemon().signal(SIGTERM);
    const auto takes_nobody = [&] {
        try {
            daemon().connect();
        } catch (const std::runtime_error&) {
            return true;
        }
        return false;
    };
    EXPECT_TRUE(eventually(takes_nobody));
    EXPECT_TRUE(fs::exists(socket()));
    EXPECT_NE(slow.read_line().value_or("").find("the daemon is stopping"), std::string::npos);
    EXPECT_EQ(daemon().wait(), 0) << daemon().log();
    EXPECT_FALSE(fs::exists(socket()));
}

TEST_F(Stop, TakesAtMostFiveSecondsWhateverClientsAndProgramsDo) {
    agents_.delay_codex_models(seconds(60));
    start();
    RawConnection slow = daemon().connect();
    slow.send_line(request("1", "spawn", R"({"agent":"codex","provider":"minimax"})"));
    RawConnection deaf = daemon().connect();
    std::string all;
    for (int i = 0; i < 1000; ++i)
        all += request("1", "rpc.discover") + "\n";
    std::jthread sender([&] { deaf.send(all); });
    expect_alive();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const auto begin = Clock::now();
    daemon().signal(SIGTERM);
    EXPECT_NE(slow.read_line().value_or("").find("the daemon is stopping"), std::string::npos)
        << "its program was ended";
    EXPECT_EQ(daemon().wait(), 0) << daemon().log();
    EXPECT_LT(Clock::now() - begin, seconds(5));
    EXPECT_FALSE(fs::exists(socket()));
}

}  // namespace
}  // namespace capsule::test
