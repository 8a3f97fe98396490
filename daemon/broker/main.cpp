// capsule-broker: puts the provider's key into the requests of agents that have none. capsuled starts it with a
// listening socket as descriptor 3 and one end of a socket pair as descriptor 4; control.hpp says what goes over that.
// With --check-authorities it only reads what is descriptor 3, and says what is wrong with it. With --hold-port it does
// nothing but keep descriptor 3, while neither daemon nor broker has the port.
#include <fcntl.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <string>

#include "capsule_version.hpp"
#include "daemon/broker/authorities.hpp"
#include "daemon/broker/confine.hpp"
#include "daemon/broker/control_channel.hpp"
#include "daemon/broker/tls_memory.hpp"
#include "daemon/process/hardening.hpp"
#include "protocol/own_signals.hpp"

namespace {

using namespace capsule;

constexpr int listener = 3, control = 4;
constexpr int failed = 1, usage_error = 2;

constexpr const char* usage =
    "usage: capsule-broker [--hold-port | --check-authorities] [--uid NUMBER --gid NUMBER] [--authorities NUMBER]\n"
    "       capsule-broker --version\n"
    "Started by capsuled alone, with a listening socket as descriptor 3 and a socket pair as descriptor 4.\n";

/// A daemon that died is started again sooner.
constexpr timespec port_is_held{600, 0};

enum class Work { serve, hold_port, check_authorities };

struct Options {
    Work work = Work::serve;
    std::optional<std::uint32_t> uid, gid;
    std::optional<std::uint32_t> authorities;  ///< the descriptor that they are read from; none: the system's
};

std::optional<Options> read_options(int argc, char** argv) {
    Options out;
    const std::string_view word = argc > 1 ? argv[1] : "";
    if (word == "--hold-port") out.work = Work::hold_port;
    if (word == "--check-authorities") out.work = Work::check_authorities;
    const int first = out.work == Work::serve ? 1 : 2;
    for (int i = first; i + 1 < argc; i += 2) {
        const std::string_view name = argv[i], text = argv[i + 1];
        std::uint32_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
        if (name == "--uid")
            out.uid = value;
        else if (name == "--gid")
            out.gid = value;
        else if (name == "--authorities")
            out.authorities = value;
        else
            return std::nullopt;
    }
    if ((argc - first) % 2 != 0 || out.uid.has_value() != out.gid.has_value()) return std::nullopt;
    return out;
}

/// Why the program ends: whoever asks for its state is told this by capsuled, and need not look for it in a log.
void tell_capsuled(const UniqueFd& channel, const Error& why) {
    const std::string line = broker::control_line(broker::FromBroker(broker::Failed{why.message, why.hint}));
    ::send(channel.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

broker::Task<void> until_told(broker::Loop& loop, broker::ControlChannel& channel, broker::Broker& broker,
                              std::exception_ptr& broken) {
    try {
        co_await channel.run(broker);
    } catch (...) {
        broken = std::current_exception();
    }
    loop.stop();
}

void serve(std::optional<std::uint32_t> descriptor) {
    // Of the threads of handshakes each would have an arena of its own, with what a thousand connections leave in it.
    ::mallopt(M_ARENA_MAX, 1);
    broker::Loop loop;
    broker::ControlChannel channel(loop, control);
    std::optional<std::string> authorities;
    if (descriptor) authorities = broker::read_authorities(static_cast<int>(*descriptor));
    broker::Broker broker(loop, listener, std::move(authorities),
                          {.tell = [&](const broker::FromBroker& message) { channel.send(message); },
                           .is_behind = [&] { return channel.is_behind(); }});
    std::exception_ptr broken;
    loop.spawn(until_told(loop, channel, broker, broken));
    broker::keep_tls_buffers_at_hand();
    // At the program's end OpenSSL would be taken down, and with it what a handshake's thread still computes with.
    ::OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);
    broker::digest_of("");  // OpenSSL is whole before the filter is there
    broker::confine();
    loop.run();
    if (broken) std::rethrow_exception(broken);
}

/// As a broker does that is configured with them: settings that none could run with are not put in force. Descriptor 3
/// is the file.
void check_authorities() {
    broker::confine();
    const broker::TlsContext all(broker::read_authorities(listener));
}

/// Until capsuled says that nobody needs the port, and for a while after it has ended without that: meanwhile no other
/// user can take the port, whose address and whose tokens sessions have.
void hold_port() {
    broker::confine();
    char byte = 0;
    if (::read(control, &byte, 1) == 0) ::nanosleep(&port_is_held, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
    take_own_signals();
    if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
        std::printf("capsule-broker %s\n", capsule_version);
        return 0;
    }
    const auto options = read_options(argc, argv);
    if (!options) {
        std::fputs(usage, stderr);
        return usage_error;
    }
    const UniqueFd last_words(::fcntl(control, F_DUPFD_CLOEXEC, control + 1));
    const auto fail = [&](const Error& why) {
        tell_capsuled(last_words, why);
        std::fprintf(stderr, "capsule-broker: %s; %s\n", why.message.c_str(), why.hint.c_str());
    };
    try {
        harden_process();
        take_environment();
        if (options->uid) broker::become(*options->uid, *options->gid);
        switch (options->work) {
            case Work::serve:
                serve(options->authorities);
                break;
            case Work::hold_port:
                hold_port();
                break;
            case Work::check_authorities:
                check_authorities();
                break;
        }
        return 0;
    } catch (const Failure& failure) {
        fail(failure.error());
    } catch (const std::exception& failure) {
        fail({ErrorCode::internal_error, std::string("internal error: ") + failure.what(),
              "report it as a bug of capsuled"});
    }
    return failed;
}
