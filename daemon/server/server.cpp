#include "daemon/server/server.hpp"

#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "daemon/access/peer.hpp"
#include "daemon/log/log.hpp"
#include "daemon/server/receive.hpp"
#include "daemon/sessions/process_life.hpp"
#include "daemon/users/subordinate.hpp"
#include "protocol/json_rpc.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// Waits before the next accept when there are no descriptors or no memory.
constexpr std::chrono::milliseconds accept_pause{100};
/// Connections taken out of the kernel's queue before other work goes on. If each waited for a turn of all that is
/// under way, a user who connects again and again would keep everybody else in that queue, which has up to 4096 places.
constexpr int accepted_at_once = 64;
/// As many as that queue has places, unless its owner and the kernel (net.core.somaxconn) were told otherwise.
constexpr int most_queued = 4096;
/// Those that leave together are one occasion to give their memory back.
constexpr std::chrono::seconds give_back_after{1};
/// Whose connection is closed of which the kernel does not say who connected.
constexpr auto nobody = static_cast<uid_t>(-1);

bool is_passing(const boost::system::error_code& error) {
    return error == asio::error::no_descriptors || error == asio::error::no_memory ||
           error == boost::system::errc::too_many_files_open_in_system || error == asio::error::no_buffer_space;
}

/// The next one of the kernel's queue. Would_block: there is none.
UniqueFd accept_one(int listening, boost::system::error_code& error) {
    UniqueFd socket(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    error = socket ? boost::system::error_code() : boost::system::error_code(errno, boost::system::system_category());
    return socket;
}

/// Whether the client has closed its end and has asked for nothing. Where no byte is left, no descriptor is, either.
bool has_left_nothing(int socket) {
    int unread = 0;
    return has_gone(socket) && ::ioctl(socket, FIONREAD, &unread) == 0 && unread == 0;
}

/// One answer to a connection that is one too many, without waiting for it. Nobody waits where the client has gone.
void turn_away(int socket, const Peer& peer, const Error& error) {
    log_warning("turned_away",
                {{"uid", std::int64_t{peer.uid}}, {"pid", std::int64_t{peer.pid}}, {"why", error.message}});
    if (has_gone(socket)) return;
    const std::string answer = error_answer({}, error) + "\n";
    [[maybe_unused]] const auto sent = ::send(socket, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::shutdown(socket, SHUT_WR);
}

}  // namespace

Server::Server(asio::any_io_executor executor, ListeningSocket socket, Services& services)
    : executor_(executor),
      listening_(std::move(socket)),
      acceptor_(executor, asio::local::stream_protocol(), listening_.release()),
      services_(services),
      turns_(executor),
      closing_(std::make_shared<ClosingThreads>()),
      memory_timer_(executor),
      ended_(executor, asio::steady_timer::time_point::max()),
      shares_(executor) {
    count_lines_as(counted_as);
    services_.subscribers.send_by([this](std::uint64_t number, const std::string& line) { notify(number, line); });
}

Server::~Server() {
    services_.subscribers.send_by({});
    closing_->end();
}

/// Who may not ask for status any more, since the configuration is another one, is told nothing more.
void Server::notify(std::uint64_t number, const std::string& line) {
    const auto found =
        std::ranges::find_if(connections_, [&](const Connection* each) { return each->peer().connection == number; });
    if (found == connections_.end()) return;
    if (services_.generation->policy.allows(Tier::status, (*found)->peer()))
        (*found)->notify(line);
    else
        services_.subscribers.remove(number);
}

asio::awaitable<void> Server::accept_connections() {
    asio::steady_timer pause(executor_);
    boost::system::error_code error;
    acceptor_.non_blocking(true, error);
    while (!stopping_) {
        co_await acceptor_.async_wait(asio::socket_base::wait_read, asio::redirect_error(asio::use_awaitable, error));
        if (stopping_ || error == asio::error::operation_aborted) co_return;
        if (!error) error = accept_some();
        if (!error || error == asio::error::would_block) continue;
        if (is_passing(error)) {
            spdlog::error("cannot accept connections: {}; trying again", error.message());
            pause.expires_after(accept_pause);
            co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        } else {
            // The client went before it was accepted, for example.
            spdlog::debug("accept: {}", error.message());
        }
    }
}

/// As many as have a turn together. Fails as accept() does.
///
/// Whoever connects and closes without a pause must not keep the queue full: connect() fails there with EAGAIN for
/// everybody who does not wait in it.
boost::system::error_code Server::accept_some() {
    boost::system::error_code error;
    for (int taken = 0; taken < accepted_at_once; ++taken) {
        UniqueFd socket = accept_one(acceptor_.native_handle(), error);
        if (error) break;
        if (!has_left_nothing(socket.get())) start_or_say_why(std::move(socket));
    }
    return error;
}

/// What one connection fails with is no other's: the others, and those that come later, are still to be served.
void Server::start_or_say_why(UniqueFd socket) {
    try {
        start(std::move(socket));
    } catch (const std::exception& failure) {
        spdlog::error("cannot serve a connection: {}", typeid(failure).name());
    }
}

void Server::start(UniqueFd accepted) {
    auto peer = peer_of(accepted.get());
    if (!peer) {
        spdlog::error("{}", peer.error().message);
        return closing_->close(accepted.release(), nobody);
    }
    const Generation& generation = *services_.generation;
    const Standing standing = standing_of(generation.policy, *peer);
    const auto& limits = generation.config.limits;
    std::optional<Result<Quotas::Place>> place(services_.quotas.take_place(*peer, standing, limits));
    // Where agents are the daemon's own user, so is the health check.
    const bool agents_too = standing != Standing::owner && peer->uid == ::geteuid();
    if (!*place && agents_too && make_room_for(*peer))
        place.emplace(services_.quotas.take_place(*peer, standing, limits));
    if (!*place) {
        turn_away(accepted.get(), *peer, place->error());
        return closing_->close(accepted.release(), peer->counted_as());
    }
    peer->connection = ++last_connection_;
    peer->connected_at = ticks_since_boot();
    peer->process_inode = inode_of_peer(accepted.get());
    Connection::Socket socket(executor_, asio::local::stream_protocol(), accepted.get());
    accepted.release();
    auto seat = shares_.seat_of(peer->counted_as());
    const asio::any_io_executor share = Shares::Executor(seat);
    Client client{std::move(*peer), standing, std::move(**place), std::move(seat)};
    // It is there before its user's next step: it has a place, and is idle.
    auto connection = std::make_shared<Connection>(std::move(socket), std::move(client), services_, turns_, closing_);
    asio::co_spawn(share, serve(connection), asio::detached);
    connections_.insert(connection.get());
}

/// Ends the connection of that user that has been idle for longest. False: all are in use.
bool Server::make_room_for(const Peer& peer) {
    Connection* found = nullptr;
    for (Connection* each : connections_)
        if (each->peer().uid == peer.uid && each->idle_since() &&
            (!found || *each->idle_since() < *found->idle_since()))
            found = each;
    if (found) found->make_room();
    return found != nullptr;
}

asio::awaitable<void> Server::serve(std::shared_ptr<Connection> connection) {
    const std::uint64_t number = connection->peer().connection;
    try {
        if (stopping_) connection->stop();
        co_await connection->run();
    } catch (const std::exception& failure) {
        // One connection's fault (out of memory, say) is no other's.
        spdlog::error("a connection ended with {}", typeid(failure).name());
    }
    connections_.erase(connection.get());
    connection.reset();  // its place is free
    memory_.one_has_gone();
    if (memory_.is_due() && !std::exchange(giving_back_, true)) give_back_soon();
    services_.subscribers.remove(number);
    if (!stopping_) services_.sessions.connection_closed(number);
    ended_.cancel();
}

void Server::give_back_soon() {
    memory_timer_.expires_after(give_back_after);
    memory_timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        memory_.give_back();
        giving_back_ = false;
    });
}

