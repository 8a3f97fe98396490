#include "daemon/broker/core/places.hpp"

#include <gtest/gtest.h>

#include <array>

namespace capsule::broker {
namespace {

class BrokerPlaces : public ::testing::Test {
  protected:
    /// Stands for a connection, which is never looked into.
    Connection* fake(int number) {
        return reinterpret_cast<Connection*>(&memory_.at(static_cast<std::size_t>(number)));
    }
    bool work(Places::Handle place, std::size_t most) { return places_.work(place, most, turned_out_); }

    std::array<char, 64> memory_{};
    Places places_;
    Connection* turned_out_ = nullptr;
};

TEST_F(BrokerPlaces, WhoHasMostStrangersMakesRoom) {
    places_.enter(fake(0), 1);
    places_.enter(fake(1), 2);
    places_.enter(fake(2), 2);
    EXPECT_EQ(places_.turn_out_stranger(3), nullptr);
    places_.enter(fake(3), 1);
    places_.enter(fake(4), 2);
    EXPECT_EQ(places_.turn_out_stranger(4), fake(1)) << "the oldest of the user that has three";
    EXPECT_EQ(places_.turn_out_stranger(4), nullptr) << "its place is free already";
}

TEST_F(BrokerPlaces, OneUsersRequestsLeavePlacesToOthers) {
    for (int i = 0; i < 12; ++i)
        EXPECT_TRUE(work(places_.enter(fake(i), 1), 16)) << i;
    EXPECT_FALSE(work(places_.enter(fake(12), 1), 16));
    for (int i = 13; i < 16; ++i)
        EXPECT_TRUE(work(places_.enter(fake(i), 2), 16)) << i;
}

TEST_F(BrokerPlaces, TheLongestIdleOfWhoHasMostMakesRoom) {
    const auto first = places_.enter(fake(0), 1), second = places_.enter(fake(1), 1), other = places_.enter(fake(2), 2);
    for (const auto place : {first, second, other})
        EXPECT_TRUE(work(place, 3));
    EXPECT_FALSE(work(places_.enter(fake(3), 2), 3)) << "all are at work";
    places_.rest(other);
    places_.rest(second);
    places_.rest(first);
    EXPECT_TRUE(work(places_.enter(fake(4), 2), 3));
    EXPECT_EQ(turned_out_, fake(1));
    EXPECT_FALSE(work(second, 3)) << "it has no place any more";
}

TEST_F(BrokerPlaces, UnfinishedHeadsOfOneUserAreBoundedTogether) {
    const auto first = places_.enter(fake(0), 1), second = places_.enter(fake(1), 1), other = places_.enter(fake(2), 2);
    EXPECT_EQ(places_.hold_head(other, 60, 100), nullptr);
    EXPECT_EQ(places_.hold_head(first, 60, 100), nullptr);
    EXPECT_EQ(places_.hold_head(second, 40, 100), nullptr);
    EXPECT_EQ(places_.hold_head(second, 41, 100), fake(0));
    EXPECT_EQ(places_.hold_head(second, 100, 100), nullptr);
}

TEST_F(BrokerPlaces, NothingIsLeft) {
    const auto first = places_.enter(fake(0), 1), second = places_.enter(fake(1), std::nullopt);
    EXPECT_TRUE(work(first, 1));
    EXPECT_EQ(places_.turn_out_stranger(0), fake(1));
    EXPECT_FALSE(places_.empty()) << "it is not closed yet";
    places_.forget(second);
    places_.forget(first);
    EXPECT_TRUE(places_.empty());
    EXPECT_TRUE(work(places_.enter(fake(2), 1), 1));
}

}  // namespace
}  // namespace capsule::broker
