#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>

#include "daemon/sessions/sessions.hpp"

namespace capsule {
namespace {

namespace asio = boost::asio;

/// Without a broker: sessions that have the key itself.
class SessionEnds : public ::testing::Test {
  protected:
    void open(std::chrono::hours idle, SessionFiles files = {}) {
        SessionSources sources{[](const SessionRecord&) { return KeyNow{}; },
                               [](const SessionRecord&) -> asio::awaitable<void> { co_return; }, [](broker::Grant&) {},
                               [this](std::string_view what, const SessionRecord&, const SessionCounts&,
                                      const std::optional<std::string>& ended) {
                                   told_ += std::string(what) + " " + ended.value_or("") + ";";
                               }};
        BrokerSettings settings;
        settings.idle = idle;
        sessions_.open(std::move(files), std::move(sources), std::move(settings), false);
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
    Sessions sessions_{io_.get_executor()};
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
    ASSERT_TRUE(begin("connection", {std::nullopt, 7}));
    ASSERT_TRUE(begin("connection", {std::nullopt, 8}));
    ASSERT_TRUE(begin(std::nullopt, {std::nullopt, 7}));
    sessions_.connection_closed(7);
    EXPECT_EQ(sessions_.list(false).size(), 2U);
    sessions_.stop();
    sessions_.connection_closed(8);
    EXPECT_EQ(sessions_.list(false).size(), 2U) << "a daemon that stops ends none";
}

TEST_F(SessionEnds, ACallerThatHasEndedGetsNone) {
    open(std::chrono::hours(24));
    auto process = process_with(::getpid());
    ASSERT_TRUE(process);
    ASSERT_TRUE(begin("caller", {process, 1}));
    --process->started;
    EXPECT_FALSE(begin("caller", {process, 1}));
    EXPECT_EQ(sessions_.list(false).size(), 1U);
}

/// One that an earlier daemon left: a broker is not needed to end it.
TEST_F(SessionEnds, AfterAWhileWithoutARequest) {
    std::string pattern = (std::filesystem::temp_directory_path() / "sessions-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    SessionFiles files(pattern);
    SessionRecord record;
    record.id = "abandoned";
    record.keys = "broker";
    record.base_url = "https://api.example";
    record.surface = "anthropic_messages";
    record.token_sha256 = std::string(64, 'a');
    ASSERT_TRUE(files.keep(record));
    record.id = "kept";
    record.ends_with = "connection";
    ASSERT_TRUE(files.keep(record));
    open(std::chrono::hours(0), files);
    EXPECT_EQ(sessions_.list(false).size(), 2U);
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (sessions_.list(false).size() == 2 && std::chrono::steady_clock::now() < limit)
        io_.run_for(std::chrono::milliseconds(50));
    ASSERT_EQ(sessions_.list(false).size(), 1U);
    EXPECT_EQ(sessions_.list(false).front().id, "kept");
    EXPECT_FALSE(std::filesystem::exists(pattern + "/sessions/abandoned.json"));
    sessions_.stop();
    std::filesystem::remove_all(pattern);
}

TEST_F(SessionEnds, ThoseThatEndedAreShownUpToABound) {
    open(std::chrono::hours(24));
    for (int i = 0; i < 1500; ++i)
        sessions_.end(begin(std::nullopt, {}).value(), "why");
    EXPECT_EQ(sessions_.list(true).size(), 1000U);
}

}  // namespace
}  // namespace capsule
