#include "daemon/app.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <iostream>

#include "capsule_version.hpp"
#include "daemon/handlers/services.hpp"
#include "daemon/server/server.hpp"
#include "daemon/system/systemd.hpp"
#include "protocol/socket_path.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// SIGTERM is answered by an end within 5 s: programs that run are killed after 3, connections cut after 4.
constexpr std::chrono::seconds drain_limit{4};
constexpr std::chrono::seconds subprocess_limit{3};

EnvironmentLookup lookup_in(const std::map<std::string, Secret>& environment) {
    return [&environment](std::string_view name) -> std::optional<std::string> {
        const auto found = environment.find(std::string(name));
        if (found == environment.end() || found->second.empty()) return std::nullopt;
        return std::string(found->second.reveal());
    };
}

ConfigSource config_source(const CommandLine& line, const std::map<std::string, Secret>& environment) {
    const auto lookup = lookup_in(environment);
    return {config_path(line.config, ::geteuid(), lookup), line.config || lookup("CAPSULE_CONFIG")};
}

template <class T>
T value_or_throw(Result<T> result) {
    if (!result) throw Failure(result.error());
    return std::move(*result);
}

void start_log(const CommandLine& line, const Config& config, bool under_journal) {
    auto log = std::make_shared<spdlog::logger>("capsuled", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    log->set_level(spdlog::level::from_str(line.log_level.value_or(config.daemon.log_level.value_or("info"))));
    log->flush_on(spdlog::level::trace);
    // journald has its own time stamps.
    log->set_pattern(under_journal ? "%l: %v" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    spdlog::set_default_logger(std::move(log));
}

/// Where to listen: --socket and CAPSULE_SOCKET, then [daemon] socket, then the default place.
std::string socket_to_open(const CommandLine& line, const Services& services) {
    const auto lookup = lookup_in(services.environment);
    const auto& configured = services.generation->config.daemon.socket;
    const bool named = line.socket || lookup("CAPSULE_SOCKET");
    return value_or_throw(socket_path(named ? line.socket : configured, ::geteuid(), lookup));
}

ListeningSocket open_socket(Services& services, const CommandLine& line) {
    services.socket = socket_to_open(line, services);
    if (const auto passed = value_or_throw(activated_socket())) return ListeningSocket::adopt(*passed);
    return value_or_throw(ListeningSocket::open(services.socket, services.generation->config.daemon.socket_group));
}

asio::awaitable<void> reload_on_hangup(asio::signal_set& hangup, Services& services) {
    for (;;) {
        co_await hangup.async_wait(asio::use_awaitable);
        notify_reloading();
        const auto reloaded = reload_configuration(services);
        services.stack_wiper.soon();
        notify_ready(reloaded ? "serving" : "serving the older configuration: the reload failed");
    }
}

asio::awaitable<void> feed_watchdog(std::chrono::microseconds interval) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (;;) {
        notify_watchdog();
        timer.expires_after(interval);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

asio::awaitable<void> stop_on_signal(asio::io_context& io, asio::signal_set& signals, Server& server,
                                     Services& services) {
    co_await signals.async_wait(asio::use_awaitable);
    spdlog::info("stopping");
    notify_stopping();
    asio::steady_timer limit(io, subprocess_limit);
    limit.async_wait([&](boost::system::error_code error) {
        if (!error) services.subprocesses.stop();
    });
    co_await server.stop(std::chrono::steady_clock::now() + drain_limit);
    services.subprocesses.stop();
    io.stop();
}

}  // namespace

void check_configuration(const CommandLine& line, const std::map<std::string, Secret>& environment) {
    const ConfigSource source = config_source(line, environment);
    const auto generation = value_or_throw(load_generation(source, environment));
    std::cout << generation->config.path.value_or("no configuration file: defaults") << ": ok\n";
}

void serve(const CommandLine& line, std::map<std::string, Secret> environment) {
    const bool under_journal = environment.contains("JOURNAL_STREAM");
    asio::io_context io(1);
    Services services(io.get_executor(), std::move(environment));
    services.config_source = config_source(line, services.environment);
    services.generation = value_or_throw(load_generation(services.config_source, services.environment));
    start_log(line, services.generation->config, under_journal);
    if (const auto directory = state_directory(::geteuid(), lookup_in(services.environment)))
        services.stored_path = *directory + "/auth.toml";
    if (auto loaded = services.load_stored_keys(); !loaded) throw Failure(loaded.error());

    std::signal(SIGPIPE, SIG_IGN);
    // A file size limit is an error of the write that meets it, not the daemon's end.
    std::signal(SIGXFSZ, SIG_IGN);
    // Before anybody can find the socket: a signal from then on is to be answered, not to kill.
    asio::signal_set stop_signals(io, SIGTERM, SIGINT);
    asio::signal_set hangup(io, SIGHUP);
    Server server(io.get_executor(), open_socket(services, line), services);
    asio::co_spawn(io, server.accept_connections(), asio::detached);
    asio::co_spawn(io, stop_on_signal(io, stop_signals, server, services), asio::detached);
    asio::co_spawn(io, reload_on_hangup(hangup, services), asio::detached);
    if (const auto interval = watchdog_interval()) asio::co_spawn(io, feed_watchdog(*interval), asio::detached);
    asio::post(io, [&] {
        spdlog::info("capsuled {} ready on {}", capsule_version, services.socket);
        notify_ready("serving");
    });
    io.run();
    spdlog::info("stopped");
}

}  // namespace capsule
