// Closes Unix sockets to whose other end a user writes. Descriptors that were sent along come to their end with the
// socket in whose buffer they lie, and the end of some of them waits: a TCP socket with SO_LINGER for as long as its
// owner said, a file for as long as its file system likes. Only that user's other descriptors wait for that.
#pragma once

#include <sys/types.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <memory>

namespace capsule {

class ClosingThreads {
  public:
    /// A call that waits is interrupted again and again, this far apart: sooner than the next such descriptor can come.
    static constexpr std::chrono::microseconds between_interruptions{200};

    ClosingThreads();
    ~ClosingThreads();
    ClosingThreads(const ClosingThreads&) = delete;
    ClosingThreads& operator=(const ClosingThreads&) = delete;

    /// The other end sees at once that the connection has ended. What is left to read is thrown away. Never waits:
    /// where descriptors are left, a thread closes it that `user` alone has, for as long as it needs one.
    void close(boost::asio::local::stream_protocol::socket& socket, uid_t user);
    void close(int socket, uid_t user);

    /// Waits for nobody: what is not closed yet, and what comes later, goes with the process.
    void end();

  private:
    struct Shared;

    std::shared_ptr<Shared> shared_;
};

}  // namespace capsule
