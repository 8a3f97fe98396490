// Something that takes long and that several ask for: it is done once, and all have its result.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace capsule {

/// For one thread. Held by a std::shared_ptr, as those that wait may outlive the list that it is in.
template <class T>
class SharedRun {
  public:
    using TimePoint = boost::asio::steady_timer::time_point;

    explicit SharedRun(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

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

    /// Waits for run(), at most until `end`. None: it is still under way then, or ended by an exception.
    boost::asio::awaitable<std::optional<T>> wait(TimePoint end = TimePoint::max()) {
        if (has_ended_) co_return result_;
        const auto timer = std::make_shared<boost::asio::steady_timer>(executor_, end);
        waiting_.push_back(timer);
        boost::system::error_code ignored;
        co_await timer->async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
        std::erase(waiting_, timer);
        co_return result_;
    }

    /// None: it is under way, or ended by an exception.
    const std::optional<T>& result() const noexcept { return result_; }
    bool has_ended() const noexcept { return has_ended_; }
    bool has_failed() const noexcept { return has_ended_ && !result_; }

  private:
    void end() {
        has_ended_ = true;
        for (const auto& each : waiting_)
            each->cancel();
    }

    boost::asio::any_io_executor executor_;
    std::optional<T> result_;
    std::vector<std::shared_ptr<boost::asio::steady_timer>> waiting_;
    bool has_ended_ = false;
};

}  // namespace capsule
