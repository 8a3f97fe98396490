#include "daemon/broker/control_channel.hpp"

#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>

#include "daemon/broker/usage.hpp"
#include "daemon/process/stack_wiper.hpp"

namespace capsule::broker {
namespace {

constexpr std::size_t most_unread = 16 * 1024 * 1024;
constexpr std::size_t piece = 16 * 1024;

}  // namespace

ControlChannel::ControlChannel(asio::io_context& context, int descriptor)
    : context_(context), socket_(context, asio::local::stream_protocol(), descriptor) {}

asio::awaitable<void> ControlChannel::run(Broker& broker) {
    for (;;) {
        const auto room = lines_.room(piece);
        ErrorOf error;
        const std::size_t size = co_await socket_.async_read_some(asio::buffer(room.data(), room.size()),
                                                                  asio::redirect_error(asio::use_awaitable, error));
        if (error) break;  // capsuled has gone: so does the broker
        lines_.added(size);
        bool more = true;
        while (more) {
            const auto line = lines_.next();
            if (!line) break;
            auto message = read_to_broker(*line);
            if (!message) throw Failure(message.error());
            more = act(broker, *std::move(message));
        }
        wipe_stack();
        if (!more) break;
        if (lines_.too_long()) throw Failure({ErrorCode::request_too_large, "a control message over 256 KiB", ""});
    }
    context_.stop();
}

/// false: the broker shall end.
bool ControlChannel::act(Broker& broker, ToBroker message) {
    if (auto* configure = std::get_if<Configure>(&message)) {
        broker.configure(std::move(*configure));
        send(Ready{broker.address(), static_cast<int>(::getpid())});
    } else if (auto* grant = std::get_if<Grant>(&message)) {
        std::string id = grant->session;
        if (const auto done = broker.sessions().grant(std::move(*grant)); !done) throw Failure(done.error());
        send(Taken{"grant", std::move(id)});
    } else if (auto* key = std::get_if<Key>(&message)) {
        if (key->session.has_value() == key->provider.has_value())
            throw Failure({ErrorCode::invalid_params, "key: exactly one of session and provider", ""});
        broker.sessions().set_key(*key);
        send(Taken{"key", key->session ? *key->session : *key->provider});
    } else if (const auto* revoke = std::get_if<Revoke>(&message)) {
        broker.revoke(*revoke);
        send(Taken{"revoke", revoke->session});
    } else if (auto* question = std::get_if<AskUsage>(&message)) {
        asio::co_spawn(context_, answer(broker, std::move(*question)), asio::detached);
    } else {
        return false;
    }
    return true;
}

asio::awaitable<void> ControlChannel::answer(Broker& broker, AskUsage question) {
    UsageAnswer out = co_await ask_usage(broker.way_out(), std::move(question));
    send(out);
}

void ControlChannel::send(const FromBroker& message) {
    out_ += control_line(message);
    if (out_.size() > most_unread)
        throw Failure({ErrorCode::io_error, "capsuled does not read what the broker tells it", ""});
    if (std::exchange(writing_, true)) return;
    asio::co_spawn(context_, write(), asio::detached);
}

asio::awaitable<void> ControlChannel::write() {
    ErrorOf error;
    while (!out_.empty() && !error) {
        const std::string now = std::exchange(out_, {});
        co_await asio::async_write(socket_, asio::buffer(now), asio::redirect_error(asio::use_awaitable, error));
    }
    writing_ = false;
}

}  // namespace capsule::broker
