// What the process shows to those who look at it: nothing.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "tests/support/capsule_test.hpp"
#include "tests/support/refused_call.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

class Process : public CapsuleTest {};

TEST_F(Process, HasNothingInItsEnviron) {
    if (!am_root()) GTEST_SKIP() << "needs root to look";
    start();
    const std::string environ = read_file(proc_path(daemon().pid(), "environ"));
    EXPECT_TRUE(std::all_of(environ.begin(), environ.end(), [](char byte) { return byte == '\0'; }))
        << "the names are nobody's business either";
    call("spawn", R"({"agent":"claude","provider":"zai"})");  // it has the keys all the same
}

TEST_F(Process, DumpsNoCoreAndGainsNoPrivileges) {
    start();
    EXPECT_EQ(status_field(daemon().pid(), "NoNewPrivs"), "1");
    const std::string limits = read_file(proc_path(daemon().pid(), "limits"));
    std::istringstream core(limits.substr(limits.find("Max core file size") + 18));
    std::string soft, hard;
    core >> soft >> hard;
    EXPECT_EQ(soft + " " + hard, "0 0");
}

TEST_F(Process, IsNotForItsOwnUsersOtherProcesses) {
    if (!am_root()) GTEST_SKIP() << "needs root to be another user";
    start({.identity = nobody});
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    const pid_t plain = start_program({.argv = {"/bin/sleep", "60"}, .identity = nobody}, {nothing, nothing, nothing});
    close(nothing);
    ASSERT_TRUE(eventually([&] { return read_file(proc_path(plain, "cmdline")).starts_with("/bin/sleep"); }));
    {
        const AsUser same(nobody);
        for (const char* entry : {"mem", "environ", "maps", "auxv"}) {
            EXPECT_EQ(errno_of_open(proc_path(plain, entry)), 0) << "a process like any other can be read: " << entry;
            const int error = errno_of_open(proc_path(daemon().pid(), entry));
            EXPECT_TRUE(error == EACCES || error == EPERM) << entry << " " << error;
        }
    }
    kill(plain, SIGKILL);
    waitpid(plain, nullptr, 0);
}

