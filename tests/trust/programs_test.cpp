// The session's user against the programs that the daemon runs for it: by its own program, by its signals, by what it
// puts where the program works. Each of these once got a key, a file of root's, or the daemon's time.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <vector>

#include "tests/trust/programs_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

// With fs.suid_dumpable=1 the agent's user could read it then.
TEST_F(Programs, WhatBecomesTheAgentsUserHasNoKeyInItsMemory) {
    if (!memory_is_the_daemons_own) GTEST_SKIP() << "memory is a sanitizer's";
    start_for_agent();
    RawConnection slow = daemon().connect();
    auto lease = std::make_unique<Lease>(agents_.bin() / "codex");
    slow.send_line(request("1", "spawn", spawn_codex));
    ASSERT_TRUE(eventually([&] { return program_of_agent() != 0; }));
    const pid_t child = program_of_agent();
    std::string keys_in_it;
    each_writable_mapping(child, [&](std::string_view bytes, const std::string& name) {
        if (bytes.find(keys::mark) != std::string_view::npos) keys_in_it += name + " ";
    });
    EXPECT_THAT(keys_in_it, IsEmpty());
    EXPECT_EQ(status_field(child, "NoNewPrivs"), "1");
    EXPECT_EQ(status_field(child, "CapBnd"), "0000000000000000");
    EXPECT_EQ(open_descriptors(child), 4U) << "0, 1, 2, and the report that closes with the exec";
    expect_served_soon();
    lease.reset();
    EXPECT_THAT(slow.read_line().value(), HasSubstr("\"result\""));
}

// The same of capsulectl, which becomes that user in its own process: its user could take copies (pidfd_getfd) of what
// the launcher's shell has open, while a lease on the program holds the execve() back.
TEST_F(Programs, WhatBecomesTheSessionHasNoDescriptorOfTheLaunchers) {
    start_for_agent();
    write_file(dir_ / "secret", "FAKE-of-the-launcher\n");
    write_file(agents_.bin() / "claude", "#!/bin/sh\nexit 0\n");
    auto lease = std::make_unique<Lease>(agents_.bin() / "claude");
    Program program = ctl_program({"exec", "claude", "--provider", "zai"});
    const std::string shell = "exec \"$@\" 9<" + (dir_ / "secret").string();
    program.argv.insert(program.argv.begin(), {"/bin/sh", "-c", shell, "sh"});
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    const pid_t session = start_program(program, {nothing, nothing, nothing});
    close(nothing);
    const auto is_the_agents = [&] { return status_field(session, "Uid").starts_with("4711\t4711"); };
    EXPECT_TRUE(eventually(is_the_agents));
    EXPECT_EQ(open_descriptors(session), 3U) << "0, 1 and 2";
    lease.reset();
    EXPECT_EQ(wait_for_exit(session, seconds(20)), 0);
}

// At the limit of ten seconds the request has its answer, a session without that catalog.
TEST_F(Programs, OneThatTheAgentsUserStopsHoldsUpItsRequestAlone) {
    start_for_agent();
    RawConnection slow = daemon().connect();
    auto lease = std::make_unique<Lease>(agents_.bin() / "codex");
    slow.send_line(request("1", "spawn", spawn_codex));
    ASSERT_TRUE(eventually([&] { return program_of_agent() != 0; }));
    const pid_t child = program_of_agent();
    kill(child, SIGSTOP);
    lease.reset();
    expect_served_soon();
    EXPECT_THAT(slow.read_line().value(), HasSubstr("did not finish within 10 s"));
    EXPECT_NE(kill(child, 0), 0) << "it was ended";
}

TEST_F(Programs, ALinkInItsHomeIsNotWrittenThrough) {
    start_for_agent();
    write_file(dir_ / "of-root", "root's\n");
    set_codex("ln -s " + (dir_ / "of-root").string() + " \"$HOME/derived.models.json\"");
    EXPECT_THAT(warnings(), HasSubstr("codex.models"));
    EXPECT_EQ(read_file(dir_ / "of-root"), "root's\n");
}

