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

#include "daemon/sessions/sessions.hpp"

namespace capsule {
namespace {

namespace asio = boost::asio;

BootClock::time_point injected_now;

/// Without a broker: sessions that have the key itself.
class SessionEnds : public ::testing::Test {
  protected:
    void open(std::chrono::hours idle, SessionFiles files = {}, EndedFile ended_file = {}) {
        SessionSources sources{[](const SessionRecord&) { return KeyNow{}; },
                               [](const SessionRecord&) -> asio::awaitable<void> { co_return; }, [](broker::Grant&) {},
                               [this](std::string_view what, const SessionRecord&, const SessionCounts&,
                                      const std::optional<std::string>& ended) {
                                   told_ += std::string(what) + " " + ended.value_or("") + ";";
                               }};
        BrokerSettings settings;
        settings.idle = idle;
        sessions_.open(std::move(files), std::move(ended_file), std::move(sources), std::move(settings), false);
    }

    Result<std::string> begin(std::optional<std::string> ends_with, SessionOwner owner) {
        SessionRecord record;
        record.agent = "claude";
        record.keys = "env";
        record.ends_with = std::move(ends_with);
        Result<std::string> id = Error{ErrorCode::internal_error, "it was not begun", ""};
        asio::co_spawn(
            io_, [&]() -> asio::awaitable<void> { id = co_await sessions_.begin(record, owner); }, asio::detached);
        io_.restart();
        io_.poll();
        return id;
    }

    asio::io_context io_;
    Sessions sessions_{io_.get_executor(), [] { return injected_now; }};
    std::vector<UniqueFd> pipes_;
    std::string told_;
};

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

/// Those that an earlier daemon left: a broker is not needed to end them.
class SessionsOfBefore : public SessionEnds {
  protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "sessions-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        top_ = pattern;
        injected_now = BootClock::time_point(std::chrono::hours(1000));
        const auto free = listen_on_loopback(0, false, std::nullopt);
        ASSERT_TRUE(free);
        KeptPort kept;
        kept.port = free->port;
        ASSERT_TRUE(files().keep_port(kept));
    }
    void TearDown() override {
        sessions_.stop();
        std::filesystem::remove_all(top_);
    }

    SessionFiles files() const { return SessionFiles(std::make_shared<StateDirectory>(top_.string())); }
    static SessionRecord record(const std::string& id) {
        SessionRecord out;
        out.id = id;
        out.keys = "broker";
        out.base_url = "https://api.example";
        out.surface = "anthropic_messages";
        out.token_sha256 = std::string(64, 'a');
        return out;
    }
    std::optional<std::int64_t> used_on_disk() const {
        std::vector<std::string> problems;
        const auto kept = files().load(problems);
        return kept.size() == 1 ? kept.front().session.used_s : std::nullopt;
    }

    template <class Condition>
    bool until(Condition condition) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!condition() && std::chrono::steady_clock::now() < limit)
            io_.run_for(std::chrono::milliseconds(50));
        return condition();
    }

    std::filesystem::path top_;
};

TEST_F(SessionsOfBefore, EndAfterAWhileWithoutARequest) {
    SessionRecord kept = record("kept");
    kept.ends_with = "connection";
    ASSERT_TRUE(files().keep(record("abandoned")));
    ASSERT_TRUE(files().keep(kept));
    open(std::chrono::hours(24), files());
    EXPECT_EQ(sessions_.list(false).size(), 2U);
    injected_now += std::chrono::hours(25);
    ASSERT_TRUE(until([&] { return sessions_.list(false).size() == 1; }));
    EXPECT_EQ(sessions_.list(false).front().id, "kept");
    EXPECT_FALSE(std::filesystem::exists(top_ / "sessions/abandoned.json"));
    EXPECT_EQ(sessions_.list(true).size(), 2U);
    injected_now += std::chrono::hours(25);
    EXPECT_EQ(sessions_.list(true).size(), 1U) << "the end is a day ago";
}

TEST_F(SessionsOfBefore, GetNoNewTimeByARestart) {
    SessionRecord old = record("old"), young = record("young"), later = record("later");
    const auto hours_ago = [](int hours) {
        return BootClock::seconds_of(injected_now) - std::chrono::seconds(std::chrono::hours(hours)).count();
    };
    old.used_s = hours_ago(25);
    young.used_s = hours_ago(24);  // what is on disk may be some minutes old
    later.used_s = hours_ago(-1000);
    for (const SessionRecord& each : {old, young, later})
        ASSERT_TRUE(files().keep(each));
    open(std::chrono::hours(24), files());
    ASSERT_TRUE(until([&] { return sessions_.list(false).size() < 3; }));
    EXPECT_EQ(sessions_.list(false).size(), 2U);
    injected_now += std::chrono::hours(1);
    ASSERT_TRUE(until([&] { return sessions_.list(false).size() == 1; }));
    EXPECT_EQ(sessions_.list(false).front().id, "later");
    injected_now += std::chrono::hours(24);
    EXPECT_TRUE(until([&] { return sessions_.list(false).empty(); })) << "none lives for ever";
}

