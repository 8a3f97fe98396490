// What Codex is asked for its models, and who waits for that.
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <fstream>
#include <thread>

#include "inventory_fixture.hpp"
#include "tests/unit/support/run_io.hpp"

namespace capsule {
namespace {

TEST_F(Inventory, RunsDebugModelsOncePerBinary) {
    const std::string log = "echo run >> " + directory_.path() + "/runs; echo '{\"models\":[]}'";
    const AgentBinary first = codex(log);
    EXPECT_FALSE(inventory_.known_models().of(first).own.has_value());
    EXPECT_TRUE(run(io_, inventory_.models(Agent::codex, first, place())).own.has_value());
    EXPECT_TRUE(run(io_, inventory_.models(Agent::codex, first, place())).own.has_value());
    EXPECT_TRUE(inventory_.known_models().of(first).own.has_value());
    EXPECT_EQ(runs(), 1U);
    const AgentBinary second = codex(log);
    EXPECT_FALSE(inventory_.known_models().of(second).own.has_value());
    EXPECT_TRUE(run(io_, inventory_.models(Agent::codex, second, place())).own.has_value());
    EXPECT_EQ(runs(), 2U);
}

// That user may trace it. A reload may change whose sessions there are.
TEST_F(Inventory, WhatAProgramToldOneUserIsNotKnownForAnother) {
    const AgentBinary ours = codex("echo '{}'");
    const AgentBinary theirs = *found_in(path(), "codex", 4711);
    EXPECT_EQ(ours.path, theirs.path);
    EXPECT_EQ(ours.identity, theirs.identity);
    EXPECT_TRUE(run(io_, inventory_.models(Agent::codex, ours, place())).own.has_value());
    EXPECT_TRUE(inventory_.known_models().of(ours).own.has_value());
    EXPECT_FALSE(inventory_.known_models().of(theirs).own.has_value());
}

// npm's Codex is a script for `env node`.
TEST_F(Inventory, WhatAProgramToldWithOnePathIsNotKnownForAnother) {
    codex("told");
    const auto tells = [&](const std::string& name, const std::string& text) {
        const std::string directory = directory_.path() + "/" + name;
        std::filesystem::create_directory(directory);
        std::ofstream(directory + "/told") << "#!/bin/sh\n" << text << "\n";
        std::filesystem::permissions(directory + "/told", std::filesystem::perms::owner_all);
        return found_in(directory + ":" + path(), "codex").value();
    };
    const AgentBinary theirs = tells("theirs", "echo '{}'"), ours = tells("ours", "exit 7");
    EXPECT_TRUE(run(io_, inventory_.models(Agent::codex, theirs, place())).own.has_value());
    EXPECT_TRUE(inventory_.known_models().of(theirs).own.has_value());
    EXPECT_FALSE(inventory_.known_models().of(ours).own.has_value());
    EXPECT_FALSE(run(io_, inventory_.models(Agent::codex, ours, place())).own.has_value());
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
        asio::co_spawn(io_, worker_->run(std::move(held), std::chrono::minutes(1), 2),
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
    asio::co_spawn(io_, worker_->run(std::move(held), std::chrono::minutes(1), 1),
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

}  // namespace
}  // namespace capsule
