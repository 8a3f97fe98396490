// What a program of the agents' user leaves behind when the daemon's request is over.
#include <grp.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <regex>

#include "tests/trust/programs_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

/// Leaves behind what has a session of its own and starts more of the kind.
std::string leaves_behind(const std::string& word) {
    const std::string many = "for i in 1 2 3 4 5; do /usr/bin/setsid /bin/sleep " + word + " & done; wait";
    return "/usr/bin/setsid /bin/sh -c '/usr/bin/setsid /bin/sh -c \"" + many + "\" & exec /bin/sleep " + word +
           "' >/dev/null 2>&1 &\n";
}

TEST_F(Programs, NothingThatOneHasStartedOutlivesIt) {
    start_for_agent();
    const fs::path go_on = dir_ / "go-on";
    set_codex(leaves_behind("4711.25") + "while [ ! -e " + go_on.string() + " ]; do /bin/sleep 0.1; done");
    RawConnection slow = daemon().connect();
    slow.send_line(request("1", "spawn", spawn_codex));
    EXPECT_TRUE(eventually([&] { return count_of("4711.25") >= 6; }));
    write_file(go_on, "");
    EXPECT_THAT(slow.read_line().value(), HasSubstr("\"result\""));
    EXPECT_TRUE(eventually([&] { return count_of("4711.25") == 0; }));
    EXPECT_TRUE(eventually(
        [&] { return std::regex_search(daemon().log(), std::regex("left_running .*home_of=4711 asked_by=0 ")); }));
    expect_served_soon();
}

// Then those that it cannot see come to it as their parents end.
TEST_F(Programs, NorWhereProcHidesOtherUsersProcesses) {
    start_for_agent(true);
    set_codex(leaves_behind("4711.125") + "/bin/sleep 0.3");
    EXPECT_FALSE(warnings().empty());
    EXPECT_TRUE(eventually([&] { return count_of("4711.125") == 0; }));
    EXPECT_TRUE(
        eventually([&] { return std::regex_search(daemon().log(), std::regex("left_running .*home_of=4711")); }));
    expect_served_soon();
}

// Each of twenty has a session of its own and lives for a moment: it starts the next one. They end by themselves after
// two minutes.
TEST_F(Programs, ABombOfProcessesEndsWithIt) {
    start_for_agent();
    const fs::path running = dir_ / "agents-tmp/running";
    set_codex("/usr/bin/perl -e 'use POSIX; my $end = time + 120; my $told = \"" + running.string() + R"pl(";
for (1 .. 20) {
    next if fork;
    open(STDOUT, ">", "/dev/null"); open(STDERR, ">", "/dev/null");
    for (my $each = 1; time < $end; ++$each) {
        POSIX::setsid();
        if ($each == 5) { open(my $file, ">", $told) }
        select(undef, undef, undef, 0.001);
        my $next = fork;
        POSIX::_exit(0) if $next;
        select(undef, undef, undef, 0.1) unless defined $next;
    }
    POSIX::_exit(0);
}
select(undef, undef, undef, 0.01) until -e $told || time >= $end;' 4711.5)pl");
    EXPECT_FALSE(warnings().empty());
    EXPECT_TRUE(fs::exists(running));
    EXPECT_TRUE(eventually([&] { return count_of("4711.5") == 0; })) << "nobody waits for that";
    expect_served_soon();
}

TEST_F(Programs, NorItsLimit) {
    start_for_agent();
    set_codex(leaves_behind("4711.75") + "exec /bin/sleep 4711.75");
    EXPECT_THAT(warnings(), HasSubstr("did not finish within 10 s"));
    EXPECT_TRUE(eventually([&] { return count_of("4711.75") == 0; }));
}

TEST_F(Programs, OnesKeeperIsNotItsUsersToEnd) {
    start_for_agent();
    RawConnection slow = daemon().connect();
    auto lease = std::make_unique<Lease>(agents_.bin() / "codex");
    slow.send_line(request("1", "spawn", spawn_codex));
    ASSERT_TRUE(eventually([&] { return program_of_agent() != 0; }));
    const pid_t keeper = keeper_of(program_of_agent());
    EXPECT_EQ(status_field(keeper, "Uid"), "0\t0\t0\t0");
    EXPECT_EQ(open_descriptors(keeper), 1U) << "where it tells the daemon what it has killed";
    lease.reset();
    EXPECT_THAT(slow.read_line().value(), HasSubstr("\"result\""));
    EXPECT_NE(kill(keeper, 0), 0) << "it has ended with its program";
}

TEST_F(Programs, OneThatIsTracedDoesNotHoldItsKeeper) {
    start_for_agent();
    const fs::path go_on = dir_ / "go-on";
    set_codex("while [ ! -e " + go_on.string() + " ]; do /bin/sleep 0.1; done");
    RawConnection slow = daemon().connect();
    slow.send_line(request("1", "spawn", spawn_codex));
    ASSERT_TRUE(eventually([&] { return program_of_agent() != 0; }));
    const pid_t program = program_of_agent(), keeper = keeper_of(program);
    // A process of the agent's own session, which never reaps what it traces.
    const pid_t tracer = fork();
    if (tracer == 0) {
        const bool is_agent = setgroups(0, nullptr) == 0 && setresgid(agent.gid, agent.gid, agent.gid) == 0 &&
                              setresuid(agent.uid, agent.uid, agent.uid) == 0;
        if (!is_agent || ptrace(PTRACE_SEIZE, program, nullptr, nullptr) != 0) _exit(1);
        for (;;)
            pause();
    }
    const bool traces = eventually([&] {
                            return status_field(program, "TracerPid") == std::to_string(tracer) ||
                                   waitpid(tracer, nullptr, WNOHANG) != 0;
                        }) &&
                        kill(tracer, 0) == 0;
    write_file(go_on, "");
    EXPECT_FALSE(slow.read_line().value().empty());
    EXPECT_TRUE(eventually([&] { return kill(keeper, 0) != 0; }));
    if (!traces) GTEST_SKIP() << "this machine lets nobody trace another's child";
    kill(tracer, SIGKILL);
    waitpid(tracer, nullptr, 0);
}

}  // namespace
}  // namespace capsule::test
