// What is asked over a RemoteLink, and what it granted.
#include <spdlog/spdlog.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/process/essential.hpp"
#include "daemon/sessions/remote_shared.hpp"
#include "protocol/json_rpc.hpp"
#include "protocol/json_struct.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace json = boost::json;
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds look_for_it_again{20};

}  // namespace

asio::awaitable<Result<json::value>> RemoteLink::ask(std::shared_ptr<Shared> shared, std::string method,
                                                     json::value params, std::chrono::milliseconds limit) {
    const std::string id = std::to_string(++shared->last_id);
    std::string line = request_text(id, method, json::serialize(params));
    // The other side would close the connection, and all that was granted over it would end.
    if (line.size() > shared->longest_request) co_return shared->too_large(line.size(), method);
    const auto waiting = std::make_shared<Shared::Asked>(shared->executor, limit);
    shared->waiting.emplace(id, waiting);
    if (!shared->unanswered_since) shared->unanswered_since = Clock::now();
    send(shared, std::move(line) + "\n");
    boost::system::error_code ignored;
    co_await waiting->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    shared->waiting.erase(id);
    if (!waiting->answer) {
        if (method == "grant") shared->given_up.insert(id);
        Error why = shared->has_not_answered(method);
        const bool is_there = shared->socket.is_open();
        if (is_there && shared->silent && limit >= answer_limit && !std::exchange(shared->told_silent, true))
            spdlog::log(shared->warns, "the capsuled that has the keys, at {}, does not answer: {} s for \"{}\"",
                        shared->path, std::chrono::duration_cast<std::chrono::seconds>(limit).count(), method);
        co_return why;
    }
    shared->silent = shared->told_silent = false;
    if (!*waiting->answer) co_return shared->told(waiting->answer->error());
    co_return std::move(**waiting->answer);
}

void RemoteLink::send(const std::shared_ptr<Shared>& shared, std::string line) {
    shared->out += line;
    if (!shared->writing) spawn_essential(shared->executor, write(shared));
}

asio::awaitable<void> RemoteLink::write(std::shared_ptr<Shared> shared) {
    if (std::exchange(shared->writing, true)) co_return;
    boost::system::error_code error;
    while (!shared->out.empty() && !error) {
        const std::string now = std::exchange(shared->out, {});
        co_await asio::async_write(shared->socket, asio::buffer(now), asio::redirect_error(asio::use_awaitable, error));
    }
    shared->writing = false;
}

asio::awaitable<Result<json::value>> RemoteLink::call(std::string method, json::value params,
                                                      std::chrono::milliseconds wait, std::chrono::milliseconds limit) {
    const auto shared = shared_;
    const auto patient_until = Clock::now() + wait;
    asio::steady_timer pause(executor_);
    while (!shared->ready && !shared->stopping && Clock::now() < patient_until) {
        pause.expires_after(look_for_it_again);
        boost::system::error_code ignored;
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (!shared->ready) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait).count();
        co_return shared->unreachable(wait.count() == 0 ? "is not there"
                                                        : "was not there for " + std::to_string(seconds) + " s");
    }
    co_return co_await ask(shared, std::move(method), std::move(params), limit);
}

asio::awaitable<Result<std::shared_ptr<RemoteGrant>>> RemoteLink::grant(GrantParams params,
                                                                        std::chrono::milliseconds wait) {
    const auto shared = shared_;
    std::string method = "grant";
    json::value asked = without_nulls(to_json(params));
    const auto answer = co_await call(std::move(method), std::move(asked), wait);
    if (!answer) co_return answer.error();
    co_return granted(shared, *answer);
}

Result<std::shared_ptr<RemoteGrant>> RemoteLink::granted(const std::shared_ptr<Shared>& shared,
                                                         const json::value& answer) {
    GrantResult given;
    if (auto read = from_json(given, answer, "result", Unknown::ignore); !read)
        return shared->told({ErrorCode::invalid_params, read.error().message, ""});
    if (given.key_is_unread.value_or(false)) return std::shared_ptr<RemoteGrant>();
    if (!given.session.id) return shared->told({ErrorCode::invalid_params, "its grant has no session", ""});
    return std::make_shared<RemoteGrant>(shared, shared->connection, std::move(given));
}

RemoteGrant::RemoteGrant(std::weak_ptr<RemoteLink::Shared> link, std::uint64_t connection, GrantResult given)
    : link_(std::move(link)),
      connection_(connection),
      id_(std::move(*given.session.id)),
      base_urls_(std::move(given.base_urls)),
      key_scope_(std::move(given.key_scope)),
      provider_url_(std::move(given.provider_url)),
      warnings_(std::move(given.warnings)) {}

RemoteGrant::~RemoteGrant() {
    const auto link = link_.lock();
    if (!link || link->stopping || !link->ready || link->connection != connection_) return;
    // Nobody waits for the answer.
    json::object params;
    params.emplace("id", id_);
    RemoteLink::send(link,
                     request_text(std::to_string(++link->last_id), "sessions.end", json::serialize(params)) + "\n");
}

}  // namespace capsule