TEST_F(Process, DoesNotStartWhereTheKernelRefusesThat) {
    struct Refused {
        std::uint32_t call, argument;
        const char* name;
    };
    fs::create_directories(home());
    for (const Refused& each :
         {Refused{SYS_prctl, PR_SET_DUMPABLE, "PR_SET_DUMPABLE"},
          Refused{SYS_prctl, PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS"}, Refused{SYS_prlimit64, 0, "RLIMIT_CORE"}}) {
        // What sanitizers link in does not start without that call either.
        if (!memory_is_the_daemons_own && each.call == SYS_prlimit64) continue;
        Outcome outcome;
        std::thread([&] {
            refuse_call(each.call, each.argument);
            outcome = run_command({.argv = {CAPSULED_BINARY, "--socket", socket()}, .env = base_env()});
        }).join();
        EXPECT_EQ(outcome.exit_code, 1) << each.name;
        EXPECT_THAT(outcome.err, AllOf(HasSubstr(each.name), HasSubstr("does not start without")));
    }
}

TEST_F(Process, KeepsAKeyOutOfItsCommandLineAndItsLog) {
    start({.config = "[daemon]\nlog_level = \"trace\"\n"});
    for (const char* agent : {"claude", "codex", "opencode"})
        call("spawn", R"({"agent":")" + std::string(agent) + R"(","provider":"minimax"})");
    EXPECT_THAT(read_file(proc_path(daemon().pid(), "cmdline")), ::testing::Not(HasSubstr(keys::mark)));
    stop();  // which searches the log
}

// Sanitizers keep freed memory back and do not zero it.
#if !defined(CAPSULE_SANITIZED)

/// Pieces of a key that no other text holds; one alone would be a leak.
std::vector<std::string> pieces(std::string_view key) {
    constexpr std::size_t long_enough = 12;
    std::vector<std::string> out;
    for (std::size_t at = 0; at + long_enough <= key.size(); at += 4)
        out.emplace_back(key.substr(at, long_enough));
    return out;
}

/// Where a piece of the key is in the process's memory: "[heap]+1234: what follows".
std::vector<std::string> places_of(std::string_view key, pid_t pid) {
    std::vector<std::string> found;
    const std::vector<std::string> wanted = pieces(key);
    each_writable_mapping(pid, [&](std::string_view bytes, const std::string& name) {
        for (const std::string& piece : wanted)
            for (std::size_t at = bytes.find(piece); at != std::string_view::npos; at = bytes.find(piece, at + 1)) {
                const std::size_t begin = at < 48 ? 0 : at - 48;
                std::string around(bytes.substr(begin, 128));
                std::replace_if(
                    around.begin(), around.end(), [](char c) { return c < ' ' || c > '~'; }, '.');
                found.push_back(name + "+" + std::to_string(at) + " of " + std::to_string(bytes.size()) + ": " +
                                around);
            }
    });
    return found;
}

constexpr std::string_view canary = "sk-cp-qWx7-FAKE-Zr4k-canary-Lm9v-Tb2n-Hy6p";
constexpr std::string_view native_canary = "sk-ant-vGd3-FAKE-Xs8j-canary-Pf5c-Rk1w-Ue7m";
constexpr std::string_view typed_canary = "sk-zzz-oBn4-FAKE-Ct6h-canary-Yq2l-Dv8g-Ai3s";

class Canary : public CapsuleTest {
  protected:
    void SetUp() override {
        if (!am_root()) GTEST_SKIP() << "needs root to read the daemon's memory";
    }

    void set(const char* provider, std::string_view value) const {
        call("auth.set", R"({"provider":")" + std::string(provider) + R"(","value":")" + std::string(value) + "\"}");
    }

    void unset(const char* provider) const { call("auth.unset", R"({"provider":")" + std::string(provider) + "\"}"); }

    /// The stack is wiped a moment (20 ms) after the last request, once for all that came until then.
    void expect_nowhere(std::string_view key) const {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        auto places = places_of(key, daemon().pid());
        while (!places.empty() && std::chrono::steady_clock::now() < deadline) {
            std::this_thread::sleep_for(std::chrono::milliseconds(30));
            places = places_of(key, daemon().pid());
        }
        EXPECT_THAT(places, IsEmpty());
    }
};

TEST_F(Canary, AKeyThatIsUnsetIsNowhereInTheProcess) {
    start({.env = {}, .config = "[claude]\nnative = \"api_key\"\n"});
    set("minimax", canary);
    set("anthropic", native_canary);
    for (const char* provider : {"minimax", "anthropic"})
        for (const char* agent : {"claude", "opencode"}) {
            const std::string params =
                R"({"agent":")" + std::string(agent) + R"(","provider":")" + std::string(provider) + "\"}";
            call("spawn", params);
            call("explain", params);
        }
    call("spawn", R"({"agent":"codex","provider":"minimax"})");
    call("config.write", R"({"agent":"opencode"})");
    call("auth.list");
    ASSERT_FALSE(places_of(canary, daemon().pid()).empty()) << "while it is set the search does find it";
    ASSERT_FALSE(places_of(native_canary, daemon().pid()).empty());

    unset("minimax");
    unset("anthropic");
    call("config.write", R"({"agent":"opencode"})");  // takes the inline key out of the file
    expect_nowhere(canary);
    expect_nowhere(native_canary);
}

TEST_F(Canary, AKeyThatIsReplacedIsNowhereInTheProcess) {
    start({.env = {}});
    set("minimax", canary);
    call("spawn", R"({"agent":"claude","provider":"minimax"})");
    set("minimax", keys::minimax);
    expect_nowhere(canary);
}

