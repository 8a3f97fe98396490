#include "daemon/sessions/broker_link.hpp"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "daemon/log/log.hpp"
#include "daemon/log/log_limit.hpp"
#include "protocol/framing.hpp"
#include "protocol/own_signals.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

using ControlSocket = asio::local::stream_protocol::socket;

/// A broker that ended is started again after the first pause; one that does not even get ready, ever later.
constexpr std::chrono::milliseconds first_pause{50};
constexpr std::chrono::milliseconds longest_pause{5'000};
constexpr std::chrono::seconds taken_limit{5};
/// More than the broker takes to connect to a provider and to read its answer.
constexpr std::chrono::seconds answer_limit{20};
constexpr std::chrono::milliseconds look_whether_it_runs{10};
/// How long the kernel may take to end a killed process before it is looked at again.
constexpr std::chrono::milliseconds reap_again{5};
constexpr std::size_t piece = 16 * 1024;

struct Waiting {
    explicit Waiting(const asio::any_io_executor& executor) : timer(executor, taken_limit) {}
    std::string message;
    std::string id;
    asio::steady_timer timer;
    bool taken = false;
};

/// A question to the broker, until it is answered.
struct Asking {
    explicit Asking(const asio::any_io_executor& executor) : timer(executor, answer_limit) {}
    asio::steady_timer timer;
    std::string id;
    std::optional<broker::UsageAnswer> answer;
};

asio::awaitable<void> reap(asio::any_io_executor executor, pid_t pid) {
    asio::steady_timer timer(executor);
    while (::waitpid(pid, nullptr, WNOHANG) == 0) {
        timer.expires_after(reap_again);
        boost::system::error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
}

std::pair<std::string, std::string> name_and_id(const broker::ToBroker& message) {
    if (const auto* grant = std::get_if<broker::Grant>(&message)) return {"grant", grant->session};
    if (const auto* key = std::get_if<broker::Key>(&message)) return {"key", key->session.value_or("")};
    if (const auto* revoke = std::get_if<broker::Revoke>(&message)) return {"revoke", revoke->session};
    return {};
}

}  // namespace

/// Outlives the link for as long as a coroutine still runs.
struct BrokerLink::Shared {
    Shared(asio::any_io_executor io, LoopbackSocket socket, Settings with)
        : executor(io), listening(std::move(socket)), settings(std::move(with)), control(io), pause(io) {}

    asio::any_io_executor executor;
    LoopbackSocket listening;
    Settings settings;
    Events events;
    ControlSocket control;  ///< open: a broker runs
    asio::steady_timer pause;
    std::list<std::shared_ptr<Waiting>> waiting;
    std::list<std::shared_ptr<Asking>> asking;
    std::uint64_t questions = 0;
    std::string out;
    State state = State::starting;
    std::string problem;
    pid_t pid = 0;
    bool writing = false;
    bool was_ready = false;  ///< the broker that runs, or ran last
    bool stopping = false;
};

bool BrokerLink::Settings::operator==(const Settings& other) const {
    return broker::control_line(broker::ToBroker(configure)) ==
               broker::control_line(broker::ToBroker(other.configure)) &&
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
    asio::co_spawn(executor_, keep_running(running_), asio::detached);
}

void BrokerLink::change(Settings settings) {
    if (!running_ || running_->settings == settings) return;
    running_->settings = std::move(settings);
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
        shared->was_ready = false;
        Error why;
        if (auto program = broker_program())
            why = co_await run_once(shared, *program);
        else
            why = program.error();
        if (shared->stopping) break;
        shared->problem = why.message + (why.hint.empty() ? "" : "; " + why.hint);
        if (shared->was_ready) next = first_pause;
        shared->state = next < longest_pause ? State::starting : State::failed;
        spdlog::warn("capsule-broker ended and is started again: {}", shared->problem);
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
    auto started = start_broker(program, shared->listening.descriptor.get(), shared->settings.identity);
    if (!started) co_return started.error();
    shared->pid = started->pid;
    shared->control = ControlSocket(shared->executor, asio::local::stream_protocol(), started->control.release());
    // The grants first: it takes connections from `configure` on, and no session is to find its token unknown.
    shared->out.clear();
    for (broker::Grant& grant : shared->events.grants())
        shared->out += broker::control_line(broker::ToBroker(std::move(grant)));
    shared->out += broker::control_line(broker::ToBroker(shared->settings.configure));
    asio::co_spawn(shared->executor, write(shared), asio::detached);

    Error why{ErrorCode::io_error, "it closed its connection to capsuled", "its own message stands before this one"};
    LineReader lines;
    bool fine = true;
    while (fine && shared->control.is_open()) {
        const auto room = lines.room(piece);
        boost::system::error_code error;
        const std::size_t size = co_await shared->control.async_read_some(
            asio::buffer(room.data(), room.size()), asio::redirect_error(asio::use_awaitable, error));
        if (error) break;
        lines.added(size);
        while (const auto line = lines.next()) {
            auto message = broker::read_from_broker(*line);
            if (message) {
                act(*shared, *std::move(message));
                continue;
            }
            why = message.error();
            fine = false;
            break;
        }
        if (lines.too_long()) fine = false;
    }
    boost::system::error_code ignored;
    shared->control.close(ignored);
    shared->out.clear();
    for (const auto& each : shared->asking)
        each->timer.cancel();
    if (!shared->stopping) shared->events.ended();
    signal_child(shared->pid, SIGKILL);
    co_await reap(shared->executor, shared->pid);
    shared->pid = 0;
    co_return why;
}

void BrokerLink::act(Shared& shared, broker::FromBroker message) {
    if (const auto* ready = std::get_if<broker::Ready>(&message)) {
        shared.state = State::running;
        shared.was_ready = true;
        shared.problem.clear();
        spdlog::info("capsule-broker ready on {}, pid {}", ready->address, ready->pid);
    } else if (const auto* taken = std::get_if<broker::Taken>(&message)) {
        for (const auto& each : shared.waiting)
            if (each->message == taken->message && each->id == taken->id) {
                each->taken = true;
                each->timer.cancel();
            }
    } else if (const auto* traffic = std::get_if<broker::Traffic>(&message)) {
        if (!shared.stopping) shared.events.traffic(*traffic);
    } else if (auto* answer = std::get_if<broker::UsageAnswer>(&message)) {
        const auto found =
            std::ranges::find_if(shared.asking, [&](const auto& each) { return each->id == answer->id; });
        if (found == shared.asking.end()) return;
        (*found)->answer = std::move(*answer);
        (*found)->timer.cancel();
    } else if (const auto* strangers = std::get_if<broker::Strangers>(&message)) {
        log_warning("broker_refused", {{"uid", strangers->uid ? std::int64_t{*strangers->uid} : LogLimit::nobody},
                                       {"code", strangers->code},
                                       {"count", static_cast<std::int64_t>(strangers->count)}});
        if (!shared.stopping) shared.events.strangers(*strangers);
    }
}

void BrokerLink::tell(const broker::ToBroker& message) {
    if (!running_ || !running_->control.is_open()) return;
    running_->out += broker::control_line(message);
    if (!running_->writing) asio::co_spawn(executor_, write(running_), asio::detached);
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

asio::awaitable<Result<void>> BrokerLink::tell_and_wait(broker::ToBroker message) {
    const auto shared = running_;
    if (!shared) co_return Error{ErrorCode::io_error, "capsule-broker was not started", ""};
    const auto self = std::make_shared<Waiting>(executor_);
    std::tie(self->message, self->id) = name_and_id(message);
    const auto place = shared->waiting.insert(shared->waiting.end(), self);
    tell(message);
    boost::system::error_code ignored;
    co_await self->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    shared->waiting.erase(place);
    if (self->taken) co_return Result<void>();
    co_return Error{ErrorCode::io_error,
                    "capsule-broker does not answer" + (shared->problem.empty() ? "" : ": " + shared->problem),
                    "see the daemon's log and `capsulectl status`; [session] keys = \"env\" does without it"};
}

asio::awaitable<Result<broker::UsageAnswer>> BrokerLink::ask(broker::AskUsage question) {
    const auto shared = running_;
    if (!shared) co_return Error{ErrorCode::io_error, "capsule-broker was not started", ""};
    const auto self = std::make_shared<Asking>(executor_);
    self->id = question.id = std::to_string(++shared->questions);
    const auto limit = std::chrono::steady_clock::now() + taken_limit;
    boost::system::error_code ignored;
    asio::steady_timer pause(executor_);
    while (shared->state != State::running && !shared->stopping && std::chrono::steady_clock::now() < limit) {
        pause.expires_after(look_whether_it_runs);
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (shared->state == State::running) {
        const auto place = shared->asking.insert(shared->asking.end(), self);
        tell(broker::ToBroker(std::move(question)));
        co_await self->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        shared->asking.erase(place);
    }
    if (self->answer) co_return *std::move(self->answer);
    co_return Error{ErrorCode::io_error,
                    "capsule-broker does not answer" + (shared->problem.empty() ? "" : ": " + shared->problem),
                    "see the daemon's log and `capsulectl status`"};
}

}  // namespace capsule
