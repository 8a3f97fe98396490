// Nobody can fill the log's disk by being refused, or hold the daemon up by not reading its log.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "tests/support/capsule_test.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

constexpr Identity games{5, 60};  // every Debian has that user

class DaemonsLog : public CapsuleTest {
  protected:
    /// Of a daemon that runs or has ended.
    std::string log() const { return read_file(dir_ / "capsuled.log"); }

    std::size_t lines_with(const std::string& text) const {
        const std::string log = this->log();
        std::size_t count = 0;
        for (std::size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1))
            ++count;
        return count;
    }
};

TEST_F(DaemonsLog, RefusalsGrowItByABoundedAmountAndAreCounted) {
    if (!am_root()) GTEST_SKIP() << "needs root to be another user";
    start();
    fs::permissions(socket().parent_path(), fs::perms{0755});
    fs::permissions(socket(), fs::perms{0666});
    std::unique_ptr<RawConnection> other;
    {
        const AsUser as(nobody);
        other = std::make_unique<RawConnection>(daemon().connect());
    }
    std::string many;
    constexpr std::size_t at_once = 100;
    for (std::size_t i = 0; i < at_once; ++i)
        many += request("1", "spawn") + "\n";
    std::size_t refused = 0;
    for (const auto end = Clock::now() + seconds(3); refused < 2'000 || Clock::now() < end;) {
        other->send(many);
        for (std::size_t i = 0; i < at_once; ++i, ++refused)
            ASSERT_THAT(other->read_line().value(), HasSubstr("access.denied"));
    }
    // A bucket of 100 lines, filled again each minute.
    EXPECT_LE(log().size(), 64U * 1024) << refused << " refusals";
    EXPECT_GE(lines_with(" denied method=spawn uid=65534 "), 100U);
    refused -= lines_with(" denied method=spawn uid=65534 ");
    call("spawn", R"({"agent":"claude","provider":"zai"})");
    EXPECT_EQ(lines_with(" spawn uid=0 "), 1U) << "another user's lines, and another kind, are written";
    stop();
    EXPECT_THAT(log(), HasSubstr("left_out kind=denied uid=65534 lines="));
    if (lines_with("left_out kind=denied") == 1) {
        EXPECT_THAT(log(), HasSubstr("uid=65534 lines=" + std::to_string(refused)));
    }
}

// Whoever asked for them, the sessions are all of the agents' user.
TEST_F(DaemonsLog, SessionsThatOneUserEndsHideNoOthers) {
    if (!am_root()) GTEST_SKIP() << "needs root to be another user";
    start({.config = "[access]\nspawn = [\"games\"]\n"});
    fs::permissions(socket().parent_path(), fs::perms{0755});
    fs::permissions(socket(), fs::perms{0666});
    const std::string spawn =
        request("1", "spawn", R"({"agent":"claude","provider":"zai","ends_with":"connection"})") + "\n";
    constexpr std::size_t at_once = 100;
    constexpr std::size_t all = 1100;  // a minute's lines of one kind are 1000
    for (std::size_t begun = 0; begun < all; begun += at_once) {
        const AsUser as(games);
        RawConnection connection = daemon().connect();
        for (std::size_t i = 0; i < at_once; ++i)
            connection.send(spawn);
        for (std::size_t i = 0; i < at_once; ++i)
            ASSERT_THAT(connection.read_line().value(), HasSubstr("\"result\""));
    }
    EXPECT_TRUE(eventually([&] { return lines_with(" asked_by=5 why=") >= 1000; }));
    RawConnection(socket()).ask(spawn.substr(0, spawn.size() - 1));
    EXPECT_TRUE(eventually([&] { return lines_with(" asked_by=0 why=") == 1; })) << "another user's line is written";
    EXPECT_EQ(lines_with(" spawn uid=0 "), 1U);
    stop();
    EXPECT_EQ(lines_with("left_out kind=session_ended uid=5 lines="), 1U);
}

