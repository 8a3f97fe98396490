// One connection: reads lines, answers them in order, until the client goes or the daemon stops.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "daemon/access/quotas.hpp"
#include "daemon/handlers/services.hpp"
#include "daemon/process/closing_threads.hpp"
#include "daemon/server/output.hpp"
#include "daemon/server/shares.hpp"
#include "daemon/server/turns.hpp"
#include "protocol/framing.hpp"

namespace capsule {

/// Who is at the other end, and the place that was found for them.
struct Client {
    Peer peer;
    Standing standing;
    Quotas::Place place;
    std::shared_ptr<Shares::Seat> seat;
};

class Connection {
  public:
    using Clock = std::chrono::steady_clock;
    using Socket = boost::asio::local::stream_protocol::socket;

    Connection(Socket socket, Client client, Services& services, Turns& turns, std::shared_ptr<ClosingThreads> closing);
    ~Connection();

    /// Serves the connection to its end. Never throws.
    boost::asio::awaitable<void> run();

    /// Answers what has been received or lies in the socket's buffer, then ends run().
    void stop();

    /// Sends a line that is no answer, after those that are under way. Never waits: a client that leaves more of it and
    /// of its answers unread than [limits] output_bytes, or than its user may have, is cut.
    void notify(const std::string& line);

    const Peer& peer() const noexcept { return client_.peer; }

    /// Since when nothing is asked and nothing hangs on it: no subscription, no session. None: it is in use.
    std::optional<Clock::time_point> idle_since() const;
    /// Ends it, and frees its place at once.
    void make_room();

  private:
    enum class Input { more, end, stopping, idle, timed_out };

    boost::asio::awaitable<Input> read_some();
    Input read_what_is_there(std::size_t& left);
    boost::asio::awaitable<bool> answer_lines();
    boost::asio::awaitable<void> answer_one(std::string line);
    Result<void> hold(std::size_t gathered = 0);
    boost::asio::awaitable<bool> flush();
    boost::asio::awaitable<void> refuse(Error error);
    boost::asio::awaitable<void> end_politely();
    void take_notices();
    void tell_of_cut(const char* why) const;
    void cut(const char* why);
    void cut_at(std::chrono::steady_clock::time_point deadline);
    void call_off_cut();

    std::shared_ptr<ClosingThreads> closing_;
    Socket socket_;
    Client client_;
    Services& services_;
    Turns& turns_;
    LimitsConfig limits_;  ///< as configured when the connection came
    LineReader lines_;
    std::size_t last_read_ = 0;  ///< bytes that the last read has brought
    Output output_;
    std::string notices_;  ///< lines for between two answers: output_ does not change while it is being sent
    bool reading_ = true;  ///< it waits for input, and can be woken
    Clock::time_point reading_since_ = Clock::now();
    bool woken_ = false;
    boost::asio::steady_timer timer_;
    /// Counts the time limits that were set or called off. A timer that has already fired cannot be cancelled: its
    /// handler sees here that it is no longer meant, or that the connection is gone.
    std::shared_ptr<std::uint64_t> limits_set_ = std::make_shared<std::uint64_t>(0);
    /// When the request that has begun to arrive must be complete. Not moved by its later bytes.
    std::optional<std::chrono::steady_clock::time_point> request_deadline_;
    bool cut_set_ = false;
    bool timed_out_ = false;
    bool stopping_ = false;
    bool cut_ = false;  ///< from outside of run(): nothing more is read or answered
};

}  // namespace capsule
