// Of each user only so many requests are in work at a time; the others wait in line. So whatever a request has while it
// is in work (a thread, a program, memory), one user's flood has it a few times, however many connections it comes on.
// The I/O thread's own time is shared by daemon/server/shares.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>

namespace capsule {

class Turns {
  private:
    struct Lines;

  public:
    /// Held while a request is in work; the next in line has its turn when it goes.
    class Turn {
      public:
        Turn(Turn&& other) noexcept;
        Turn& operator=(Turn&&) = delete;
        ~Turn();

      private:
        friend class Turns;
        Turn(std::weak_ptr<Lines> lines, uid_t uid) : lines_(std::move(lines)), uid_(uid) {}

        std::weak_ptr<Lines> lines_;  ///< a coroutine that holds a turn may outlive the server, at the daemon's end
        uid_t uid_;
    };

    explicit Turns(boost::asio::any_io_executor executor);

    /// Waits until fewer than `most` requests of that user are in work, first come, first served.
    boost::asio::awaitable<Turn> take(uid_t uid, std::size_t most);

  private:
    boost::asio::any_io_executor executor_;
    std::shared_ptr<Lines> lines_;
};

}  // namespace capsule
