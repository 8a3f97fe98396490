#include "daemon/broker/control_channel.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "daemon/broker/plan_usage.hpp"
#include "daemon/process/stack_wiper.hpp"

namespace capsule::broker {
namespace {

constexpr std::size_t most_unread = 16 * 1024 * 1024;
constexpr std::size_t piece = 16 * 1024;

}  // namespace

ControlChannel::ControlChannel(Loop& loop, int descriptor) : loop_(loop), socket_(loop, UniqueFd(descriptor)) {
    ::fcntl(descriptor, F_SETFL, O_RDWR | O_NONBLOCK);
}

Task<void> ControlChannel::run(Broker& broker) {
    for (;;) {
        const bool came = co_await socket_.readable();
        const Io io = came ? socket_.receive(lines_.room(piece)) : Io{};
        if (io.waits()) continue;
        if (io.is != Io::Is::done) break;  // capsuled has gone: so does the broker
        lines_.added(io.bytes);
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
}

/// false: the broker shall end.
bool ControlChannel::act(Broker& broker, ToBroker message) {
    if (auto* configure = std::get_if<Configure>(&message)) {
        broker.configure(std::move(*configure));
        send(Ready{broker.address(), static_cast<int>(::getpid())});
        is_ready_ = true;
        for (Taken& each : std::exchange(taken_before_, {}))
            send(std::move(each));
    } else if (auto* grant = std::get_if<Grant>(&message)) {
        std::string id = grant->session;
        if (const auto done = broker.sessions().grant(std::move(*grant)); !done) throw Failure(done.error());
        took({"grant", std::move(id)});
    } else if (auto* key = std::get_if<Key>(&message)) {
        if (key->session.has_value() == key->provider.has_value())
            throw Failure({ErrorCode::invalid_params, "key: exactly one of session and provider", ""});
        broker.sessions().set_key(*key);
        took({"key", key->session ? *key->session : *key->provider});
    } else if (const auto* revoke = std::get_if<Revoke>(&message)) {
        broker.revoke(*revoke);
        took({"revoke", revoke->session});
    } else if (auto* question = std::get_if<AskUsage>(&message)) {
        loop_.spawn(answer(broker, std::move(*question)));
    } else {
        return false;
    }
    return true;
}

Task<void> ControlChannel::answer(Broker& broker, AskUsage question) {
    UsageAnswer out = co_await ask_usage(broker.way_out(), std::move(question));
    send(out);
}

/// Before it is ready the broker may still end for what it is configured with: nobody is to have a token by then.
void ControlChannel::took(Taken taken) {
    if (is_ready_)
        send(std::move(taken));
    else
        taken_before_.push_back(std::move(taken));
}

void ControlChannel::send(const FromBroker& message) {
    out_ += control_line(message);
    if (out_.size() > most_unread)
        throw Failure({ErrorCode::io_error, "capsuled does not read what the broker tells it", ""});
    if (std::exchange(writing_, true)) return;
    loop_.spawn(write());
}

Task<void> ControlChannel::write() {
    bool good = true;
    while (good && !out_.empty()) {
        const Io io = socket_.send(out_);
        if (io.is == Io::Is::done)
            out_.erase(0, io.bytes);
        else
            good = io.waits();
        if (io.waits()) good = co_await socket_.writable();
    }
    writing_ = false;
}

}  // namespace capsule::broker
