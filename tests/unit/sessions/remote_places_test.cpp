#include "daemon/sessions/remote_places.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <optional>
#include <vector>

namespace capsule {
namespace {

namespace asio = boost::asio;
using ::testing::ElementsAre;
using Link = std::shared_ptr<RemoteLink>;

class RemotePlacesTest : public ::testing::Test {
  protected:
    void SetUp() override { places_->open("/nonexistent/keys.sock"); }

    /// One more request of that user's. It holds its place until it ends.
    void ask(std::uint32_t user, std::chrono::milliseconds patience = std::chrono::hours(1)) {
        asio::co_spawn(
            io_,
            [this, user, patience]() -> asio::awaitable<void> {
                auto link = co_await places_->take(user, patience);
                if (link)
                    at_work_.emplace_back(user, std::move(*link));
                else
                    refused_.push_back(link.error());
            },
            asio::detached);
        run();
    }
    void end_first() {
        at_work_.erase(at_work_.begin());
        run();
    }
    void run() {
        io_.restart();
        io_.poll();
    }
    std::vector<std::uint32_t> at_work() const {
        std::vector<std::uint32_t> users;
        for (const auto& [user, link] : at_work_)
            users.push_back(user);
        return users;
    }

    asio::io_context io_;
    std::optional<RemotePlaces> places_{io_.get_executor()};
    std::vector<std::pair<std::uint32_t, Link>> at_work_;
    std::vector<Error> refused_;
};

TEST_F(RemotePlacesTest, AreTwoAtATime) {
    for (std::uint32_t user : {1, 2, 3, 4})
        ask(user);
    EXPECT_THAT(at_work(), ElementsAre(1, 2));
    end_first();
    EXPECT_THAT(at_work(), ElementsAre(2, 3));
    end_first();
    end_first();
    EXPECT_THAT(at_work(), ElementsAre(4));
}

TEST_F(RemotePlacesTest, AUserHasOneAtATime) {
    for (int i = 0; i < 3; ++i)
        ask(1);
    EXPECT_THAT(at_work(), ElementsAre(1));
    ask(2);
    EXPECT_THAT(at_work(), ElementsAre(1, 2)) << "who came later, but has none";
}

TEST_F(RemotePlacesTest, GoRoundARequestOfEachUser) {
    for (std::uint32_t user : {1, 1, 1, 2, 2, 2, 3, 3})
        ask(user);
    std::vector<std::uint32_t> order = at_work();
    while (!at_work_.empty()) {
        const std::size_t held = at_work_.size() - 1;
        end_first();
        for (std::size_t i = held; i < at_work_.size(); ++i)
            order.push_back(at_work_[i].first);
    }
    EXPECT_THAT(order, ElementsAre(1, 2, 1, 2, 3, 1, 2, 3));
}

TEST_F(RemotePlacesTest, AreWaitedForWithABound) {
    for (std::uint32_t user : {1, 2})
        ask(user);
    ask(3, std::chrono::milliseconds(1));
    io_.restart();
    io_.run_for(std::chrono::milliseconds(20));
    ASSERT_EQ(refused_.size(), 1U);
    EXPECT_EQ(
        refused_.front(),
        (Error{ErrorCode::io_error, "other questions to the capsuled that has the keys take their time", "ask again"}));
    end_first();
    EXPECT_THAT(at_work(), ElementsAre(2)) << "nobody waits any more";
    ask(4);
    EXPECT_THAT(at_work(), ElementsAre(2, 4));
}

TEST_F(RemotePlacesTest, NobodyWaitsForThemAtTheEnd) {
    for (std::uint32_t user : {1, 2, 3})
        ask(user);
    places_->stop();
    run();
    EXPECT_EQ(refused_.size(), 1U);
    ask(4);
    EXPECT_EQ(refused_.size(), 2U);
    places_.reset();
    at_work_.clear();  // those that were out may go later
}

}  // namespace
}  // namespace capsule
