// One agent's connection. connection.cpp reads from top to bottom as a request goes: accept → whose token → where to →
// rewrite → stream (exchange.cpp) → count.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "daemon/broker/body.hpp"
#include "daemon/broker/broker.hpp"
#include "daemon/broker/core/key_mask.hpp"
#include "daemon/broker/core/rewrite.hpp"

namespace capsule::broker {

class Connection : public std::enable_shared_from_this<Connection> {
  public:
    using Self = std::shared_ptr<Connection>;  ///< keeps it for as long as a coroutine runs

    /// `uid`: of who made the socket at the other end; none: it cannot be known.
    Connection(Broker& broker, UniqueFd socket, std::optional<std::uint32_t> uid);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Task<void> run(Self self);
    /// It has no place any more: it is told so if it reads at once, and closed.
    void turn_out();

    bool serves(const Session& session) const noexcept { return session_.get() == &session; }
    /// The session has ended: everything is closed at once.
    void cut();
    void look_at_the_time(Clock::time_point now);

  private:
    /// What the time limit that runs is for.
    enum class Bound : std::uint8_t { none, header, idle, provider, client, leaving };

    /// Who may go where.
    struct Admitted {
        std::shared_ptr<Session> session;
        Credential credential;
    };
    struct Exchange;

    /// How long a client that was refused may go on sending before the answer is cut off.
    static constexpr std::uint32_t leave_ms = 2000;

    // connection.cpp
    Task<std::optional<std::size_t>> read_head(Refusal& refusal);
    std::optional<Refusal> check_browser(const RequestHead& head) const;
    Allowed<Admitted> admit(const RequestHead& head);
    bool is_probe(const RequestHead& head) const;
    Task<void> refuse(Refusal refusal);
    Task<void> leave();
    Task<void> let_it_leave();

    // exchange.cpp
    Task<std::optional<Refusal>> exchange(RequestHead head, std::size_t head_bytes, Admitted admitted, bool& again);
    Task<std::optional<Refusal>> ask(Exchange& exchange);
    Task<std::optional<Refusal>> read_answer(Exchange& exchange);
    Task<bool> relay(Exchange& exchange, bool& again);
    static Refusal not_looked_into(Exchange& exchange);
    static std::string masked(Exchange& exchange, Body before, std::string_view bytes, bool was_on,
                              std::string& payload);
    WriteAll pass_on(Exchange& exchange, std::string_view bytes, std::string out);
    Task<void> upload(Self self, std::shared_ptr<Exchange> exchange);
    Refusal why_no_answer(const Exchange& exchange) const;
    void watch_for_leaving();
    Task<void> watch(Self self);
    void tell_tokens(Exchange& exchange);
    void settle(Exchange& exchange);
    bool is_on_its_way() const;

    void limit(Bound what, std::uint32_t milliseconds) {
        limit_ = what;
        deadline_ = broker_.loop().now() + std::chrono::milliseconds(milliseconds);
    }
    void limit_head(Bound what, std::uint32_t milliseconds);

    Broker& broker_;
    std::shared_ptr<Places> places_;
    Stream client_;
    Uid uid_;
    Share share_;
    Owner owner_;  ///< the share's payer, who of users has as much time as another
    Places::Handle place_;
    Clock::time_point stranger_until_;
    std::string in_;  ///< read of the client and not yet passed on
    std::shared_ptr<Stream> upstream_;
    std::shared_ptr<Session> session_;  ///< whose request is under way
    std::shared_ptr<Session> whose_;    ///< whose request the last one was; none: nobody's
    Surface surface_ = Surface::anthropic_messages;
    bool head_only_ = false;  ///< the request under way is a HEAD
    bool uploading_ = false, discarding_ = false;
    WayOut::Stop stop_connecting_;
    bool watching_ = false, client_left_ = false, late_ = false, cut_ = false;
    Bound limit_ = Bound::none;
    Clock::time_point deadline_;
    std::uint32_t client_ms_ = leave_ms;  ///< how long the client may take to read what was written
};

}  // namespace capsule::broker
