#include "daemon/sessions/remote_link.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <optional>
#include <utility>

#include "daemon/sessions/keys_socket.hpp"
#include "protocol/framing.hpp"
#include "protocol/json_rpc.hpp"
#include "protocol/json_struct.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace json = boost::json;
namespace {

using Clock = std::chrono::steady_clock;
using Socket = asio::local::stream_protocol::socket;

/// To connect costs next to nothing, and sessions wait for it.
constexpr std::chrono::milliseconds first_try_again{50};
constexpr std::chrono::milliseconds longest_try_again{1'000};
constexpr std::chrono::milliseconds look_for_it_again{20};
constexpr std::size_t longest_answer = 4 * 1024 * 1024;
constexpr std::size_t piece_of_answer = 16 * 1024;

struct Asked {
    Asked(const asio::any_io_executor& executor, std::chrono::milliseconds limit) : timer(executor, limit) {}
    asio::steady_timer timer;
    std::optional<Result<json::value>> answer;
};

}  // namespace

/// Outlives the link for as long as a coroutine still runs.
struct RemoteLink::Shared {
    Shared(asio::any_io_executor io, std::string to, std::function<void()> call)
        : executor(io), path(std::move(to)), connected(std::move(call)), socket(io), pause(io) {}

    asio::any_io_executor executor;
    std::string path;
    std::function<void()> connected;
    Socket socket;
    asio::steady_timer pause;
    std::map<std::string, std::shared_ptr<Asked>> waiting;  ///< by the request's id
    std::string out;
    std::string problem;
    std::string version;  ///< of that capsuled
    std::uint64_t connection = 0;
    std::uint64_t last_id = 0;
    bool ready = false;  ///< it has answered over this connection
    bool writing = false;
    bool stopping = false;

    void close() {
        boost::system::error_code ignored;
        socket.close(ignored);
    }

    Error unreachable(std::string what) const {
        return {ErrorCode::io_error,
                "the capsuled that has the keys " + std::move(what) + " at " + path +
                    (problem.empty() ? "" : ": " + problem),
                "see whether its container runs and shares that directory with this one ([broker] remote)"};
    }