TEST_F(SessionsOfBefore, EndWhereTheirPortIsNotKnown) {
    ASSERT_TRUE(files().keep(record("one")));
    std::filesystem::remove(top_ / "sessions/port");
    open(std::chrono::hours(24), files());
    EXPECT_TRUE(sessions_.list(false).empty());
    ASSERT_EQ(sessions_.list(true).size(), 1U);
    EXPECT_EQ(sessions_.list(true).front().ended, "it is not known any more which port of the broker it has");
}

TEST_F(SessionsOfBefore, HaveOnDiskWhenTheyWereUsed) {
    ASSERT_TRUE(files().keep(record("used")));
    open(std::chrono::hours(24), files());
    const auto now = BootClock::seconds_of(injected_now);
    EXPECT_TRUE(until([&] { return used_on_disk() == now; }));
}

// Each file takes some milliseconds, in which nobody is served.
TEST_F(SessionsOfBefore, AreNotAllWrittenAtOnce) {
    constexpr std::size_t all = 50;
    for (std::size_t i = 0; i < all; ++i)
        ASSERT_TRUE(files().keep(record("used-" + std::to_string(i))));
    open(std::chrono::hours(24), files());
    const auto written = [&] {
        std::vector<std::string> problems;
        return std::ranges::count_if(files().load(problems),
                                     [](const KeptSession& kept) { return kept.session.used_s.has_value(); });
    };
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (written() == 0 && std::chrono::steady_clock::now() < limit)
        io_.run_one_for(std::chrono::milliseconds(50));
    EXPECT_EQ(written(), 20) << "of the first look";
    EXPECT_TRUE(until([&] { return written() == all; }));
}

TEST_F(SessionsOfBefore, ThoseThatEndedAreShownForADayWhateverTheMachineDid) {
    const auto ended_file = [&] { return EndedFile(std::make_shared<StateDirectory>(top_.string())); };
    const auto ended = [&](const std::string& id, std::chrono::hours ago) {
        return KeptEnd{record(id), {}, "why", utc_text(wall_now() - ago)};
    };
    for (const KeptEnd& each : {ended("old", std::chrono::hours(25)), ended("young", std::chrono::hours(23)),
                                ended("later", std::chrono::hours(-1))})
        ASSERT_TRUE(ended_file().add(each));
    open(std::chrono::hours(24), files(), ended_file());
    ASSERT_EQ(sessions_.list(true).size(), 1U);
    EXPECT_EQ(sessions_.list(true).front().id, "young");
    EXPECT_EQ(sessions_.list(true).front().ended, "why");
    EXPECT_EQ(ended_file().load().size(), 1U) << "what is not shown any more is not kept";
    injected_now += std::chrono::hours(2);
    EXPECT_TRUE(sessions_.list(true).empty());
    EXPECT_TRUE(sessions_.list(false).empty());
}

// Both pipes' events come out of one look of Asio's. The first one's handler closes the second one and has a process
// watched, whose descriptor gets the state in Asio that the second one had: with the event that is still to be handled.
TEST_F(SessionsOfBefore, DoNotEndForAnEventOfADescriptorThatIsClosed) {
    const auto readable = [&] {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        EXPECT_EQ(::write(ends[1], "x", 1), 1);
        pipes_.emplace_back(ends[1]);
        return ends[0];
    };
    std::string program = "/bin/sleep", time = "600";
    std::array<char*, 3> argv{program.data(), time.data(), nullptr};
    pid_t agent = 0;
    ASSERT_EQ(::posix_spawn(&agent, program.c_str(), nullptr, nullptr, argv.data(), nullptr), 0);
    SessionRecord with_agent = record("with-agent");
    with_agent.keys = "env";
    with_agent.ends_with = "caller";
    with_agent.pid = agent;
    with_agent.pid_started = process_by_start(agent)->started;
    ASSERT_TRUE(files().keep(with_agent));
    asio::posix::stream_descriptor first(io_, readable());
    asio::posix::stream_descriptor second(io_, readable());
    first.async_wait(asio::posix::stream_descriptor::wait_read, [&](boost::system::error_code) {
        second.close();
        open(std::chrono::hours(24), files());
    });
    io_.run_for(std::chrono::milliseconds(100));
    EXPECT_EQ(sessions_.list(false).size(), 1U);
    ::kill(agent, SIGKILL);
    ::waitpid(agent, nullptr, 0);
    io_.restart();
    EXPECT_TRUE(until([&] { return sessions_.list(false).empty(); }));
}

TEST_F(SessionEnds, ThoseThatEndedAreShownUpToABound) {
    open(std::chrono::hours(24));
    for (int i = 0; i < 1500; ++i)
        sessions_.end(begin(std::nullopt, {}).value(), "why");
    EXPECT_EQ(sessions_.list(true).size(), 1000U);
}

}  // namespace
}  // namespace capsule
