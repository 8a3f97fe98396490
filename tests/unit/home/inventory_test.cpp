#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "daemon/base/home_visit.hpp"
#include "daemon/base/time_limit.hpp"
#include "daemon/home/inventory.hpp"
#include "daemon/log/log.hpp"
#include "daemon/users/users.hpp"
#include "inventory_fixture.hpp"
#include "tests/support/system_calls.hpp"
#include "tests/unit/support/run_io.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace capsule {
namespace {

TEST_F(Inventory, FindsTheFirstExecutableInThePath) {
    EXPECT_FALSE(found_in(directory_.path(), "claude"));
    std::ofstream(directory_.path() + "/claude") << "not executable";
    EXPECT_FALSE(found_in(directory_.path(), "claude"));
    directory_.program("claude", "true");
    EXPECT_EQ(found_in("/no/such:" + directory_.path(), "claude")->path, directory_.path() + "/claude");
}

TEST_F(Inventory, ASearchEndsWithItsTime) {
    directory_.program("claude", "true");
    const HomeVisit visit;
    EXPECT_TRUE(found_in(directory_.path(), "claude"));
    set_time_limit(std::chrono::steady_clock::now() - std::chrono::seconds(1));
    EXPECT_THROW(found_in(directory_.path(), "claude"), Failure) << "nobody knows that it is not installed";
    set_time_limit(std::chrono::steady_clock::time_point::max());
    EXPECT_TRUE(found_in(directory_.path(), "claude"));
}

TEST_F(Inventory, WithoutADescriptorNoProgramIsMissing) {
    directory_.program("claude", "true");
    const HomeVisit visit;
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{0, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    std::optional<Error> problem;
    try {
        found_in("/no/such:" + directory_.path(), "claude");
    } catch (const Failure& failure) {
        problem = failure.error();
    }
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_TRUE(problem);
    EXPECT_EQ(problem->code, ErrorCode::io_error);
    EXPECT_NE(problem->hint.find("LimitNOFILE="), std::string::npos) << problem->hint;
    EXPECT_TRUE(found_in(directory_.path(), "claude")) << "the visit remembers it";
}

// As a FUSE mount whose server has ended.
TEST_F(Inventory, ADirectoryThatDoesNotAnswerHidesNoOther) {
    for (const int problem : {ENOTCONN, EIO, ESTALE}) {
        const std::string path = "/usr/lib:" + directory_.path();
        directory_.program("claude", "true");
        const auto ended = test::run_with_fault({0, test::Calls::files, problem}, [&] {
            const HomeVisit visit;
            const BinarySearch claude = find_binary(path, "claude", 0);
            if (!claude.binary || !claude.unreachable.empty()) return 1;
            const BinarySearch codex = find_binary(path, "codex", 0);
            if (codex.binary || codex.unreachable.size() != 1) return 2;
            const auto& [code, message] = codex.unreachable.front();
            const std::string said = "agents may be installed in /usr/lib, which cannot be looked at (" +
                                     std::string(::strerror(problem)) +
                                     "): mount it again, or take /usr/lib out of the PATH";
            return code == "path.unreachable" && message == said ? 0 : 3;
        });
        EXPECT_TRUE(ended.met.fault);
        EXPECT_EQ(ended.status, 0) << WEXITSTATUS(ended.status) << " with " << problem;
    }
}

// A script's interpreter comes from the PATH, too.
TEST_F(Inventory, RootRunsNothingThatOthersCanChange) {
    const std::string open = directory_.path() + "/open";
    std::filesystem::create_directory(open);
    std::filesystem::permissions(open, std::filesystem::perms::all);
    directory_.program("open/codex", "echo run >>" + directory_.path() + "/runs; echo '{}'");
    std::filesystem::create_symlink(open + "/codex", directory_.path() + "/codex");
    const std::string path = open + ":relative::" + directory_.path() + ":/usr/bin:/bin";
    const std::string why = open + " can be written to by everybody";
    for (const std::string& each : {path, directory_.path()}) {
        const AgentBinary theirs = found_in(each, "codex").value();
        const ModelList models = run(io_, inventory_.models(Agent::codex, theirs, place()));
        EXPECT_NE(models.problem.find(why), std::string::npos) << models.problem;
        EXPECT_NE(models.cure.find("chmod go-w"), std::string::npos) << models.cure;
    }
    const AgentBinary theirs = found_in(path, "codex").value();
    EXPECT_FALSE(inventory_.version(Agent::codex, theirs, place()));
    io_.restart();
    io_.run();
    EXPECT_NE(inventory_.version_problem(theirs).find(why), std::string::npos);
    EXPECT_EQ(runs(), 0U);

    directory_.program("claude", "echo $PATH >>" + directory_.path() + "/path; echo '{}'");
    const AgentBinary ours = found_in(path, "claude").value();
    EXPECT_TRUE(run(io_, inventory_.models(Agent::codex, ours, place())).own.has_value());
    std::ifstream file(directory_.path() + "/path");
    std::string had;
    std::getline(file, had);
    EXPECT_EQ(had, directory_.path() + ":/usr/bin:/bin");
}

TEST_F(Inventory, FindsItThroughLinksButNotInProc) {
    const std::string top = directory_.path();
    std::filesystem::create_directories(top + "/lib");
    std::filesystem::create_directories(top + "/bin");
    directory_.program("lib/claude.js", "true");
    std::filesystem::create_symlink("../lib/claude.js", top + "/bin/claude");
    std::filesystem::create_symlink("bin", top + "/linked");
    const auto found = found_in(top + "/linked:/usr/bin", "claude");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->path, top + "/linked/claude");
    EXPECT_EQ(found->key().substr(found->path.size()), found_in(top + "/bin", "claude")->key().substr(top.size() + 11));
    const std::string own = "/proc/" + std::to_string(::getpid());
    std::filesystem::create_symlink(own + "/exe", top + "/bin/codex");
    EXPECT_FALSE(found_in(top + "/bin", "codex")) << "it can be run";
    EXPECT_FALSE(found_in(own, "exe"));
    std::filesystem::create_symlink(own + "/root/bin", top + "/outside");
    EXPECT_FALSE(found_in(top + "/outside", "sh"));
}

TEST_F(Inventory, LooksInNoDirectoryOfTheOnesThatItIsIn) {
    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::create_directory(directory_.path() + "/bin");
    directory_.program("bin/claude", "true");
    std::filesystem::current_path(directory_.path());
    for (const char* path : {"bin", "./bin", "bin:", ":bin"})
        EXPECT_FALSE(found_in(path, "claude")) << path;
    std::filesystem::current_path(before);
}

TEST_F(Inventory, AReplacedBinaryIsAnother) {
    const AgentBinary before = codex("true");
    EXPECT_EQ(before, found_in(path(), "codex"));
    EXPECT_NE(before, codex("true"));
}

TEST_F(Inventory, ProgramsSeeAnEmptyHomeAndNoSecret) {
    home_.home = directory_.path();  // which is not empty
    const AgentBinary binary =
        codex("(env | grep -v -e ^PWD= -e ^_= -e ^OLDPWD= | cut -d= -f1 | sort | tr '\\n' ' '; ls -A $HOME) > " +
              directory_.path() + "/seen; echo {}");
    ::setenv("ZAI_API_KEY", "fake-zai-key-000000", 1);
    run(io_, inventory_.models(Agent::codex, binary, place()));
    std::ostringstream seen;
    seen << std::ifstream(directory_.path() + "/seen").rdbuf();
    EXPECT_EQ(seen.str(),
              "CODEX_HOME DISABLE_AUTOUPDATER HOME LANG PATH TMPDIR XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME "
              "XDG_STATE_HOME ");
    ::unsetenv("ZAI_API_KEY");
}

TEST_F(Inventory, VersionIsNullFirstAndThenKnown) {
    const AgentBinary binary = codex("echo 'codex-cli 0.169.0'");
    EXPECT_EQ(inventory_.version(Agent::codex, binary, place()), std::nullopt);
    io_.run();
    EXPECT_EQ(inventory_.version(Agent::codex, binary, place()), "0.169.0");
}

TEST_F(Inventory, AFailureOfVersionIsTold) {
    const AgentBinary binary =
        codex(R"(printf '/x/codex.js:3\n  throw\n\nError: Missing \377 dependency\n  at x\n' >&2; exit 1)");
    EXPECT_EQ(inventory_.version(Agent::codex, binary, place()), std::nullopt);
    EXPECT_EQ(inventory_.version_problem(binary), "");
    io_.run();
    EXPECT_EQ(inventory_.version_problem(binary), "it ended with 1: Error: Missing ? dependency");
    EXPECT_EQ(inventory_.version_problem(codex("echo 1.0")), "");
}

// Nobody in particular asked for it.
TEST_F(Inventory, ALineOfTheLogSaysWhoseHomeItIsAndAWholeSentence) {
    home_.user.uid = 1234;
    const AgentBinary binary = codex("echo no >&2; exit 1");
    testing::internal::CaptureStderr();
    start_log("info", LogFormat::text, true);
    inventory_.version(Agent::codex, binary, place());
    run(io_, inventory_.models(Agent::codex, binary, place()));
    io_.restart();
    io_.run();
    const std::string log = testing::internal::GetCapturedStderr();
    const std::string about = " home_of=1234 asked_by=1 program=" + binary.path + " why=\"the program did not tell ";
    EXPECT_NE(log.find("agent.version_unknown" + about + "its version: it ended with 1: no\""), std::string::npos)
        << log;
    EXPECT_NE(
        log.find("agent.models_unknown" + about + "which models it knows: codex debug models ended with exit code 1\""),
        std::string::npos)
        << log;
}

TEST_F(Inventory, OneThatABusyMachineKeptFromTellingIsAskedAgain) {
    AgentInventory inventory(io_.get_executor(), runner_, directory_.path(), std::chrono::milliseconds(0));
    const auto ask = [&](const AgentBinary& binary) {
        const auto known = inventory.version(Agent::codex, binary, place());
        io_.run();
        io_.restart();
        return known;
    };
    const std::string there = directory_.path() + "/there";
    // Killed first, then not to be run; the file stays as it is.
    const AgentBinary binary = codex("[ -e " + there + " ] && echo 1.0 && exit; touch " + there + "; kill -9 $$");
    EXPECT_EQ(ask(binary), std::nullopt);
    EXPECT_NE(inventory.version_problem(binary), "");
    EXPECT_EQ(ask(binary), std::nullopt);
    EXPECT_EQ(ask(binary), "1.0");
    EXPECT_EQ(inventory.version_problem(binary), "");

    std::ofstream(directory_.path() + "/codex") << "#!" << directory_.path() << "/interpreter\n";
    const AgentBinary later = found_in(path(), "codex").value();
    EXPECT_EQ(ask(later), std::nullopt);
    EXPECT_NE(inventory.version_problem(later), "");
    directory_.program("interpreter", "echo 2.0");
    EXPECT_EQ(ask(later), std::nullopt);
    EXPECT_EQ(ask(later), "2.0");
}

TEST_F(Inventory, OneThatABusyMachineKeptFromTellingIsNotAskedAgainAtOnce) {
    const AgentBinary binary = codex("echo run >> " + directory_.path() + "/runs; kill -9 $$");
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(inventory_.version(Agent::codex, binary, place()), std::nullopt);
        io_.run();
        io_.restart();
    }
    EXPECT_EQ(runs(), 1U);
}

