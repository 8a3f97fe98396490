#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
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
#include "tests/support/system_calls.hpp"
#include "tests/unit/support/run_io.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace capsule {
namespace {

namespace asio = boost::asio;

std::optional<AgentBinary> found_in(std::string_view path, std::string_view name) {
    return find_binary(path, name).binary;
}

class Inventory : public testing::Test {
  protected:
    std::string path() const { return directory_.path() + ":/usr/bin:/bin"; }
    AgentBinary codex(const std::string& script) {
        directory_.program("codex", script);
        return found_in(path(), "codex").value();
    }
    /// What programs were given.
    std::string homes() const {
        std::string names;
        for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
            if (entry.is_directory()) names += entry.path().filename().string() + " ";
        return names;
    }
    std::size_t runs() const {
        std::ifstream log(directory_.path() + "/runs");
        std::string line;
        std::size_t count = 0;
        while (std::getline(log, line))
            ++count;
        return count;
    }

    TempDir directory_;
    asio::io_context io_;
    SubprocessRunner runner_;
    AgentInventory inventory_{io_.get_executor(), runner_, directory_.path()};
    SessionHome home_;
    std::shared_ptr<HomeWorker> worker_ = std::make_shared<HomeWorker>(SessionUser{}, true);
    AgentPlace place(uid_t asker = 1) const { return {home_, path(), worker_, asker}; }
};

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
            const BinarySearch claude = find_binary(path, "claude");
            if (!claude.binary || !claude.unreachable.empty()) return 1;
            const BinarySearch codex = find_binary(path, "codex");
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

TEST_F(Inventory, RunsDebugModelsOncePerBinary) {
    const std::string log = "echo run >> " + directory_.path() + "/runs; echo '{\"models\":[]}'";
    const AgentBinary first = codex(log);
    EXPECT_FALSE(inventory_.known_models().of(first, path()).own.has_value());
    EXPECT_TRUE(run(io_, inventory_.models(Agent::codex, first, place())).own.has_value());
    EXPECT_TRUE(run(io_, inventory_.models(Agent::codex, first, place())).own.has_value());
    EXPECT_TRUE(inventory_.known_models().of(first, path()).own.has_value());
    EXPECT_EQ(runs(), 1U);
    const AgentBinary second = codex(log);
    EXPECT_FALSE(inventory_.known_models().of(second, path()).own.has_value());
    EXPECT_TRUE(run(io_, inventory_.models(Agent::codex, second, place())).own.has_value());
    EXPECT_EQ(runs(), 2U);
}

// npm's Codex is a script for `env node`.
TEST_F(Inventory, WhatAProgramToldWithOnePathIsNotKnownForAnother) {
    const AgentBinary binary = codex("told");
    const auto tells = [&](const std::string& name, const std::string& text) {
        const std::string directory = directory_.path() + "/" + name;
        std::filesystem::create_directory(directory);
        std::ofstream(directory + "/told") << "#!/bin/sh\n" << text << "\n";
        std::filesystem::permissions(directory + "/told", std::filesystem::perms::owner_all);
        AgentPlace with = place();
        with.path = directory + ":" + path();
        return with;
    };
    const AgentPlace theirs = tells("theirs", "echo '{}'"), ours = tells("ours", "exit 7");
    EXPECT_TRUE(run(io_, inventory_.models(Agent::codex, binary, theirs)).own.has_value());
    EXPECT_TRUE(inventory_.known_models().of(binary, theirs.path).own.has_value());
    EXPECT_FALSE(inventory_.known_models().of(binary, ours.path).own.has_value());
    EXPECT_FALSE(run(io_, inventory_.models(Agent::codex, binary, ours)).own.has_value());
}

TEST_F(Inventory, WhoHasManyBinariesMakesNobodyElsesForgotten) {
    const std::string log = "echo run >> " + directory_.path() + "/runs; echo '{}'";
    const AgentBinary both = codex(log);
    run(io_, inventory_.models(Agent::codex, both, place(1)));
    const AgentBinary own = codex(log);
    run(io_, inventory_.models(Agent::codex, own, place(1)));
    run(io_, inventory_.models(Agent::codex, both, place(2)));
    EXPECT_EQ(runs(), 2U);
    for (int i = 0; i < 40; ++i)
        run(io_, inventory_.models(Agent::codex, codex("echo '{}'"), place(2)));
    EXPECT_EQ(inventory_.known_models().by_binary->size(), 2U + 8U) << "of one asker";
    run(io_, inventory_.models(Agent::codex, own, place(1)));
    run(io_, inventory_.models(Agent::codex, both, place(1)));
    EXPECT_EQ(runs(), 2U) << "they are remembered";
    for (uid_t asker = 3; asker < 10; ++asker)
        for (int i = 0; i < 8; ++i)
            run(io_, inventory_.models(Agent::codex, codex("echo '{}'"), place(asker)));
    EXPECT_EQ(inventory_.known_models().by_binary->size(), 32U);
    run(io_, inventory_.models(Agent::codex, own, place(1)));
    EXPECT_EQ(runs(), 2U) << "those of whoever has most go first";
}

// How long a list takes to judge is up to whoever's program it is.
TEST_F(Inventory, ModelsWaitForNobodyElsesJobs) {
    const auto go = std::make_shared<std::atomic<bool>>(false);
    for (int i = 0; i < 4; ++i) {
        auto held = [go]() -> Result<int> {
            while (!*go)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            return 0;
        };
        asio::co_spawn(io_, worker_->run(std::move(held), std::chrono::minutes(1), HomeWorker::inventory(2)),
                       [](std::exception_ptr, Result<int> result) { EXPECT_TRUE(result); });
    }
    bool told = false;
    const AgentBinary binary = codex("echo '{}'");
    asio::co_spawn(io_, inventory_.models(Agent::codex, binary, place(2)), [&](std::exception_ptr, ModelList models) {
        EXPECT_TRUE(models.own.has_value());
        EXPECT_TRUE(told) << "theirs waits for their own jobs";
    });
    asio::co_spawn(io_, inventory_.models(Agent::codex, binary, place(1)), [&](std::exception_ptr, ModelList models) {
        EXPECT_TRUE(models.own.has_value());
        told = !*go;
        *go = true;
    });
    io_.run();
    EXPECT_TRUE(told) << "before the others' jobs had ended";
}

// Whoever may list the directory in which it is can make its removal take long.
TEST_F(Inventory, ModelsDoNotWaitForTheRemovalOfTheProgramsHome) {
    const std::string top = directory_.path();
    const AgentBinary binary = codex("echo run >> " + top + "/runs; [ $(wc -l < " + top + "/runs) = 1 ] || { > " + top +
                                     "/last; while [ ! -e " + top + "/go ]; do sleep .01; done; }\n" +
                                     R"(echo '{"models":[{"slug":"gpt-5.5","base_instructions":"You are Codex."}]}')");
    const auto release = std::make_shared<std::atomic<bool>>(false), begun = std::make_shared<std::atomic<bool>>(false);
    bool told = false;
    asio::co_spawn(io_, inventory_.models(Agent::codex, binary, place(1)), [&](std::exception_ptr, ModelList models) {
        EXPECT_TRUE(models.own.has_value());
        told = true;
    });
    while (!std::filesystem::exists(top + "/last"))
        io_.run_one_for(std::chrono::milliseconds(10));
    auto held = [release, begun]() -> Result<int> {
        *begun = true;
        while (!*release)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return 0;
    };
    asio::co_spawn(io_, worker_->run(std::move(held), std::chrono::minutes(1), HomeWorker::inventory(1)),
                   [](std::exception_ptr, Result<int> result) { EXPECT_TRUE(result); });
    while (!*begun)
        io_.run_one_for(std::chrono::milliseconds(10));
    std::ofstream(top + "/go") << "";
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!told && std::chrono::steady_clock::now() < patience)
        io_.run_one_for(std::chrono::milliseconds(10));
    EXPECT_TRUE(told);
    EXPECT_NE(homes(), "");
    *release = true;
    io_.run();
    EXPECT_EQ(homes(), "");
}

