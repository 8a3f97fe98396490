// What is asked of capsule-broker, and what it says.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/log/log.hpp"
#include "daemon/log/log_limit.hpp"
#include "daemon/sessions/broker_shared.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

constexpr std::chrono::seconds taken_limit{5};
/// More than the broker takes to connect to a provider and to read its answer.
constexpr std::chrono::seconds answer_limit{20};
constexpr std::chrono::milliseconds look_whether_it_runs{10};

std::pair<std::string, std::string> name_and_id(const broker::ToBroker& message) {
    if (const auto* grant = std::get_if<broker::Grant>(&message)) return {"grant", grant->session};
    if (const auto* key = std::get_if<broker::Key>(&message)) return {"key", key->session.value_or("")};
    if (const auto* revoke = std::get_if<broker::Revoke>(&message)) return {"revoke", revoke->session};
    return {};
}

}  // namespace

void BrokerLink::act(Shared& shared, broker::FromBroker message) {
    if (shared.was_ready && shared.state == State::failed) {
        shared.state = State::running;
        shared.problem.clear();
    }
    if (const auto* ready = std::get_if<broker::Ready>(&message)) {
        shared.state = State::running;
        shared.was_ready = true;
        shared.problem.clear();
        spdlog::info("capsule-broker ready on {}, pid {}", ready->address, ready->pid);
        // What the broker before it was told last may never have arrived, but a grant is told with the key of now.
        for (const auto& each : shared.waiting)
            if (each->in_grants && each->message == "key") {
                each->taken = true;
                each->timer.cancel();
            }
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
    } else if (auto* failed = std::get_if<broker::Failed>(&message)) {
        shared.last_words = std::move(*failed);
    } else if (const auto* strangers = std::get_if<broker::Strangers>(&message)) {
        log_warning("broker_refused", {{"uid", strangers->uid ? std::int64_t{*strangers->uid} : LogLimit::nobody},
                                       {"code", strangers->code},
                                       {"count", static_cast<std::int64_t>(strangers->count)}});
        if (!shared.stopping) shared.events.strangers(*strangers);
    }
}

asio::awaitable<Result<void>> BrokerLink::tell_and_wait(broker::ToBroker message) {
    const auto shared = running_;
    if (!shared) co_return Error{ErrorCode::io_error, "capsule-broker was not started", ""};
    const auto self = std::make_shared<Shared::Waiting>(executor_, taken_limit);
    std::tie(self->message, self->id) = name_and_id(message);
    const auto place = shared->waiting.insert(shared->waiting.end(), self);
    tell(message);
    boost::system::error_code ignored;
    co_await self->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    shared->waiting.erase(place);
    if (self->taken) co_return Result<void>();
    if (shared->runs()) {
        shared->state = State::failed;
        shared->problem = fmt::format("it has not answered for {} s; ", taken_limit.count()) +
                          "see whether this machine is overloaded, or the process is stopped";
    }
    co_return Error{ErrorCode::io_error,
                    "capsule-broker does not answer" + (shared->problem.empty() ? "" : ": " + shared->problem),
                    "see `capsulectl status`; [session] keys = \"env\" does without it"};
}

asio::awaitable<Result<broker::UsageAnswer>> BrokerLink::ask(broker::AskUsage question,
                                                             std::function<bool()> is_wanted) {
    const auto shared = running_;
    if (!shared) co_return Error{ErrorCode::io_error, "capsule-broker was not started", ""};
    const auto self = std::make_shared<Shared::Asking>(executor_, answer_limit);
    self->id = question.id = std::to_string(++shared->questions);
    const auto limit = std::chrono::steady_clock::now() + taken_limit;
    boost::system::error_code ignored;
    asio::steady_timer pause(executor_);
    while (!shared->runs() && !shared->stopping && std::chrono::steady_clock::now() < limit) {
        pause.expires_after(look_whether_it_runs);
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (shared->runs()) {
        // Whoever asks may have waited for seconds: the key goes to where it is to go now, or nowhere.
        if (!is_wanted()) co_return Error{ErrorCode::io_error, "the configuration has changed meanwhile", "ask again"};
        const auto place = shared->asking.insert(shared->asking.end(), self);
        tell(broker::ToBroker(std::move(question)));
        co_await self->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        shared->asking.erase(place);
    }
    if (self->answer) co_return *std::move(self->answer);
    co_return Error{ErrorCode::io_error,
                    "capsule-broker does not answer" + (shared->problem.empty() ? "" : ": " + shared->problem),
                    "see `capsulectl status`"};
}

}  // namespace capsule
