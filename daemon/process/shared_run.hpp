// Something that takes long and that several ask for: it is done once, and all have its result.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

namespace capsule {

/// For one thread. Held by a std::shared_ptr, as those that wait may outlive the list that it is in.
template <class T>
class SharedRun {
  public:
    explicit SharedRun(const boost::asio::any_io_executor& executor)
        : ended_(executor, boost::asio::steady_timer::time_point::max()) {}

    /// Does it. To be called once; those that wait go on when `work` has ended, even by an exception.
    boost::asio::awaitable<T> run(boost::asio::awaitable<T> work) {
        try {
            result_ = co_await std::move(work);
        } catch (...) {
            end();
            throw;
        }
        end();
        co_return *result_;
    }

    /// Waits for run(). None: it ended by an exception.
    boost::asio::awaitable<std::optional<T>> wait() {
        boost::system::error_code ignored;
        if (!has_ended_) co_await ended_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
        co_return result_;
    }

    /// None: it is under way, or ended by an exception.
    const std::optional<T>& result() const noexcept { return result_; }
    bool has_ended() const noexcept { return has_ended_; }
    bool has_failed() const noexcept { return has_ended_ && !result_; }

  private:
    void end() {
        has_ended_ = true;
        ended_.cancel();
    }

    std::optional<T> result_;
    boost::asio::steady_timer ended_;
    bool has_ended_ = false;
};

}  // namespace capsule
