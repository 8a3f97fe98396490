#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "tests/unit/sessions/ends_fixture.hpp"

namespace capsule {
namespace {

TEST_F(SessionEnds, AreToldAndSoAreBeginnings) {
    open(std::chrono::hours(24));
    const auto id = begin(std::nullopt, {});
    ASSERT_TRUE(id);
    EXPECT_EQ(told_, "session.started ;");
    sessions_.end(*id, "why");
    sessions_.end(*id, "again");
    EXPECT_EQ(told_, "session.started ;session.ended why;");
    MetricsResult metrics;
    begin(std::nullopt, {});
    sessions_.put_into(metrics);
    ASSERT_EQ(metrics.cells.size(), 1U);
    EXPECT_EQ(metrics.cells[0].started, 2U) << "what has ended still counts";
    EXPECT_EQ(metrics.cells[0].live, 1U);
}

TEST_F(SessionEnds, ByItsIdOnce) {
    open(std::chrono::hours(24));
    const auto id = begin(std::nullopt, {});
    ASSERT_TRUE(id);
    EXPECT_EQ(sessions_.list(false).size(), 1U);
    const auto ended = sessions_.end(*id, "why");
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->state, "ended");
    EXPECT_EQ(ended->ended, "why");
    EXPECT_FALSE(sessions_.end(*id, "again"));
    EXPECT_TRUE(sessions_.list(false).empty());
    EXPECT_EQ(sessions_.list(true).size(), 1U);
}

TEST_F(SessionEnds, OfOneUsersThousandHideNoOthers) {
    open(std::chrono::hours(24));
    const auto ended_of = [&](std::uint32_t user, std::optional<std::uint32_t> there = std::nullopt) {
        SessionOwner owner;
        owner.uid = user;
        owner.asked_by = there;
        std::string id = begin(std::nullopt, owner).value();
        sessions_.end(id, "why");
        return id;
    };
    const std::string others = ended_of(7), of_another_daemons = ended_of(8, 1), first = ended_of(8);
    for (std::size_t i = 0; i < most_ended_sessions; ++i)
        ended_of(8);
    const auto all = sessions_.list(true);
    EXPECT_EQ(all.size(), most_ended_sessions);
    const auto is_there = [&](const std::string& id) {
        return std::ranges::any_of(all, [&](const SessionRow& each) { return each.id == id; });
    };
    EXPECT_TRUE(is_there(others));
    EXPECT_TRUE(is_there(of_another_daemons));
    EXPECT_FALSE(is_there(first));
}

TEST_F(SessionEnds, WithItsConnectionAndNoOther) {
    open(std::chrono::hours(24));
    ASSERT_TRUE(begin("connection", {nullptr, 7}));
    ASSERT_TRUE(begin("connection", {nullptr, 8}));
    ASSERT_TRUE(begin(std::nullopt, {nullptr, 7}));
    sessions_.connection_closed(7);
    EXPECT_EQ(sessions_.list(false).size(), 2U);
    sessions_.stop();
    sessions_.connection_closed(8);
    EXPECT_EQ(sessions_.list(false).size(), 2U) << "a daemon that stops ends none";
}

TEST_F(SessionEnds, WithACallerThatHasEndedMeanwhile) {
    open(std::chrono::hours(24));
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::pause();
        ::_exit(0);
    }
    ASSERT_GT(pid, 0);
    const auto watched = [](pid_t of) {
        const ProcessIdentity process = process_with(of).value();
        return std::make_shared<WatchedProcess>(WatchedProcess{process, watch_process(process).value()});
    };
    const auto lives = watched(::getpid()), dies = watched(pid);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    ASSERT_TRUE(begin("caller", {lives, 1}));
    ASSERT_TRUE(begin("caller", {dies, 1}));
    io_.restart();
    io_.run_for(std::chrono::milliseconds(10));
    EXPECT_THAT(told_, ::testing::EndsWith("session.ended the process that it ends with has ended;"));
    EXPECT_EQ(sessions_.list(false).size(), 1U);
}

TEST_F(SessionEnds, OfOneUserSoManyLiveAndTheIdlestMakesRoom) {
    injected_now = BootClock::time_point(std::chrono::hours(1000));
    open(std::chrono::hours(24));
    const auto of = [&](std::uint32_t uid, std::optional<std::uint64_t> most) {
        injected_now += std::chrono::minutes(1);
        SessionOwner owner;
        owner.uid = uid;
        owner.most = most;
        owner.most_in_all = most.value_or(0);
        return begin(std::nullopt, owner).value();
    };
    const std::string others = of(7, 2), first = of(8, 2), second = of(8, 2);
    EXPECT_EQ(sessions_.list(false).size(), 3U);
    told_.clear();
    const std::string third = of(8, 2);
    EXPECT_EQ(told_,
              "session.ended uid 8 has asked for more than 2 sessions ([limits] sessions_per_user), and this one was "
              "idle longest;session.started ;");
    std::vector<std::string> left;
    for (const SessionRow& row : sessions_.list(false))
        left.push_back(row.id);
    EXPECT_THAT(left, ::testing::UnorderedElementsAre(others, second, third));
    of(8, std::nullopt);
    EXPECT_EQ(sessions_.list(false).size(), 4U) << "root has no limit";
}

TEST_F(SessionEnds, OfWhoAsksForOthersTheOneWithMostMakesRoom) {
    injected_now = BootClock::time_point(std::chrono::hours(1000));
    open(std::chrono::hours(24));
    const auto asked_by = [&](std::uint32_t asker) {
        injected_now += std::chrono::minutes(1);
        SessionOwner owner;
        owner.uid = 8;
        owner.asked_by = asker;
        owner.most = 3;
        owner.most_in_all = 4;
        return begin(std::nullopt, owner).value();
    };
    const std::string one = asked_by(1), first = asked_by(2), second = asked_by(2), third = asked_by(2);
    told_.clear();
    const std::string another = asked_by(3);
    EXPECT_EQ(told_,
              "session.ended uid 8 has asked for more than 4 sessions for its users, most of them for uid 2 ([limits] "
              "sessions_per_user), and this one was idle longest;session.started ;");
    const std::string more = asked_by(3);
    std::vector<std::string> left;
    for (const SessionRow& row : sessions_.list(false))
        left.push_back(row.id);
    EXPECT_THAT(left, ::testing::UnorderedElementsAre(one, third, another, more));
}

}  // namespace
}  // namespace capsule
