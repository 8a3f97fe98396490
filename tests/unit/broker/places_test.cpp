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
    Places::Handle enter(int number, Uid uid) {
        return places_.enter(fake(number), uid ? Share{payer_of(*uid), uid} : Share());
    }
    bool work(Places::Handle place, Share share, std::size_t most) {
        return places_.work(place, share, most, turned_out_);
    }
    bool work(Places::Handle place, std::size_t most) {
        return work(place, {place->user->first, place->one->first}, most);
    }

    std::array<char, 64> memory_{};
    Places places_;
    Connection* turned_out_ = nullptr;
};

TEST_F(BrokerPlaces, WhoHasMostStrangersMakesRoom) {
    enter(0, 1);
    enter(1, 2);
    enter(2, 2);
    EXPECT_EQ(places_.turn_out_stranger(3), nullptr);
    enter(3, 1);
    enter(4, 2);
    EXPECT_EQ(places_.turn_out_stranger(4), fake(1)) << "the oldest of the user that has three";
    EXPECT_EQ(places_.turn_out_stranger(4), nullptr) << "its place is free already";
}

TEST_F(BrokerPlaces, OneUsersRequestsLeavePlacesToOthers) {
    for (int i = 0; i < 12; ++i)
        EXPECT_TRUE(work(enter(i, 1), 16)) << i;
    EXPECT_FALSE(work(enter(12, 1), 16));
    for (int i = 13; i < 16; ++i)
        EXPECT_TRUE(work(enter(i, 2), 16)) << i;
}

TEST_F(BrokerPlaces, AUserIsOneHoweverManyItHasSessionsGrantedFor) {
    int number = 0;
    for (std::uint32_t uid = 100; uid < 112; ++uid)
        EXPECT_TRUE(work(enter(number++, uid), {payer_of(1), uid}, 16)) << uid;
    EXPECT_FALSE(work(enter(number++, 112), {payer_of(1), 112}, 16));
    EXPECT_FALSE(work(enter(number++, 1), {payer_of(1), 1}, 16)) << "nor for itself";
    for (const std::uint32_t there : {7U, 8U})
        EXPECT_TRUE(work(enter(number++, 100), {payer_of(0, there), 100}, 16)) << "for another capsuled's user";
    EXPECT_TRUE(work(enter(number++, 2), 16));
}

TEST_F(BrokerPlaces, ThoseForWhomAUserPaysLeavePlacesToEachOther) {
    int number = 0;
    while (work(enter(number++, 100), {payer_of(1), 100}, 32)) {
    }
    EXPECT_LT(number, 24);
    EXPECT_TRUE(work(enter(number++, 101), {payer_of(1), 101}, 32));
}

TEST_F(BrokerPlaces, StrangersOfAllForWhomAUserPaysAreTogether) {
    places_.enter(fake(0), {payer_of(2), 2});
    places_.enter(fake(1), {payer_of(2), 2});
    for (std::uint32_t uid = 100; uid < 103; ++uid)
        places_.enter(fake(static_cast<int>(uid) - 98), {payer_of(1), uid});
    EXPECT_EQ(places_.of(payer_of(1)), 3U);
    EXPECT_EQ(places_.turn_out_stranger(4), fake(2));
}

TEST_F(BrokerPlaces, TheLongestIdleOfWhoHasMostMakesRoom) {
    const auto first = enter(0, 1), second = enter(1, 1), other = enter(2, 2);
    for (const auto place : {first, second, other})
        EXPECT_TRUE(work(place, 3));
    EXPECT_FALSE(work(enter(3, 2), 3)) << "all are at work";
    places_.rest(other);
    places_.rest(second);
    places_.rest(first);
    EXPECT_TRUE(work(enter(4, 2), 3));
    EXPECT_EQ(turned_out_, fake(1));
    EXPECT_FALSE(work(second, 3)) << "it has no place any more";
}

TEST_F(BrokerPlaces, UnfinishedHeadsOfOneUserAreBoundedTogether) {
    const auto first = enter(0, 1), second = enter(1, 1), other = enter(2, 2);
    EXPECT_EQ(places_.hold_head(other, 60, 100), nullptr);
    EXPECT_EQ(places_.hold_head(first, 60, 100), nullptr);
    EXPECT_EQ(places_.hold_head(second, 40, 100), nullptr);
    EXPECT_EQ(places_.hold_head(second, 41, 100), fake(0));
    EXPECT_EQ(places_.hold_head(second, 100, 100), nullptr);
}

TEST_F(BrokerPlaces, SoAreTheirUnfinishedHeads) {
    const auto first = places_.enter(fake(0), {payer_of(1), 100}), second = places_.enter(fake(1), {payer_of(1), 101}),
               third = places_.enter(fake(2), {payer_of(1), 102});
    EXPECT_EQ(places_.hold_head(first, 30, 100), nullptr);
    EXPECT_EQ(places_.hold_head(second, 40, 100), nullptr);
    EXPECT_EQ(places_.hold_head(third, 31, 100), fake(1)) << "of whom it has most for";
}

TEST_F(BrokerPlaces, OfStrangersTheHeadThatWouldBeTooMuchIsRefused) {
    const auto first = enter(0, 1), second = enter(1, 1), third = enter(2, 1), known = enter(3, 1), other = enter(4, 2);
    EXPECT_FALSE(places_.refuse_head(other, 60, 50)) << "a uid's only one";
    EXPECT_FALSE(places_.refuse_head(first, 60, 100));
    places_.hold_head(first, 60, 1000);
    EXPECT_FALSE(places_.refuse_head(first, 110, 100)) << "so is this, whose memory grows";
    EXPECT_FALSE(places_.refuse_head(second, 40, 100));
    places_.hold_head(second, 40, 1000);
    EXPECT_TRUE(work(known, 16));
    EXPECT_FALSE(places_.refuse_head(known, 40, 100)) << "no stranger";
    EXPECT_TRUE(places_.refuse_head(third, 1, 100));
    EXPECT_FALSE(places_.refuse_head(third, 1, 100)) << "it has left";
    EXPECT_TRUE(places_.refuse_head(second, 41, 100));
    EXPECT_FALSE(places_.refuse_head(enter(5, 1), 40, 100)) << "there is room again";
}

TEST_F(BrokerPlaces, StrangersOfAUserAreCounted) {
    EXPECT_EQ(places_.strangers_of(payer_of(1)), 0U);
    enter(0, 1);
    EXPECT_TRUE(work(enter(1, 1), 16));
    EXPECT_EQ(places_.strangers_of(payer_of(1)), 1U);
    EXPECT_EQ(places_.of(payer_of(1)), 2U);
}

TEST_F(BrokerPlaces, NothingIsLeft) {
    const auto first = enter(0, 1), second = enter(1, std::nullopt);
    EXPECT_TRUE(work(first, 1));
    EXPECT_EQ(places_.turn_out_stranger(0), fake(1));
    EXPECT_FALSE(places_.empty()) << "it is not closed yet";
    places_.forget(second);
    places_.forget(first);
    EXPECT_TRUE(places_.empty());
    EXPECT_TRUE(work(enter(2, 1), 1));
}

}  // namespace
}  // namespace capsule::broker
