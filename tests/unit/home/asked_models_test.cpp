#include "daemon/home/asked_models.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

namespace capsule {
namespace {

constexpr std::size_t most = 32;

class ModelsAskedFor : public testing::Test {
  protected:
    void begin(uid_t asker, const std::string& key) {
        AskedModels::Asked& asked = models_.by(asker, key);
        if (!asked.known) asked.lookups[asker] = std::make_shared<SharedRun<ModelList>>(io_.get_executor());
    }
    void end(uid_t asker, const std::string& key) { models_.answer(asker, key, list_); }
    void ask(uid_t asker, const std::string& key) {
        begin(asker, key);
        end(asker, key);
    }
    bool knows(const std::string& key) const { return models_.known()->contains(key); }

    boost::asio::io_context io_;
    ModelList list_{1, ""};
    AskedModels models_;
};

TEST_F(ModelsAskedFor, WhatIsBeingLookedUpIsNotForgotten) {
    ask(3, "a third one's");
    for (int round = 0; round < 40; ++round) {
        const std::string slow = "slow" + std::to_string(round);
        begin(2, slow);
        ask(1, slow);
        for (int i = 0; i < 9; ++i) {
            ask(1, "one's" + std::to_string(round * 9 + i));
            ask(2, "other's" + std::to_string(round * 9 + i));
        }
        EXPECT_TRUE(knows(slow)) << "it is being looked up";
        end(2, slow);
    }
    for (int i = 0; i < 9; ++i) {
        ask(1, "one's last" + std::to_string(i));
        ask(2, "other's last" + std::to_string(i));
    }
    EXPECT_EQ(models_.known()->size(), 1U + 8U + 8U) << "none of them stays for good";
    EXPECT_TRUE(knows("a third one's"));
}

TEST_F(ModelsAskedFor, AnAnswerBringsNothingBack) {
    end(1, "forgotten");
    EXPECT_FALSE(knows("forgotten"));
    ask(1, "own");
    EXPECT_TRUE(knows("own"));
    list_ = {{}, "it failed"};
    ask(1, "own");
    EXPECT_TRUE(knows("own"));
    ask(1, "another");
    EXPECT_FALSE(knows("another"));
}

TEST_F(ModelsAskedFor, AreNotManyWhoeverAsks) {
    for (uid_t asker = 1; asker < 20; ++asker)
        for (int i = 0; i < 8; ++i)
            ask(asker, std::to_string(asker) + "'s " + std::to_string(i));
    EXPECT_EQ(models_.known()->size(), most);
    for (uid_t asker = 1; asker < 20; ++asker)
        EXPECT_TRUE(knows(std::to_string(asker) + "'s 7")) << "each has the last one";
}

}  // namespace
}  // namespace capsule
