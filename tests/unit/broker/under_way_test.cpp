// A request that has ended, by an exception too, is not shown as one that is under way.
#include <gtest/gtest.h>

#include <stdexcept>

#include "daemon/broker/sessions.hpp"

namespace capsule::broker {
namespace {

TEST(UnderWay, CapsuledIsToldOfItsEndByAnExceptionToo) {
    const auto due = std::make_shared<DueTraffic>();
    int calls = 0;
    due->on_due([&] { ++calls; });
    const auto session = std::make_shared<Session>();
    try {
        const UnderWay under_way(due, session);
        due->add(session);
        ASSERT_EQ(due->take(), session);
        EXPECT_EQ(session->streams, 1U);
        calls = 0;
        throw std::runtime_error("as std::bad_alloc may come at any moment");
    } catch (const std::runtime_error&) {
    }
    EXPECT_EQ(calls, 1);
    ASSERT_EQ(due->take(), session);
    EXPECT_EQ(session->streams, 0U);
    EXPECT_EQ(due->take(), nullptr);
}

TEST(UnderWay, OneMayOutliveTheBroker) {
    auto due = std::make_shared<DueTraffic>();
    const auto session = std::make_shared<Session>();
    {
        const UnderWay under_way(due, session);
        due.reset();
    }
    EXPECT_EQ(session->streams, 0U);
}

TEST(DueTraffic, EachIsDueOnceAndInTurn) {
    DueTraffic due;
    const auto one = std::make_shared<Session>(), other = std::make_shared<Session>();
    for (int i = 0; i < 3; ++i) {
        due.add(one);
        due.add(other);
    }
    EXPECT_EQ(due.take(), one);
    due.add(one);
    EXPECT_EQ(due.take(), other);
    EXPECT_EQ(due.take(), one);
    EXPECT_EQ(due.take(), nullptr);
}

}  // namespace
}  // namespace capsule::broker
