// Sessions, and what is told of them.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "daemon/sessions/sessions.hpp"

namespace capsule {

namespace asio = boost::asio;

inline BootClock::time_point injected_now;

/// Without a broker: sessions that have the key itself.
class SessionEnds : public ::testing::Test {
  protected:
    void open(std::chrono::hours idle, SessionFiles files = {}, EndedFile ended_file = {}) {
        SessionSources sources{[] { return [](const SessionRecord&) { return KeyNow{}; }; },
                               [](const std::vector<SessionRecord>&) -> asio::awaitable<void> { co_return; },
                               [](broker::Grant&) {},
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

}  // namespace capsule
