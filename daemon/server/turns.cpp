#include "daemon/server/turns.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <map>

namespace capsule {
namespace asio = boost::asio;
namespace {

struct Waiting {
    explicit Waiting(const asio::any_io_executor& executor) : called(executor, asio::steady_timer::time_point::max()) {}

    asio::steady_timer called;  ///< cancelled when it is this one's turn
    bool has_turn = false;
};

}  // namespace

struct Turns::Lines {
    struct Line {
        std::size_t in_work = 0;
        std::deque<std::shared_ptr<Waiting>> waiting;
    };
    std::map<uid_t, Line> users;  ///< those with requests in work
};

Turns::Turns(asio::any_io_executor executor) : executor_(std::move(executor)), lines_(std::make_shared<Lines>()) {}

asio::awaitable<Turns::Turn> Turns::take(uid_t uid, std::size_t most) {
    Lines::Line& line = lines_->users[uid];
    if (line.in_work < most && line.waiting.empty()) {
        ++line.in_work;
    } else {
        const auto self = std::make_shared<Waiting>(executor_);
        line.waiting.push_back(self);
        while (!self->has_turn) {
            boost::system::error_code cancelled;
            co_await self->called.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
        }
    }
    co_return Turn(lines_, uid);
}

Turns::Turn::Turn(Turn&& other) noexcept : lines_(std::move(other.lines_)), uid_(other.uid_) {
    other.lines_.reset();
}

/// The turn is handed on as it is, so that nobody who comes later can take it first.
Turns::Turn::~Turn() {
    const auto lines = lines_.lock();
    if (!lines) return;
    const auto line = lines->users.find(uid_);
    if (line->second.waiting.empty()) {
        if (--line->second.in_work == 0) lines->users.erase(line);
        return;
    }
    const auto next = std::move(line->second.waiting.front());
    line->second.waiting.pop_front();
    next->has_turn = true;
    next->called.cancel();
}

}  // namespace capsule