TEST_F(Inventory, OneThatLacksTheFlagIsAskedWithoutIt) {
    const AgentBinary binary = codex("[ $# = 2 ] && echo '{}' || exit 2");
    EXPECT_TRUE(run(io_, inventory_.models(Agent::codex, binary, place())).own.has_value());
}

TEST_F(Inventory, AFailureSaysWhyAndIsTriedAgain) {
    const AgentBinary binary = codex("echo run >> " + directory_.path() + "/runs; exit 7");
    const ModelList models = run(io_, inventory_.models(Agent::codex, binary, place()));
    EXPECT_FALSE(models.own.has_value());
    EXPECT_EQ(models.problem, "codex debug models ended with exit code 7");
    run(io_, inventory_.models(Agent::codex, binary, place()));
    EXPECT_EQ(runs(), 4U);
}

TEST_F(Inventory, ACatalogThatThisCodexCannotReadIsNotUsed) {
    const AgentBinary binary = codex(R"(
if [ "$3" = -c ]; then echo 'Error: missing field `novelty`' >&2; exit 1; fi
echo '{"models":[{"slug":"gpt-5.5","base_instructions":"You are Codex.","visibility":"list"}]}')");
    const ModelList models = run(io_, inventory_.models(Agent::codex, binary, place()));
    EXPECT_FALSE(models.own.has_value());
    EXPECT_EQ(models.problem, "this Codex does not read a derived catalog: Error: missing field `novelty`");
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
    const std::string about = " home_of=1234 program=" + binary.path + " why=\"the program did not tell ";
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
