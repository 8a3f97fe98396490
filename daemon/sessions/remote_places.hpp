// Connections for what may take long at the capsuled that has the keys ([broker] remote): that one answers a
// connection's requests one after the other. Lives on the I/O thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "daemon/sessions/remote_link.hpp"
#include "protocol/errors.hpp"

namespace capsule {

class RemotePlaces {
  public:
    /// Of the four requests of one user that the other capsuled works on ([limits] requests_per_user), each place has
    /// one. The connection over which sessions are granted needs one, too.
    static constexpr std::size_t most = 2;

    explicit RemotePlaces(boost::asio::any_io_executor executor);
    RemotePlaces(const RemotePlaces&) = delete;
    RemotePlaces& operator=(const RemotePlaces&) = delete;
    ~RemotePlaces();

    /// Where that capsuled's socket is. Once, before any take().
    void open(std::string path);

    /// A connection for one request of that user's; its place is free again when it goes. A user has one place at a
    /// time, and who waits for one gets it in turns, a request of each user. Fails with io.error where none gets free
    /// within `patience`, or at stop().
    boost::asio::awaitable<Result<std::shared_ptr<RemoteLink>>> take(
        std::uint32_t asker, std::chrono::milliseconds patience = RemoteLink::patience);

    /// Nobody waits any longer, and what is out is closed.
    void stop();

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace capsule