    /// What it answered, in the words of this side.
    Error told(Error error) const {
        if (error.code == ErrorCode::method_not_found || error.code == ErrorCode::invalid_params)
            return {ErrorCode::config_conflict,
                    "the capsuled that has the keys (" + path + ", version " + version +
                        ") does not take what this one asks: " + error.message,
                    "run the same version of capsuled on both sides"};
        error.message = "the capsuled that has the keys (" + path + "): " + error.message;
        return error;
    }
};

RemoteLink::RemoteLink(asio::any_io_executor executor, std::function<void()> connected)
    : executor_(std::move(executor)), connected_(std::move(connected)) {}

RemoteLink::~RemoteLink() {
    stop();
}

void RemoteLink::start(std::string path) {
    shared_ = std::make_shared<Shared>(executor_, std::move(path), connected_);
    asio::co_spawn(executor_, keep_connected(shared_), asio::detached);
}

void RemoteLink::stop() {
    if (!shared_) return;
    shared_->stopping = true;
    shared_->connected = [] {};
    shared_->close();
    shared_->pause.cancel();
}

bool RemoteLink::started() const noexcept {
    return shared_ != nullptr;
}

const std::string& RemoteLink::path() const noexcept {
    return shared_->path;
}

bool RemoteLink::connected() const noexcept {
    return shared_ && shared_->ready;
}

const std::string& RemoteLink::problem() const noexcept {
    return shared_->problem;
}

std::uint64_t RemoteLink::connection() const noexcept {
    return shared_ ? shared_->connection : 0;
}

asio::awaitable<void> RemoteLink::keep_connected(std::shared_ptr<Shared> shared) {
    std::chrono::milliseconds next = first_try_again;
    bool told = false;
    while (!shared->stopping) {
        const Error why = co_await run_once(shared);
        const bool was_ready = std::exchange(shared->ready, false);
        if (shared->stopping) break;
        shared->problem = why.message;
        for (const auto& [id, each] : shared->waiting)
            each->timer.cancel();
        if (was_ready) {
            next = first_try_again;
            told = false;
        }
        if (!std::exchange(told, true))
            spdlog::warn("no connection to the capsuled that has the keys, at {}: {}", shared->path, why.message);
        shared->pause.expires_after(next);
        next = std::min(next * 2, longest_try_again);
        boost::system::error_code ignored;
        co_await shared->pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
}

/// Gives why the connection ended, or there was none.
asio::awaitable<Error> RemoteLink::run_once(std::shared_ptr<Shared> shared) {
    auto socket = connect_to_keys(shared->path);
    if (!socket) co_return socket.error();
    shared->socket = Socket(shared->executor, asio::local::stream_protocol(), socket->release());
    shared->out.clear();
    shared->problem.clear();
    asio::co_spawn(shared->executor, greet(shared, ++shared->connection), asio::detached);

    LineReader lines(longest_answer);
    while (shared->socket.is_open() && !lines.too_long()) {
        const auto room = lines.room(piece_of_answer);
        boost::system::error_code error;
        const std::size_t size = co_await shared->socket.async_read_some(
            asio::buffer(room.data(), room.size()), asio::redirect_error(asio::use_awaitable, error));
        if (error) break;
        lines.added(size);
        while (const auto line = lines.next()) {
            auto answer = parse_answer(*line);
            if (!answer) {
                shared->problem = "what it answers is no JSON-RPC";
                shared->close();
                break;
            }
            const auto found = shared->waiting.find(answer->id);
            if (found == shared->waiting.end()) continue;  // nobody waits for it any more
            found->second->answer = std::move(answer->outcome);
            found->second->timer.cancel();
        }
    }
    shared->close();
    if (!shared->problem.empty()) co_return Error{ErrorCode::io_error, shared->problem, ""};
    co_return Error{ErrorCode::io_error, "it closed the connection", ""};
}

/// Looks whether both speak the same protocol. Of its answer only what every version has is read.
asio::awaitable<void> RemoteLink::greet(std::shared_ptr<Shared> shared, std::uint64_t connection) {
    std::string method = "status";
    json::value params = json::object();
    const auto status = co_await ask(shared, std::move(method), std::move(params), answer_limit);
    if (shared->connection != connection || !shared->socket.is_open()) co_return;
    const json::object* members = status ? status->if_object() : nullptr;
    const json::value* protocol = members ? members->if_contains("protocol") : nullptr;
    const json::value* version = members ? members->if_contains("version") : nullptr;
    shared->version = version && version->is_string() ? std::string(version->get_string()) : "unknown";
    if (!status) {
        shared->problem = status.error().message;
    } else if (!protocol || *protocol != json::value(protocol_version)) {
        shared->problem = "it speaks another protocol (capsuled " + shared->version + ", protocol " +
                          (protocol ? json::serialize(*protocol) : "unknown") + ", here " +
                          std::to_string(protocol_version) + "); run the same version on both sides";
    } else {
        shared->ready = true;
        spdlog::info("connected to the capsuled that has the keys, at {}: version {}", shared->path, shared->version);
        shared->connected();
        co_return;
    }
    shared->close();
}

asio::awaitable<Result<json::value>> RemoteLink::ask(std::shared_ptr<Shared> shared, std::string method,
                                                     json::value params, std::chrono::milliseconds limit) {
    const std::string id = std::to_string(++shared->last_id);
    const auto waiting = std::make_shared<Asked>(shared->executor, limit);
    shared->waiting.emplace(id, waiting);
    send(shared, request_text(id, method, json::serialize(params)) + "\n");
    boost::system::error_code ignored;
    co_await waiting->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    shared->waiting.erase(id);
    if (!waiting->answer) co_return shared->unreachable("did not answer \"" + method + "\"");
    if (!*waiting->answer) co_return shared->told(waiting->answer->error());
    co_return std::move(**waiting->answer);
}

void RemoteLink::send(const std::shared_ptr<Shared>& shared, std::string line) {
    shared->out += line;
    if (!shared->writing) asio::co_spawn(shared->executor, write(shared), asio::detached);
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
    GrantResult given;
    if (auto read = from_json(given, *answer, "result", Unknown::ignore); !read)
        co_return shared->told({ErrorCode::invalid_params, read.error().message, ""});
    if (!given.session.id) co_return shared->told({ErrorCode::invalid_params, "its grant has no session", ""});
    co_return std::make_shared<RemoteGrant>(shared, shared->connection, std::move(given));
}

RemoteGrant::RemoteGrant(std::weak_ptr<RemoteLink::Shared> link, std::uint64_t connection, GrantResult given)
    : link_(std::move(link)),
      connection_(connection),
      id_(std::move(*given.session.id)),
      base_urls_(std::move(given.base_urls)),
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