TEST_F(DaemonsLog, ProgramsOfOneUserHideNoOthers) {
    if (!am_root()) GTEST_SKIP() << "needs root to be another user";
    // Of all who may ask for sessions, root and the sessions' user have programs of their own PATH run.
    start({.config = "[session]\nuser = \"games\"\n[access]\nspawn = [\"games\"]\n"});
    fs::permissions(socket().parent_path(), fs::perms{0755});
    fs::permissions(socket(), fs::perms{0666});
    const auto spawn_with = [&](const std::string& path) {
        return request("1", "spawn", R"({"agent":"codex","provider":"zai","env":{"PATH":")" + path + "\"}}");
    };
    for (const char* each : {"theirs", "of-root"}) {
        write_file(dir_ / each / "codex", "#!/bin/sh\nexit 1\n");
        fs::permissions(dir_ / each / "codex", fs::perms{0755});
    }
    {
        const AsUser as(games);
        RawConnection connection = daemon().connect();
        for (int i = 0; i < 110; ++i)  // a minute's lines of one kind are 100
            connection.ask(
                spawn_with((dir_ / "theirs").string() + ":/nowhere/" + std::to_string(i) + ":/usr/bin:/bin"));
    }
    const auto lines_of = [&](const char* whose) {
        return lines_with(" program=" + (dir_ / whose / "codex").string());
    };
    EXPECT_GE(lines_of("theirs"), 100U);
    EXPECT_LT(lines_of("theirs"), 110U);
    RawConnection(socket()).ask(spawn_with((dir_ / "of-root").string() + ":/usr/bin:/bin"));
    EXPECT_TRUE(eventually([&] { return lines_of("of-root") == 1; })) << log();
}

