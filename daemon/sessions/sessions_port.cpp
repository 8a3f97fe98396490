// The broker's port, which sessions have in their environment: it is kept, or they end.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/process/essential.hpp"
#include "daemon/process/systemd.hpp"
#include "daemon/sessions/live.hpp"
#include "daemon/sessions/sessions.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

using Clock = std::chrono::steady_clock;

/// A broker that was killed with its daemon has the port for a moment longer.
constexpr std::chrono::seconds port_is_freed_within{3};
constexpr std::chrono::milliseconds try_port_again{20};
constexpr std::chrono::milliseconds try_port_later{1000};
constexpr std::chrono::seconds wait_for_port{5};

std::string is_taken(std::uint16_t port) {
    return fmt::format(
        "another program took 127.0.0.1:{} while capsuled was not there, and can read what the session sends there",
        port);
}

}  // namespace

Result<LoopbackSocket> Sessions::take_port(std::uint16_t port, const std::optional<uid_t>& maker) {
    // First, so that nobody listens where another user has a socket that could listen later.
    auto held = settings_.hold_port ? holder_.take(port, maker) : Result<std::uint16_t>(port);
    return held ? listen_on_loopback(*held, settings_.hold_port, maker) : Result<LoopbackSocket>(held.error());
}

bool Sessions::try_port(std::uint16_t port) {
    const auto before = files_.port();
    const auto& identity = settings_.link.identity;
    std::optional<uid_t> maker = identity ? std::optional(identity->uid) : std::nullopt;
    auto socket = take_port(port, maker);
    if (const bool is_of_before = before && before->port == port; !socket && maker && is_of_before) {
        // It is held as before an update, or for another [broker] user: for the sessions that have it, not for good.
        if (!any_has_port()) {
            forget_in_systemd();
        } else if (const uid_t other = before->maker.value_or(::geteuid()); other != *maker) {
            maker = other;
            socket = take_port(port, maker);
        }
    }
    if (!socket) {
        port_problem_ = socket.error().message + "; " + socket.error().hint;
        return false;
    }
    maker_ = maker;
    port_ = socket->port;
    port_is_taken_ = false;
    KeptPort kept;
    kept.port = *port_;
    kept.maker = maker_;
    if (before) kept.holder = before->holder;
    if (auto done = files_.keep_port(kept); !done) spdlog::warn("{}", done.error().message);
    link_.start(std::move(*socket), settings_.link);
    if (any_has_port()) hold_port();
    look_every_second();
    return true;
}

/// Whether an agent may send its requests to the port when this daemon is not there. Another capsuled's agents do:
/// their sessions outlive the daemon, which knows them anew when they are granted anew.
bool Sessions::any_has_port() const {
    return any_with_token() || has_granted_;
}

void Sessions::hold_port() {
    const auto kept = files_.port();
    holder_.start(settings_.link.identity, kept ? kept->holder : std::nullopt, [this](const ProcessIdentity& process) {
        KeptPort now;
        now.port = *port_;
        now.holder = process;
        now.maker = maker_;
        if (auto done = files_.keep_port(now); !done) spdlog::warn("{}", done.error().message);
    });
}

void Sessions::end_those_of_before(const std::string& reason, const std::function<bool(const SessionRecord&)>& which) {
    std::vector<std::string> ids;
    for (const auto& [id, live] : live_)
        if (live->record.brokered() && (!which || which(live->record))) ids.push_back(id);
    for (const std::string& id : ids)
        end(id, reason);
}

void Sessions::start_broker() {
    if (link_.started() || finding_port_ || stopping_) return;
    const auto kept = files_.port();
    const std::uint16_t port = settings_.port.value_or(kept ? kept->port : 0);
    if (!kept)
        end_those_of_before("it is not known any more which port of the broker it has");
    else if (port != kept->port)
        end_those_of_before(fmt::format("it has 127.0.0.1:{}, and [broker] listen is another port now", kept->port));
    if (try_port(port)) return;
    finding_port_ = true;
    spawn_essential(executor_, find_port(port));
}

asio::awaitable<void> Sessions::find_port(std::uint16_t port) {
    const auto limit = Clock::now() + port_is_freed_within;
    asio::steady_timer pause(executor_);
    while (!stopping_) {
        pause.expires_after(port_is_taken_ ? try_port_later : try_port_again);
        boost::system::error_code ignored;
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        if (stopping_ || try_port(port)) break;
        if (Clock::now() < limit || port_is_taken_) continue;
        spdlog::error("{}", port_problem_);
        port_is_taken_ = true;
        end_those_of_before(is_taken(port));
        // A port that nobody asked for by its number is not worth waiting for.
        if (!settings_.port && try_port(0)) break;
    }
    finding_port_ = false;
}

Result<void> Sessions::check_port() const {
    if (!port_is_taken_) return {};
    return Error{ErrorCode::session_unknown, is_taken(settings_.port.value_or(0)),
                 "end that program, or set another [broker] listen"};
}

asio::awaitable<Result<std::string>> Sessions::broker_url() {
    if (remote_.started())
        co_return Error{ErrorCode::config_conflict, "the broker is another capsuled's ([broker] remote)",
                        "ask that one"};
    if (const auto& cannot = settings_.link.cannot_start) co_return *cannot;
    start_broker();
    const auto limit = Clock::now() + wait_for_port;
    asio::steady_timer pause(executor_);
    while (!port_ && !port_is_taken_ && !stopping_ && Clock::now() < limit) {
        pause.expires_after(try_port_again);
        boost::system::error_code ignored;
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (!port_)
        co_return Error{ErrorCode::io_error, "there is no broker for the session: " + port_problem_,
                        "set another [broker] listen, or [session] keys = \"env\""};
    co_return "http://127.0.0.1:" + std::to_string(*port_);
}

}  // namespace capsule
