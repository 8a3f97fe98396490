// Accepts connections and lets a Connection serve each, until it is told to stop.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <set>

#include "daemon/handlers/services.hpp"
#include "daemon/process/memory_after.hpp"
#include "daemon/server/connection.hpp"
#include "daemon/server/listener.hpp"
#include "daemon/server/shares.hpp"
#include "daemon/server/turns.hpp"

namespace capsule {

class Server {
  public:
    Server(boost::asio::any_io_executor executor, ListeningSocket socket, Services& services);
    ~Server();

    /// Accepts until stop(). Survives every error of accept: without descriptors it waits and tries again.
    boost::asio::awaitable<void> accept_connections();

    /// Takes no new connections, serves those that the kernel has already queued, and lets every connection answer what
    /// it has received. Done when the last one ends, or at `deadline`, whoever goes on connecting.
    boost::asio::awaitable<void> stop(std::chrono::steady_clock::time_point deadline);

  private:
    boost::asio::awaitable<void> serve(std::shared_ptr<Connection> connection);
    boost::asio::awaitable<void> serve_queued(std::chrono::steady_clock::time_point deadline);
    boost::system::error_code accept_some();
    void start(UniqueFd accepted);
    bool make_room_for(const Peer& peer);
    void start_or_say_why(UniqueFd socket);
    void give_back_soon();
    void notify(std::uint64_t number, const std::string& line);

    boost::asio::any_io_executor executor_;
    ListeningSocket listening_;
    boost::asio::local::stream_protocol::acceptor acceptor_;
    Services& services_;
    Turns turns_;
    std::shared_ptr<ClosingThreads> closing_;
    std::set<Connection*> connections_;
    MemoryAfter memory_;
    boost::asio::steady_timer memory_timer_;
    bool giving_back_ = false;
    boost::asio::steady_timer ended_;  ///< cancelled whenever a connection ends
    std::uint64_t last_connection_ = 0;
    bool stopping_ = false;
    Shares shares_;  ///< ends first: what it drops belongs to connections
};

}  // namespace capsule