TEST_F(DaemonsLog, APipeThatNobodyReadsDoesNotStopTheDaemon) {
    fs::create_directories(home());
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    const pid_t daemon = start_program(
        {.argv = {CAPSULED_BINARY, "--socket", socket(), "--log-level", "debug"}, .env = with(base_env(), all_keys())},
        {nothing, nothing, ends[1]});
    EXPECT_TRUE(eventually([&] { return fs::exists(socket()); }));
    // Full to the last byte, as another holder of the pipe can make it at any time.
    ASSERT_EQ(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    const std::string filling(4096, '.');
    while (write(ends[1], filling.data(), filling.size()) > 0 || write(ends[1], ".", 1) > 0) {
    }
    ASSERT_EQ(fcntl(ends[1], F_SETFL, 0), 0);
    for (int i = 0; i < 600; ++i)
        EXPECT_THAT(RawConnection(socket()).ask(request("1", "spawn", R"({"agent":"claude","provider":"zai"})")),
                    HasSubstr("\"result\""));
    EXPECT_EQ(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0) << "its description is the launcher's";
    // Read again, the log goes on and says what is missing.
    std::string log;
    ASSERT_EQ(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    const auto read_on = [&] {
        std::array<char, 65536> some;
        for (ssize_t count = 0; (count = read(ends[0], some.data(), some.size())) > 0;)
            log.append(some.data(), static_cast<std::size_t>(count));
    };
    EXPECT_TRUE(eventually([&] {
        read_on();
        RawConnection(socket()).ask(request("1", "spawn", R"({"agent":"claude","provider":"zai"})"));
        return log.find("left out here: nobody read the log") != std::string::npos &&
               log.rfind("spawn uid=") > log.find("left out here");
    })) << log.substr(log.find_last_of('.') + 1);
    close(nothing);
    close(ends[1]);
    kill(daemon, SIGTERM);
    EXPECT_EQ(wait_for_exit(daemon, seconds(20)), 0);
    close(ends[0]);
}

TEST_F(DaemonsLog, AFileOfItsOwnIsBegunAnewBeforeItGrowsTooLarge) {
    fs::create_directories(home());
    const fs::path file = dir_ / "capsuled.log";
    write_file(file, std::string(4 * 1024 * 1024 - 100, '.') + "\n");
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    const pid_t daemon = start_program(
        {.argv = {CAPSULED_BINARY, "--socket", socket(), "--log-file", file}, .env = with(base_env(), all_keys())},
        {nothing, nothing, nothing});
    close(nothing);
    EXPECT_TRUE(eventually([&] { return fs::exists(socket()); }));
    RawConnection(socket()).ask(request("1", "spawn", R"({"agent":"claude","provider":"zai"})"));
    EXPECT_THAT(read_file(file), HasSubstr(" spawn uid="));
    EXPECT_LT(fs::file_size(file), 100'000U);
    EXPECT_EQ(mode_of(file), 0600U);
    EXPECT_GT(fs::file_size(file.string() + ".1"), 4'000'000U);
    kill(daemon, SIGTERM);
    EXPECT_EQ(wait_for_exit(daemon, seconds(20)), 0);
}

// What has the log's name there may be a FIFO, a link, or another name of a file of root's.
TEST_F(DaemonsLog, IsNotOpenedWhereAnotherUserCouldHavePutSomething) {
    if (!am_root()) GTEST_SKIP() << "needs root to give a directory away";
    for (const mode_t mode : {0755, 01777}) {
        const fs::path theirs = dir_ / ("theirs-" + std::to_string(mode));
        fs::create_directories(theirs);
        ASSERT_EQ(chmod(theirs.c_str(), mode), 0);
        ASSERT_EQ(chown(theirs.c_str(), mode == 0755 ? nobody.uid : 0, 0), 0);
        write_file(dir_ / "of-root", "root's\n");
        fs::create_hard_link(dir_ / "of-root", theirs / "log");
        const Outcome outcome =
            run_command({.argv = {CAPSULED_BINARY, "--socket", socket(), "--log-file", theirs / "log"},
                         .env = with(base_env(), all_keys())});
        EXPECT_EQ(outcome.exit_code, 1);
        EXPECT_THAT(outcome.err, AllOf(HasSubstr(theirs.string()), HasSubstr("only root can write to")));
        EXPECT_EQ(read_file(dir_ / "of-root"), "root's\n");
    }
}

// Whoever made it, while others could still write to the directory, would read it and write lines into it.
TEST_F(DaemonsLog, IsNoFileThatAnotherUserCanWriteTo) {
    if (!am_root()) GTEST_SKIP() << "needs root to give a file away";
    const fs::path log = dir_ / "log";
    for (const bool is_theirs : {true, false}) {
        write_file(log, "theirs\n");
        ASSERT_EQ(chmod(log.c_str(), is_theirs ? 0600 : 0622), 0);
        ASSERT_EQ(chown(log.c_str(), is_theirs ? nobody.uid : 0, 0), 0);
        const Outcome outcome = run_command(
            {.argv = {CAPSULED_BINARY, "--socket", socket(), "--log-file", log}, .env = with(base_env(), all_keys())});
        EXPECT_EQ(outcome.exit_code, 1);
        EXPECT_THAT(outcome.err, AllOf(HasSubstr(is_theirs ? "it belongs to user" : "others can write to it"),
                                       HasSubstr("move it away")));
        EXPECT_EQ(read_file(log), "theirs\n");
        fs::remove(log);
    }
}

TEST_F(DaemonsLog, IsNoFifoThatAnotherUserReads) {
    if (!am_root()) GTEST_SKIP() << "needs root to give a FIFO away";
    const fs::path log = dir_ / "log";
    ASSERT_EQ(mkfifo(log.c_str(), 0600), 0);
    ASSERT_EQ(chown(log.c_str(), nobody.uid, 0), 0);
    const int reader = open(log.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const Outcome outcome = run_command(
        {.argv = {CAPSULED_BINARY, "--socket", socket(), "--log-file", log}, .env = with(base_env(), all_keys())});
    close(reader);
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("it belongs to user"), HasSubstr("move it away")));
}

}  // namespace
}  // namespace capsule::test
