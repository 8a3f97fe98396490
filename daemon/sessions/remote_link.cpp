#include "daemon/sessions/remote_link.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <tuple>
#include <utility>

#include "daemon/process/essential.hpp"
#include "daemon/sessions/keys_socket.hpp"
#include "daemon/sessions/remote_shared.hpp"
#include "protocol/framing.hpp"
#include "protocol/json_rpc.hpp"
#include "protocol/json_struct.hpp"
#include "protocol/message_sender.hpp"
#include "protocol/status_messages.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace json = boost::json;
namespace {

using Socket = asio::local::stream_protocol::socket;

/// To connect costs next to nothing, and sessions wait for it.
constexpr std::chrono::milliseconds first_try_again{50};
constexpr std::chrono::milliseconds longest_try_again{1'000};
/// For the first answer, for which nothing has to be looked up.
constexpr std::chrono::milliseconds greeting_limit{5'000};
constexpr std::size_t longest_answer = 4 * 1024 * 1024;
constexpr std::size_t piece_of_answer = 16 * 1024;

constexpr std::string_view update_it = "update it: both sides must be the same version of capsuled";

Error told_by_link(std::string what) {
    return {ErrorCode::io_error, std::move(what), ""};
}

}  // namespace

/// Whether what answers can give tokens to this version.
Result<void> RemoteLink::check_greeting(const Result<json::value>& status, Shared& shared) {
    const json::object* members = status ? status->if_object() : nullptr;
    const auto member = [](const json::object* in, const char* name) { return in ? in->if_contains(name) : nullptr; };
    const json::value* protocol = member(members, "protocol");
    const json::value* version = member(members, "version");
    shared.version = version && version->is_string() ? std::string(version->get_string()) : "unknown";
    if (!status && shared.silent)
        return told_by_link(fmt::format("it takes connections, but has not answered for {} s",
                                        std::chrono::duration_cast<std::chrono::seconds>(greeting_limit).count()));
    if (!status && status.error().code == ErrorCode::config_conflict)
        return Error{ErrorCode::config_conflict, "it is older than this one, and does not know all that this one asks",
                     std::string(update_it)};
    if (!status) return told_by_link(status.error().message);
    if (!protocol || *protocol != json::value(protocol_version))
        return Error{ErrorCode::config_conflict,
                     fmt::format("it speaks another protocol (capsuled {}, protocol {}, here {})", shared.version,
                                 protocol ? json::serialize(*protocol) : "unknown", protocol_version),
                     "run the same version of capsuled on both sides"};
    const json::value* remote_protocol = member(members, "remote_protocol");
    if (!remote_protocol || !remote_protocol->is_int64() || remote_protocol->get_int64() < remote_protocol_version)
        return Error{ErrorCode::config_conflict,
                     fmt::format("it is older than this one (capsuled {}), and does not know all that this one asks",
                                 shared.version),
                     std::string(update_it)};
    const json::value* longest = member(members, "request_bytes");
    shared.longest_request = longest && longest->is_int64() ? static_cast<std::size_t>(longest->get_int64()) : max_line;
    const json::value* broker = member(members, "broker");
    const json::value* remote = member(broker ? broker->if_object() : nullptr, "remote");
    if (remote && remote->is_string())
        return has_no_keys(fmt::format("that one has no keys either, its own [broker] remote is {}",
                                       std::string_view(remote->get_string())));
    return {};
}

RemoteLink::RemoteLink(asio::any_io_executor executor, std::function<void()> connected)
    : executor_(std::move(executor)), connected_(std::move(connected)) {}

RemoteLink::RemoteLink(asio::any_io_executor executor) : RemoteLink(std::move(executor), [] {}) {
    is_second_ = true;
}

RemoteLink::~RemoteLink() {
    stop();
}

void RemoteLink::start(std::string path) {
    shared_ = std::make_shared<Shared>(executor_, std::move(path), connected_);
    if (is_second_) shared_->warns = shared_->informs = spdlog::level::debug;
    spawn_essential(executor_, keep_connected(shared_));
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

bool RemoteLink::answers() const noexcept {
    return connected() && !shared_->silent;
}

std::string RemoteLink::problem() const {
    return shared_->silent && shared_->ready ? "it does not answer" : shared_->problem.message;
}

Error RemoteLink::has_not_answered(std::string_view method) {
    return shared_->has_not_answered(method);
}

std::uint64_t RemoteLink::connection() const noexcept {
    return shared_ ? shared_->connection : 0;
}

std::size_t RemoteLink::longest_request() const noexcept {
    return shared_->longest_request;
}

asio::awaitable<void> RemoteLink::keep_connected(std::shared_ptr<Shared> shared) {
    std::chrono::milliseconds next = first_try_again;
    std::string told;
    while (!shared->stopping) {
        Error why = co_await run_once(shared);
        const bool was_ready = std::exchange(shared->ready, false);
        for (const auto& [id, each] : shared->waiting)
            each->timer.cancel();
        if (shared->stopping) break;
        if (was_ready) {
            next = first_try_again;
            told.clear();
        }
        if (std::exchange(told, why.message) != why.message)
            spdlog::log(shared->warns, "no connection to the capsuled that has the keys, at {}: {}{}{}", shared->path,
                        why.message, why.hint.empty() ? "" : "; ", why.hint);
        shared->problem = std::move(why);
        shared->pause.expires_after(next);
        next = std::min(next * 2, longest_try_again);
        boost::system::error_code ignored;
        co_await shared->pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
}

/// Gives why the connection ended, or there was none.
asio::awaitable<Error> RemoteLink::run_once(std::shared_ptr<Shared> shared) {
    auto keys = connect_to_keys(shared->path);
    if (!keys) co_return keys.error();
    shared->socket = Socket(shared->executor, asio::local::stream_protocol(), keys->socket.release());
    TrustedServer server = std::move(keys->server);
    shared->out.clear();
    shared->given_up.clear();
    shared->silent = shared->told_silent = false;
    shared->unanswered_since.reset();
    shared->ending = told_by_link("it closed the connection");
    spawn_essential(shared->executor, greet(shared, ++shared->connection));

    LineReader lines(longest_answer);
    while (shared->socket.is_open() && !lines.too_long()) {
        const auto room = lines.room(piece_of_answer);
        boost::system::error_code error;
        co_await shared->socket.async_wait(asio::socket_base::wait_read,
                                           asio::redirect_error(asio::use_awaitable, error));
        if (error) break;
        const Received received = receive_from_one(shared->socket.native_handle(), room);
        if (received.error == EAGAIN) continue;
        if (received.count == 0) break;
        if (auto trusted = server.has_sent(received.sender); !trusted) {
            shared->close(trusted.error());
            break;
        }
        lines.added(received.count);
        while (const auto line = lines.next()) {
            auto answer = parse_answer(*line);
            if (!answer) {
                shared->close(told_by_link("what it answers is no JSON-RPC"));
                break;
            }
            if (answer->outcome && !server.is_known()) {
                shared->close(told_by_link("the kernel does not tell who answers"));
                break;
            }
            shared->has_answered(answer->id);
            const auto found = shared->waiting.find(answer->id);
            if (found == shared->waiting.end()) {  // nobody waits for it any more
                // The session may have ended meanwhile, and then nobody could end what was granted.
                if (shared->given_up.erase(answer->id) > 0 && answer->outcome)
                    std::ignore = granted(shared, *answer->outcome);
                continue;
            }
            found->second->answer = std::move(answer->outcome);
            found->second->timer.cancel();
        }
    }
    shared->close();
    co_return shared->ending;
}

/// Looks whether both speak the same protocol. Of its answer only what every version has is read, and it looks at
/// nobody's home for it: sessions wait.
asio::awaitable<void> RemoteLink::greet(std::shared_ptr<Shared> shared, std::uint64_t connection) {
    std::string method = "status";
    json::value params = without_nulls(to_json(StatusParams{false}));
    const auto status = co_await ask(shared, std::move(method), std::move(params), greeting_limit);
    if (shared->connection != connection || !shared->socket.is_open()) co_return;
    if (auto why_not = check_greeting(status, *shared); !why_not) {
        shared->close(why_not.error());
        co_return;
    }
    shared->ready = true;
    shared->problem = told_by_link("");
    spdlog::log(shared->informs, "connected to the capsuled that has the keys, at {}: version {}", shared->path,
                shared->version);
    shared->connected();
}

}  // namespace capsule
