// Closes Unix sockets on a thread of its own. Descriptors that the other end sends along come to their end with the
// socket in whose buffer they lie, and the end of some of them waits: a TCP socket with SO_LINGER for as long as its
// owner said.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

namespace capsule {

class ClosingThread {
  public:
    /// A call that waits is interrupted again and again, this far apart.
    static constexpr std::chrono::milliseconds between_interruptions{20};

    explicit ClosingThread(boost::asio::any_io_executor executor);
    ~ClosingThread();
    ClosingThread(const ClosingThread&) = delete;
    ClosingThread& operator=(const ClosingThread&) = delete;

    /// The other end sees at once that the connection has ended. What is `held`, such as its place, is let go of on the
    /// executor's thread when it is closed, so a client has no more of them under way than it may have connections.
    void close(boost::asio::local::stream_protocol::socket& socket, std::shared_ptr<void> held = nullptr);
    void close(int descriptor, std::shared_ptr<void> held = nullptr);

    /// Waits for nobody: what is not closed yet, and what comes later, goes with the process, which waits for no
    /// socket.
    void end();

  private:
    struct Shared;

    void watch();

    boost::asio::any_io_executor executor_;
    boost::asio::steady_timer timer_;
    bool watching_ = false;
    std::shared_ptr<Shared> shared_;
};

}  // namespace capsule