TEST_F(Programs, AFifoInItsHomeIsNotWaitedFor) {
    start_for_agent();
    set_codex("/usr/bin/mkfifo \"$HOME/derived.models.json\"");
    const auto began = Clock::now();
    EXPECT_THAT(warnings(), HasSubstr("codex.models"));
    EXPECT_LT(Clock::now() - began, seconds(8));
}

TEST_F(Programs, TheirHomeIsTheAgentsAndGoesWithThem) {
    start_for_agent();
    set_codex("/usr/bin/stat -c '%U %u %a' \"$HOME\" >\"${0%/*}/codex.runs\"");
    warnings();
    EXPECT_THAT(read_file(agents_.bin() / "codex.runs"), HasSubstr(" 4711 700\n"));
    EXPECT_TRUE(eventually([&] { return fs::is_empty(dir_ / "agents-tmp"); }));
}

TEST_F(Programs, WhatIsMovedIntoTheirHomeHoldsNobodyUp) {
    start_for_agent();
    set_codex("cd \"$HOME\" && /bin/mkdir many && cd many && /usr/bin/seq 20000 | /usr/bin/xargs /usr/bin/touch");
    warnings();
    expect_served_soon();
    EXPECT_FALSE(fs::is_empty(dir_ / "agents-tmp")) << "what is beyond the limit stays with its owner";
    EXPECT_TRUE(eventually([&] { return daemon().log().find("agent.home_stays") != std::string::npos; }));
    EXPECT_THAT(daemon().log(), HasSubstr("more than 4096 files were in it"));
}

TEST_F(Programs, NoModeOfADirectoryKeepsTheirHome) {
    start_for_agent();
    set_codex(
        "/bin/mkdir -p \"$HOME/a/b\" && echo >\"$HOME/a/b/c\" && /bin/chmod 0 \"$HOME/a/b\" \"$HOME/a\" \"$HOME\"");
    warnings();
    EXPECT_TRUE(eventually([&] { return fs::is_empty(dir_ / "agents-tmp"); }));
    EXPECT_THAT(daemon().log(), Not(HasSubstr("agent.home_stays")));
}

TEST_F(Programs, OneThatLeavesAnotherBehindWithItsPipesHoldsNothingUp) {
    start_for_agent();
    set_codex("/usr/bin/setsid /bin/sleep 60 &");
    const auto began = Clock::now();
    warnings();
    EXPECT_LT(Clock::now() - began, seconds(8));
}