TEST_F(Inventory, OneThatEndedWithAnErrorIsNotAskedAgain) {
    AgentInventory inventory(io_.get_executor(), runner_, directory_.path(), std::chrono::milliseconds(0));
    const AgentBinary binary = codex("echo run >> " + directory_.path() + "/runs; exit 1");
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(inventory.version(Agent::codex, binary, place()), std::nullopt);
        io_.run();
        io_.restart();
    }
    EXPECT_EQ(runs(), 1U);
}

// Who may replace the binary could have a thousand run at once otherwise.
TEST_F(Inventory, OneBinaryIsAskedForItsVersionAtATime) {
    const std::string script = "echo run >> " + directory_.path() + "/runs; echo 1.0";
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(inventory_.version(Agent::codex, codex(script), place()), std::nullopt);
    EXPECT_EQ(inventory_.version(Agent::claude, codex(script), place()), std::nullopt) << "another agent has its own";
    io_.run();
    EXPECT_EQ(runs(), 2U);
    io_.restart();
    const AgentBinary next = codex(script);
    EXPECT_EQ(inventory_.version(Agent::codex, next, place()), std::nullopt);
    io_.run();
    EXPECT_EQ(inventory_.version(Agent::codex, next, place()), "1.0");
}

TEST_F(Inventory, AfterOneThatDoesNotTellNoneIsAskedForAWhile) {
    const std::string script = "echo run >> " + directory_.path() + "/runs; exit 1";
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(inventory_.version(Agent::codex, codex(script), place()), std::nullopt);
        io_.run();
        io_.restart();
    }
    EXPECT_EQ(runs(), 1U);
}

TEST_F(Inventory, WhoStopsWaitsForItsHomesAndNoLongerThanTheLimit) {
    const AgentBinary binary = codex("echo run >> " + directory_.path() + "/runs; sleep 600");
    inventory_.version(Agent::codex, binary, place());
    const auto stop = [&]() -> asio::awaitable<bool> {
        asio::steady_timer pause(io_);
        while (runs() == 0) {
            pause.expires_after(std::chrono::milliseconds(10));
            co_await pause.async_wait(asio::use_awaitable);
        }
        const auto began = std::chrono::steady_clock::now();
        const auto soon = began + std::chrono::milliseconds(50);
        co_await inventory_.finish(soon);
        const bool waited_for_it = std::chrono::steady_clock::now() >= soon && !homes().empty();
        runner_.stop();
        co_await inventory_.finish(began + std::chrono::minutes(5));
        co_return waited_for_it;
    };
    EXPECT_TRUE(run(io_, stop()));
    EXPECT_EQ(homes(), "");
}

}  // namespace
}  // namespace capsule
