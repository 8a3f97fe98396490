// capsule-broker: puts the provider's key into the requests of agents that have none. capsuled starts it with a
// listening socket as descriptor 3 and one end of a socket pair as descriptor 4; control.hpp says what goes over that.
// With --hold-port it does nothing but keep descriptor 3, while neither daemon nor broker has the port.
#include <malloc.h>
#include <openssl/crypto.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <string>

#include "capsule_version.hpp"
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
    "usage: capsule-broker [--hold-port] [--uid NUMBER --gid NUMBER] | --version\n"
    "Started by capsuled alone, with a listening socket as descriptor 3 and a socket pair as descriptor 4.\n";

/// A daemon that died is started again sooner.
constexpr timespec port_is_held{600, 0};

struct Options {
    bool hold_port = false;
    std::optional<std::uint32_t> uid, gid;
};

std::optional<Options> read_options(int argc, char** argv) {
    Options out;
    out.hold_port = argc > 1 && std::strcmp(argv[1], "--hold-port") == 0;
    const int first = out.hold_port ? 2 : 1;
    for (int i = first; i + 1 < argc; i += 2) {
        const std::string_view name = argv[i], text = argv[i + 1];
        std::uint32_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
        if (name == "--uid")
            out.uid = value;
        else if (name == "--gid")
            out.gid = value;
        else
            return std::nullopt;
    }
    if ((argc - first) % 2 != 0 || out.uid.has_value() != out.gid.has_value()) return std::nullopt;
    return out;
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

void serve() {
    // Of the threads of handshakes each would have an arena of its own, with what a thousand connections leave in it.
    ::mallopt(M_ARENA_MAX, 1);
    broker::Loop loop;
    broker::ControlChannel channel(loop, control);
    broker::Broker broker(loop, listener,
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
    try {
        harden_process();
        take_environment();
        if (options->uid) broker::become(*options->uid, *options->gid);
        if (options->hold_port)
            hold_port();
        else
            serve();
        return 0;
    } catch (const Failure& failure) {
        std::fprintf(stderr, "capsule-broker: %s; %s\n", failure.error().message.c_str(), failure.error().hint.c_str());
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "capsule-broker: internal error: %s\n", failure.what());
    }
    return failed;
}
