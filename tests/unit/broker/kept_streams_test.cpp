#include "daemon/broker/kept_streams.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

namespace capsule::broker {
namespace {

using namespace std::chrono_literals;

class BrokerKeptStreams : public ::testing::Test {
  protected:
    /// Of a connection whose far end stays open.
    std::weak_ptr<Stream> keep(KeptStreams::OfOne& of, Owner owner) {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
        far_.emplace_back(ends[1]);
        auto stream = std::make_shared<Stream>(loop_, UniqueFd(ends[0]));
        const std::weak_ptr<Stream> out = stream;
        kept_.keep(of, std::move(stream), owner, now_ += 1s);
        return out;
    }

    Loop loop_;
    std::vector<UniqueFd> far_;
    Clock::time_point now_;
    KeptStreams kept_;
    KeptStreams::OfOne one_, other_, third_;
};

TEST_F(BrokerKeptStreams, WhoeverHasMostMakesRoomWithTheLongestIdleOfAllKeys) {
    kept_.allow(4);
    const auto alone = keep(one_, 1);
    const auto first = keep(other_, 2), second = keep(third_, 2), third = keep(other_, 2);
    EXPECT_FALSE(first.expired());
    const auto fourth = keep(third_, 2);
    EXPECT_TRUE(first.expired());
    EXPECT_FALSE(alone.expired() || second.expired() || third.expired() || fourth.expired());
    keep(one_, 1);
    EXPECT_TRUE(second.expired());
    EXPECT_FALSE(alone.expired());
}

TEST_F(BrokerKeptStreams, OneIsTakenOnceAndTheShortestIdleFirst) {
    kept_.allow(4);
    const auto first = keep(one_, 1), second = keep(one_, 1);
    EXPECT_EQ(kept_.take(one_), second.lock());
    EXPECT_EQ(kept_.take(one_), first.lock());
    EXPECT_EQ(kept_.take(one_), nullptr);
    EXPECT_EQ(kept_.take(other_), nullptr);
    EXPECT_FALSE(kept_.close_one());
}

TEST_F(BrokerKeptStreams, OfOneKeySixtyFourAreKept) {
    kept_.allow(100);
    const auto first = keep(one_, 1), second = keep(one_, 1);
    for (int i = 2; i < 65; ++i)
        keep(one_, 1);
    EXPECT_TRUE(first.expired());
    EXPECT_FALSE(second.expired());
}

TEST_F(BrokerKeptStreams, TheLongIdleAreClosed) {
    kept_.allow(4);
    const auto first = keep(one_, 1), second = keep(other_, 2);
    EXPECT_TRUE(kept_.close_older_than(now_));
    EXPECT_TRUE(first.expired());
    EXPECT_FALSE(second.expired());
    EXPECT_FALSE(kept_.close_older_than(now_ + 1s));
    EXPECT_TRUE(one_.empty() && other_.empty());
}

TEST_F(BrokerKeptStreams, ThoseOfAKeyGoWithIt) {
    kept_.allow(4);
    const auto first = keep(one_, 1), second = keep(other_, 1);
    kept_.close_all(one_);
    EXPECT_TRUE(first.expired());
    EXPECT_TRUE(kept_.close_one());
    EXPECT_TRUE(second.expired());
    EXPECT_TRUE(other_.empty());
}

TEST_F(BrokerKeptStreams, FewerAreKeptFromNowOn) {
    kept_.allow(4);
    const auto first = keep(one_, 1), second = keep(one_, 1);
    kept_.allow(1);
    EXPECT_TRUE(first.expired());
    EXPECT_FALSE(second.expired());
}

}  // namespace
}  // namespace capsule::broker
