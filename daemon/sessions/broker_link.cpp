#include "daemon/sessions/broker_link.hpp"

#include <signal.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "daemon/process/essential.hpp"
#include "daemon/sessions/broker_end.hpp"
#include "daemon/sessions/broker_shared.hpp"
#include "protocol/framing.hpp"
#include "protocol/own_signals.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

using ControlSocket = asio::local::stream_protocol::socket;

/// A broker that ended is started again after the first pause; one that does not even get ready, ever later.
constexpr std::chrono::milliseconds first_pause{50};
constexpr std::chrono::milliseconds longest_pause{5'000};
/// How long a broker may take until it is ready. There may be thousands of grants, and to read as many authorities as
/// there may be takes seconds.
constexpr std::chrono::seconds ready_within{20};
/// Of what the broker tells, in one turn of the I/O thread: a busy one tells more than a hundred sessions at once.
constexpr std::size_t piece = 64 * 1024;

}  // namespace

bool BrokerLink::Settings::operator==(const Settings& other) const {
    return broker::control_line(broker::ToBroker(configure)) ==
               broker::control_line(broker::ToBroker(other.configure)) &&
           (authorities == other.authorities ||
            (authorities && other.authorities && *authorities == *other.authorities)) &&
           cannot_start.has_value() == other.cannot_start.has_value() &&
           identity.has_value() == other.identity.has_value() &&
           (!identity || (identity->uid == other.identity->uid && identity->gid == other.identity->gid));
}

BrokerLink::BrokerLink(asio::any_io_executor executor, Events events)
    : executor_(std::move(executor)), events_(std::move(events)) {}

BrokerLink::~BrokerLink() {
    stop();
}

void BrokerLink::start(LoopbackSocket socket, Settings settings) {
    running_ = std::make_shared<Shared>(executor_, std::move(socket), std::move(settings));
    running_->events = events_;
    spawn_essential(executor_, keep_running(running_));
}

void BrokerLink::change(Settings settings) {
    if (!running_ || running_->settings == settings) return;
    running_->settings = std::move(settings);
    running_->changed = true;
    boost::system::error_code ignored;
    running_->control.close(ignored);
    running_->pause.cancel();
}

void BrokerLink::stop() {
    if (!running_) return;
    running_->stopping = true;
    if (running_->pid > 0) signal_child(running_->pid, SIGKILL);
    boost::system::error_code ignored;
    running_->control.close(ignored);
    running_->pause.cancel();
}

BrokerLink::State BrokerLink::state() const noexcept {
    return running_ ? running_->state : State::off;
}

const std::string& BrokerLink::problem() const noexcept {
    static const std::string none;
    return running_ ? running_->problem : none;
}

asio::awaitable<void> BrokerLink::keep_running(std::shared_ptr<Shared> shared) {
    std::chrono::milliseconds next = first_pause;
    while (!shared->stopping) {
        co_await shared->events.before_start();
        if (shared->stopping) break;
        shared->was_ready = shared->was_late = shared->changed = false;
        Error why;
        if (auto program = broker_program())
            why = co_await run_once(shared, *program);
        else
            why = program.error();
        if (shared->stopping) break;
        if (shared->was_ready || shared->changed) next = first_pause;
        if (shared->changed) {
            shared->state = State::starting;
            shared->problem.clear();
            spdlog::info("capsule-broker is started again, with other settings");
        } else {
            // One that ran may have been killed; one that does not even get ready will not the next time either.
            shared->state = shared->was_ready ? State::starting : State::failed;
            shared->problem = why.message + (why.hint.empty() ? "" : "; " + why.hint);
            spdlog::warn("capsule-broker ended and is started again: {}", shared->problem);
        }
        shared->pause.expires_after(next);
        next = std::min(next * 2, longest_pause);
        boost::system::error_code ignored;
        co_await shared->pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    shared->state = State::off;
}

/// Gives why it ended.
asio::awaitable<Error> BrokerLink::run_once(std::shared_ptr<Shared> shared, std::string program) {
    if (const auto& cannot = shared->settings.cannot_start) co_return *cannot;
    auto started = start_broker(program, shared->listening.descriptor.get(), shared->settings.authorities.get(),
                                shared->settings.identity);
    if (!started) co_return started.error();
    shared->pid = started->pid;
    shared->control = ControlSocket(shared->executor, asio::local::stream_protocol(), started->control.release());
    // The grants first: it takes connections from `configure` on, and no session is to find its token unknown.
    shared->out.clear();
    for (broker::Grant& grant : shared->events.grants())
        shared->out += broker::control_line(broker::ToBroker(std::move(grant)));
    for (const auto& each : shared->waiting)
        each->in_grants = true;
    shared->out += broker::control_line(broker::ToBroker(shared->settings.configure));
    spawn_essential(shared->executor, write(shared));
    end_if_late(shared);

    shared->last_words.reset();
    std::optional<Error> wrong;
    LineReader lines;
    bool fine = true;
    while (fine && shared->control.is_open()) {
        const auto room = lines.room(piece);
        boost::system::error_code error;
        const std::size_t size = co_await shared->control.async_read_some(
            asio::buffer(room.data(), room.size()), asio::redirect_error(asio::use_awaitable, error));
        if (error) break;
        lines.added(size);
        if (!shared->was_ready) end_if_late(shared);
        while (const auto line = lines.next()) {
            auto message = broker::read_from_broker(*line);
            if (message) {
                act(*shared, *std::move(message));
                continue;
            }
            wrong = message.error();
            fine = false;
            break;
        }
        if (lines.too_long()) fine = false;
    }
    const bool ends_itself = fine && shared->control.is_open();
    boost::system::error_code ignored;
    shared->control.close(ignored);
    shared->ready_limit.cancel();
    shared->out.clear();
    for (const auto& each : shared->asking)
        each->timer.cancel();
    if (!shared->stopping) shared->events.ended();
    const auto status = co_await reap(shared->pid, ends_itself ? broker_ends_within : std::chrono::milliseconds(0));
    shared->pid = 0;
    if (shared->was_late)
        co_return Error{ErrorCode::io_error,
                        fmt::format("it said nothing for {} s before it was ready", ready_within.count()),
                        "see whether this machine is overloaded, and whether capsule-broker --version says the same "
                        "version as capsuled --version"};
    if (wrong) co_return *std::move(wrong);
    co_return why_it_ended(shared->last_words, status);
}

void BrokerLink::end_if_late(const std::shared_ptr<Shared>& shared) {
    shared->ready_limit.expires_after(ready_within);
    shared->ready_limit.async_wait([shared, pid = shared->pid](boost::system::error_code error) {
        // One whose time was up as the broker said something was not cancelled any more.
        const bool is_up = shared->ready_limit.expiry() <= std::chrono::steady_clock::now();
        if (error || !is_up || shared->pid != pid || shared->was_ready) return;
        shared->was_late = true;
        boost::system::error_code ignored;
        shared->control.close(ignored);
    });
}

void BrokerLink::tell(const broker::ToBroker& message) {
    if (!running_ || !running_->control.is_open()) return;
    running_->out += broker::control_line(message);
    if (!running_->writing) spawn_essential(executor_, write(running_));
}

asio::awaitable<void> BrokerLink::write(std::shared_ptr<Shared> shared) {
    if (std::exchange(shared->writing, true)) co_return;
    boost::system::error_code error;
    while (!shared->out.empty() && !error) {
        const std::string now = std::exchange(shared->out, {});
        co_await asio::async_write(shared->control, asio::buffer(now),
                                   asio::redirect_error(asio::use_awaitable, error));
    }
    shared->writing = false;
}

}  // namespace capsule