asio::awaitable<void> Server::stop(std::chrono::steady_clock::time_point deadline) {
    stopping_ = true;
    boost::system::error_code error;
    // The file goes at the end: others may keep its directory busy for seconds.
    if (listening_.is_own()) ::shutdown(acceptor_.native_handle(), SHUT_RD);
    acceptor_.cancel(error);
    for (Connection* connection : connections_)
        connection->stop();
    asio::steady_timer limit(executor_, deadline);
    limit.async_wait([this](boost::system::error_code ended) {
        if (!ended) ended_.cancel();
    });
    co_await serve_queued(deadline);
    // One was accepted before that cancel() perhaps, and is started next.
    co_await asio::post(executor_, asio::use_awaitable);
    while (!connections_.empty() && std::chrono::steady_clock::now() < deadline)
        co_await ended_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    limit.cancel();
}

/// Who was in the kernel's queue is served. To systemd's socket others go on coming, behind them, perhaps without end:
/// those are for the next daemon.
asio::awaitable<void> Server::serve_queued(std::chrono::steady_clock::time_point deadline) {
    boost::system::error_code error;
    acceptor_.non_blocking(true, error);
    for (int taken = 0; taken < most_queued && std::chrono::steady_clock::now() < deadline;) {
        UniqueFd socket = accept_one(acceptor_.native_handle(), error);
        if (error) break;
        start_or_say_why(std::move(socket));
        if (++taken % accepted_at_once == 0) co_await asio::post(executor_, asio::use_awaitable);
    }
    acceptor_.close(error);
}

}  // namespace capsule
