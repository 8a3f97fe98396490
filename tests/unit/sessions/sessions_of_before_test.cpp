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