TEST_F(Canary, AKeyThatWasOnlyTypedIsNowhereInTheProcess) {
    start();
    const std::string typed(typed_canary);
    call("spawn",
         R"({"agent":"claude","provider":"zai","env":{"ZAI_API_KEY":")" + typed + R"(","TERM":")" + typed + "\"}}");
    refused("spawn", R"({"agent":"claude","env":{"ZAI_API_KEY":")" + typed + R"(\u0000"}})");
    refused("auth.set", R"({"provider":"zai","value":")" + typed + R"( with white space"})");
    refused("auth.set", R"({"provider":"no-such","value":")" + typed + "\"}");
    refused("no.such.method", R"({"value":")" + typed + "\"}");
    RawConnection broken = daemon().connect();
    broken.ask(R"({"jsonrpc":"2.0","id":1,"method":"auth.set","params":{"value":")" + typed + "\"");
    {
        RawConnection half = daemon().connect();
        half.send(R"({"value":")" + typed);
    }
    expect_alive();
    expect_nowhere(typed_canary);
}

// A launcher may keep its connection: what it sent and what it was sent is gone all the same.
TEST_F(Canary, AConnectionThatStaysOpenKeepsNoKey) {
    start({.env = {}});
    RawConnection kept = daemon().connect();
    kept.ask(request("1", "auth.set", R"({"provider":"minimax","value":")" + std::string(canary) + "\"}"));
    EXPECT_THAT(kept.ask(request("2", "spawn", R"({"agent":"claude","provider":"minimax"})")),
                HasSubstr(std::string(canary)));
    unset("minimax");  // by another one: nothing is written over what this one has
    expect_nowhere(canary);
    kept.ask(request("3", "status"));
}

TEST_F(Canary, AKeyOfAnEarlierConfigurationIsNowhereInTheProcess) {
    start({.env = {}, .config = "[env]\nMINIMAX_API_KEY = \"" + std::string(canary) + "\"\n"});
    for (const char* agent : {"claude", "codex", "opencode"})
        call("spawn", R"({"agent":")" + std::string(agent) + R"(","provider":"minimax"})");
    ASSERT_FALSE(places_of(canary, daemon().pid()).empty());
    write_file(config_file(), "");
    call("reload");
    call("config.write", R"({"agent":"opencode"})");
    expect_nowhere(canary);
}

TEST_F(Canary, AKeyThatASignalMadeItReadInVainIsNowhereInTheProcess) {
    start();
    std::string many;  // later calls write over where a few would be
    for (int i = 0; i < 150; ++i)
        many += "[workspaces.w" + std::to_string(i) + ".env]\nMINIMAX_API_KEY = \"" + std::string(canary) + "\"\n";
    write_file(dir_ / "state/auth.toml", many + "nonsense");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // the stack was wiped for the last time
    daemon().signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return daemon().log().find("reload failed") != std::string::npos; }));
    expect_nowhere(canary);
}

TEST_F(Canary, WhatARefusedClientGoesOnSendingIsNowhereInTheProcess) {
    start();
    std::string typed(300 * 1024, 'x');
    for (int i = 0; i < 5'000; ++i)
        typed += typed_canary;
    {
        RawConnection refused = daemon().connect();
        refused.send(typed);
        EXPECT_THAT(refused.read_line().value(), HasSubstr("request.too_large"));
    }
    expect_nowhere(typed_canary);
}

TEST_F(Canary, AKeyOfABrokenConfigurationIsNowhereInTheProcess) {
    start();
    for (const char* broken : {"\nnonsense", "\nnonsense = 1\n", "\"", "\n[env]\n"}) {
        write_file(config_file(), "[env]\nMINIMAX_API_KEY = \"" + std::string(canary) + "\"" + broken);
        refused("reload");
    }
    expect_nowhere(canary);
}

#endif

}  // namespace
}  // namespace capsule::test