// As the image starts it: nobody but root could read what root makes.
TEST_F(Programs, CodexIsAskedOnceUnderTheImagesUmask) {
    set_codex(R"(if [ "$3" = -c ]; then f=${4#*\"}; exec /bin/cat "${f%\"}" >/dev/null; fi)");
    const mode_t before = umask(0077);
    start_for_agent();
    umask(before);
    EXPECT_THAT(warnings(), Not(HasSubstr("codex.models")));
    EXPECT_THAT(warnings(), Not(HasSubstr("codex.models")));
    EXPECT_EQ(agents_.codex_models_runs(), 1U);
}

/// The lines of a trace whose caller has root's identity: the I/O thread's, and the helper's until it is the agent.
std::vector<std::string> of_roots_identity(const std::string& trace, pid_t io_thread) {
    std::set<std::string> root{std::to_string(io_thread)};
    std::vector<std::string> out;
    std::istringstream lines(trace);
    for (std::string line; std::getline(lines, line);) {
        const std::string thread = line.substr(0, line.find(' '));
        if (line.find("[\"capsuled-run-as\"]") != std::string::npos) root.insert(thread);
        // The helper's child, that becomes the agent.
        if (line.find("clone(") != std::string::npos && root.contains(thread))
            root.insert(line.substr(line.rfind(' ') + 1));
        if (line.find("setresuid(4711") != std::string::npos) root.erase(thread);
        if (root.contains(thread)) out.push_back(line);
    }
    return out;
}

// Whatever the daemon is asked: with its own identity it does nothing below a directory of the agent's.
TEST_F(Programs, RootsIdentityGoesNowhereThatIsTheAgents) {
    const fs::path strace = "/usr/bin/strace";
    if (!fs::exists(strace)) GTEST_SKIP() << "needs strace";
    const fs::path project = dir_ / "agents-project";
    write_file(project / "opencode.json", "{}");
    write_file(project / ".claude/settings.json", "{}");
    fs::permissions(project, fs::perms::all);  // as /tmp above it: else OpenCode does not start there
    start_for_agent();
    for (const fs::path& top : {project, agents_.bin()}) {
        ASSERT_EQ(chown(top.c_str(), agent.uid, agent.gid), 0);
        for (const fs::directory_entry& entry : fs::recursive_directory_iterator(top))
            ASSERT_EQ(chown(entry.path().c_str(), agent.uid, agent.gid), 0);
    }
    const std::string pid = std::to_string(daemon().pid());
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    const pid_t tracer = start_program({.argv = {strace, "-f", "-qq", "-s", "4096", "-e", "trace=%file,setresuid,clone",
                                                 "-o", dir_ / "trace", "-p", pid}},
                                       {nothing, nothing, nothing});
    close(nothing);
    const auto all_traced = [&] {
        const fs::directory_iterator threads("/proc/" + pid + "/task");
        return std::all_of(begin(threads), end(threads), [](const fs::directory_entry& thread) {
            return status_field(std::stoi(thread.path().filename().string()), "TracerPid") != "0";
        });
    };
    ASSERT_TRUE(eventually(all_traced));

    const std::string cwd = R"(,"cwd":")" + project.string() + "\"}";
    for (const char* cell : {R"({"agent":"codex","provider":"minimax")", R"({"agent":"claude","provider":"zai")",
                             R"({"agent":"opencode","provider":"zai")"})
        for (const char* method : {"spawn", "explain"})
            call(method, cell + cwd);
    for (const char* agent_name : {"codex", "claude", "opencode"})
        call("config.write", R"({"agent":")" + std::string(agent_name) + "\"}");
    call("reload");
    EXPECT_TRUE(eventually([&] { return at(call("status"), "/agents/0/version").is_string(); }));
    EXPECT_TRUE(eventually([&] { return fs::is_empty(dir_ / "agents-tmp"); }));
    kill(tracer, SIGINT);
    wait_for_exit(tracer, seconds(20));

    const std::vector<std::string> calls = of_roots_identity(read_file(dir_ / "trace"), daemon().pid());
    for (const std::string& line : calls)
        for (const fs::path& theirs : {project, agents_.bin(), agent_home(), dir_ / "agents-tmp"})
            EXPECT_EQ(line.find(theirs.string()), std::string::npos) << line;
    const auto seen = [&](const std::string& text) {
        return std::any_of(calls.begin(), calls.end(),
                           [&](const std::string& line) { return line.find(text) != std::string::npos; });
    };
    EXPECT_TRUE(seen("capsule.toml")) << "the reload: so the I/O thread was watched";
    EXPECT_TRUE(seen("[\"capsuled-run-as\"]")) << "and so were the programs";
}

// The daemon still is root where the kernel asks for the real user: access() would tell of files that the agent cannot
// see.
TEST_F(Programs, ALinkInTheHomeDoesNotTellWhatIsInADirectoryOfRoots) {
    start_for_agent();
    write_file(dir_ / "of-root/there", "{}");
    fs::permissions(dir_ / "of-root", fs::perms{0700});
    const fs::path directory = agent_home() / ".config/opencode";
    fs::create_directories(directory);
    for (const fs::path& each : {agent_home() / ".config", directory})
        ASSERT_EQ(chown(each.c_str(), agent.uid, agent.gid), 0);
    std::set<std::string> written;
    for (const char* name : {"there", "not-there"}) {
        fs::remove(directory / "config.json");
        fs::remove(directory / "opencode.json");
        fs::create_symlink(dir_ / "of-root" / name, directory / "config.json");
        call("config.write", R"({"agent":"opencode"})");
        written.insert(read_file(directory / "opencode.json"));
    }
    EXPECT_EQ(written.size(), 1U) << "it is the same, whether the link leads to something or not";
}

}  // namespace
}  // namespace capsule::test
