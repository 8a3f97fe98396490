// What calls leave on the stack when they return (copies of requests, answers and files among it) is zeroed too.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace capsule {

/// Zeroes what lies below the caller's frame, as deep as any call of the daemon reaches.
void wipe_stack() noexcept;

/// wipe_stack() on the I/O thread, a moment after work was done there: once for all that was done until then, so that
/// it costs a request nothing.
class StackWiper {
  public:
    explicit StackWiper(boost::asio::any_io_executor executor) : timer_(std::move(executor)) {}

    void soon();

  private:
    boost::asio::steady_timer timer_;
    bool pending_ = false;
};

}  // namespace capsule
