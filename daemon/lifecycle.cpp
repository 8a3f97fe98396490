#include "daemon/lifecycle.hpp"

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
#include <filesystem>
#include <iostream>
#include <set>

#include "capsule_version.hpp"
#include "daemon/base/known_missing.hpp"
#include "daemon/handlers/services.hpp"
#include "daemon/handlers/session_keys.hpp"
#include "daemon/keys/key_resolver.hpp"
#include "daemon/keys/op_program.hpp"
#include "daemon/load/load_config.hpp"
#include "daemon/load/load_env.hpp"
#include "daemon/log/log.hpp"
#include "daemon/process/essential.hpp"
#include "daemon/process/systemd.hpp"
#include "daemon/server/server.hpp"
#include "daemon/sessions/keys_socket.hpp"
#include "protocol/socket_path.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// SIGTERM is answered by an end within 5 s: programs that run are killed after 3, connections cut after 4, and what
/// programs had for a home is left behind half a second later.
constexpr std::chrono::seconds drain_limit{4};
constexpr std::chrono::seconds subprocess_limit{3};
constexpr std::chrono::milliseconds homes_limit{4500};
/// So one that is started before another has ended finds its state free by then.
constexpr std::chrono::seconds earlier_one_ends_within{5};

EnvironmentLookup lookup_in(const std::map<std::string, Secret>& environment) {
    return [&environment](std::string_view name) -> std::optional<std::string> {
        const auto found = environment.find(std::string(name));
        if (found == environment.end() || found->second.empty()) return std::nullopt;
        return std::string(found->second.reveal());
    };
}

ConfigSource config_source(const CommandLine& line, const std::map<std::string, Secret>& environment) {
    const auto lookup = lookup_in(environment);
    auto path = config_path(line.config, ::geteuid(), lookup);
    std::error_code error;
    // Whoever is told of it may be in another directory.
    if (path) path = std::filesystem::absolute(*path, error).string();
    return {std::move(path), line.config || lookup("CAPSULE_CONFIG")};
}

/// Without a path where there is none.
StateDirectory state_directory_of(const std::map<std::string, Secret>& environment) {
    std::string path = state_directory(::geteuid(), lookup_in(environment)).value_or("");
    if (!path.empty() && path.front() != '/')
        throw Failure({ErrorCode::io_error, "STATE_DIRECTORY is no absolute path: " + path,
                       "give it one that begins with /, or leave it out"});
    return StateDirectory(std::move(path));
}

/// Where auth.set stores; none without a state directory.
std::optional<std::string> stored_keys_path(const std::map<std::string, Secret>& environment) {
    const StateDirectory directory = state_directory_of(environment);
    if (directory.path().empty()) return std::nullopt;
    return directory.path() + "/auth.toml";
}

template <class T>
T value_or_throw(Result<T> result) {
    if (!result) throw Failure(result.error());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// The command line comes first, then the configuration, which is null as long as it is not read.
void start_log(const CommandLine& line, const DaemonConfig* config, bool to_journal) {
    const DaemonConfig none;
    if (config == nullptr) config = &none;
    const auto format = line.log_format ? line.log_format : config->log_format;
    const auto level = line.log_level ? line.log_level : config->log_level;
    start_log(level.value_or("info"), format == "json" ? LogFormat::json : LogFormat::text, to_journal, line.log_file);
}

bool logs_to_journal(const CommandLine& line, const std::map<std::string, Secret>& environment) {
    const auto stream = lookup_in(environment)("JOURNAL_STREAM");
    return !line.log_file && stream && is_journal(*stream, STDERR_FILENO);
}

/// Where to listen: --socket and CAPSULE_SOCKET, then [daemon] socket, then the default place.
std::string socket_to_open(const CommandLine& line, const Services& services) {
    const auto lookup = lookup_in(services.environment);
    const auto& configured = services.generation->config.daemon.socket;
    const bool named = line.socket || lookup("CAPSULE_SOCKET");
    return value_or_throw(socket_path(named ? line.socket : configured, ::geteuid(), lookup));
}

/// Started as `capsuled &`: what stands on that terminal later is an agent's screen.
bool is_in_background_of_a_terminal() {
    const pid_t foreground = ::tcgetpgrp(STDERR_FILENO);
    return foreground > 0 && foreground != ::getpgrp();
}

/// From then on the log is a file beside the socket, whose directory is the daemon's. The terminal is told so once.
void leave_terminal(CommandLine& line, const Services& services) {
    if (line.log_file || !is_in_background_of_a_terminal()) return;
    line.log_file = services.socket.substr(0, services.socket.rfind('/')) + "/capsuled.log";
    std::cerr << "capsuled: the log is " << *line.log_file << "\n";
    start_log(line, &services.generation->config.daemon, false);
}

/// Has the state directory first: whoever finds a socket is answered at once. Where a daemon answers already, that is
/// said at once, too.
ListeningSocket open_socket(Services& services, const CommandLine& line) {
    const auto passed = value_or_throw(activated_socket());
    services.socket = passed ? passed->path : socket_to_open(line, services);
    if (!passed) value_or_throw(ListeningSocket::check_free(services.socket));
    value_or_throw(services.state->lock(earlier_one_ends_within));
    if (passed) return ListeningSocket::adopt(passed->descriptor);
    const Config& config = services.generation->config;
    auto opened = ListeningSocket::open(services.socket, config.daemon.socket_group);
    if (!opened) throw Failure(placed(config, opened.error()));
    return std::move(*opened);
}

/// What the file says of the socket. Where another one is used, or systemd's, that one's place is not the file's.
void check_socket(const CommandLine& line, const std::map<std::string, Secret>& environment, const Config& config,
                  const auto& check) {
    const auto lookup = lookup_in(environment);
    const bool named = line.socket || lookup("CAPSULE_SOCKET");
    const auto path = socket_path(named ? line.socket : config.daemon.socket, ::geteuid(), lookup);
    if (config.broker.remote) check(check_way_to_keys(*config.broker.remote));
    if (config.broker.remote && path) check(check_is_another(*config.broker.remote, *path));
    check(ListeningSocket::check_group(config.daemon.socket_group));
    if (!config.daemon.socket || named) return;
    const Result<void> usable = path ? ListeningSocket::check(*path) : Result<void>(path.error());
    if (!usable)
        check(Result<void>(
            Error{ErrorCode::config_conflict, "[daemon] socket: " + usable.error().message, usable.error().hint}));
}

asio::awaitable<void> reload_on_hangup(asio::signal_set& hangup, Services& services) {
    for (;;) {
        co_await hangup.async_wait(asio::use_awaitable);
        notify_reloading();
        const auto reloaded = co_await reload_configuration(services);
        if (reloaded) co_await services.sessions.refresh_keys();
        services.stack_wiper.soon();
        notify_ready(reloaded ? "serving" : "serving the older configuration: the reload failed");
    }
}

asio::awaitable<void> tell_of_left_out_lines(asio::io_context& io) {
    asio::steady_timer timer(io);
    do {
        timer.expires_after(std::chrono::minutes(1));
        co_await timer.async_wait(asio::use_awaitable);
    } while (tell_left_out());
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
    const auto began = std::chrono::steady_clock::now();
    asio::steady_timer limit(io, subprocess_limit);
    limit.async_wait([&](boost::system::error_code error) {
        if (!error) services.subprocesses.stop();
    });
    co_await server.stop(began + drain_limit);
    services.subprocesses.stop();
    co_await services.inventory.finish(began + homes_limit);
    services.sessions.stop();
    io.stop();
}

}  // namespace

void check_configuration(const CommandLine& line, const std::map<std::string, Secret>& environment) {
    const ConfigSource source = config_source(line, environment);
    Problems problems;
    const Config config = check_generation(source, environment, problems);
    const auto check = [&](const auto& result) {
        if (!result) problems.add(placed(config, result.error()));
    };
    if (config.keys.op) check(find_op(config.keys.op));
    check_socket(line, environment, config, check);
    if (const auto path = stored_keys_path(environment)) check(StoredKeys::load(*path));
    const SessionFiles files(std::make_shared<StateDirectory>(state_directory_of(environment)));
    const Result<void> kept = keeps_sessions(config) ? files.foresee() : Result<void>();
    if (!kept)
        std::cerr << "capsuled: warning: no session with a token can be started: " << kept.error().message
                  << "\n  hint: " << kept.error().hint << "\n";
    if (problems.none()) {
        std::cout << config.path.value_or("no configuration file: defaults") << ": ok\n";
        return;
    }
    for (std::size_t i = 0; i + 1 < problems.all().size(); ++i)
        log_failure(problems.all()[i]);
    throw Failure(problems.all().back());
}

void print_key_files(const CommandLine& line, const std::map<std::string, Secret>& environment) {
    const ConfigSource source = config_source(line, environment);
    const Config config = value_or_throw(load_config(source.path, source.must_exist));
    KeyResolver::Sources sources;
    sources.config = &config;
    sources.environment = &environment;
    sources.credentials_directory = lookup_in(environment)("CREDENTIALS_DIRECTORY");
    const std::vector<std::string> container = KeyResolver(std::move(sources)).files(config.catalog);
    std::set<std::string> files(container.begin(), container.end());
    if (const auto path = stored_keys_path(environment)) files.insert(*path);
    if (config.path && holds_keys(config)) files.insert(*config.path);
    for (const std::string& file : files)
        if (file.find('\n') != file.npos)
            throw Failure({ErrorCode::config_conflict,
                           "the name of a key file has a line end, so it is not to be listed",
                           "Rename what a _FILE variable, CREDENTIALS_DIRECTORY or --config names."});
    for (const std::string& file : files)
        std::cout << file << "\n";
}

void serve(CommandLine line, std::map<std::string, Secret> environment) {
    const bool to_journal = logs_to_journal(line, environment);
    start_log(line, nullptr, to_journal);
    // Sockets and timers are the I/O thread's alone; other threads only post.
    asio::io_context io(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO);
    Services services(io.get_executor(), std::move(environment));
    services.config_source = config_source(line, services.environment);
    services.generation = value_or_throw(load_generation(services.config_source, services.environment));
    value_or_throw(services.generation->worker->wait_until_it_serves());
    value_or_throw(check_broker_now(services.generation));
    services.at_start = {services.generation->config.daemon, services.generation->config.broker.port};
    start_log(line, &services.at_start.daemon, to_journal);
    *services.state = state_directory_of(services.environment);
    services.stored_path = stored_keys_path(services.environment);
    if (auto loaded = services.load_stored_keys(); !loaded) throw Failure(loaded.error());
    for (const std::string& path : resolver(services, *services.generation).files(services.generation->config.catalog))
        learn_what_is_beside(path);
    if (const auto& remote = services.generation->config.broker.remote) learn_what_is_beside(*remote);

    std::signal(SIGPIPE, SIG_IGN);
    // A file size limit is an error of the write that meets it, not the daemon's end.
    std::signal(SIGXFSZ, SIG_IGN);
    // A session that stops itself stops its launcher's process group, as Ctrl-Z does. Where one script has started
    // both, the daemon is in that group, too, and leads it where the script has become it. What a session writes from
    // the background stops the group likewise (stty tostop).
    for (const int stop : {SIGTSTP, SIGTTOU, SIGTTIN})
        std::signal(stop, SIG_IGN);
    // Before anybody can find the socket: a signal from then on is to be answered, not to kill.
    asio::signal_set stop_signals(io, SIGTERM, SIGINT);
    asio::signal_set hangup(io, SIGHUP);
    ListeningSocket listening = open_socket(services, line);
    if (const auto& remote = services.generation->config.broker.remote)
        if (auto other = check_is_another(*remote, services.socket); !other)
            throw Failure(placed(services.generation->config, other.error()));
    Server server(io.get_executor(), std::move(listening), services);
    leave_terminal(line, services);
    spawn_essential(io.get_executor(), server.accept_connections());
    spawn_essential(io.get_executor(), stop_on_signal(io, stop_signals, server, services));
    spawn_essential(io.get_executor(), reload_on_hangup(hangup, services));
    if (const auto interval = watchdog_interval()) spawn_essential(io.get_executor(), feed_watchdog(*interval));
    asio::post(io, [&] {
        spdlog::info("capsuled {} ready on {}", capsule_version, services.socket);
        notify_ready("serving");
        // After READY: nobody waits for the broker but a session that needs it.
        open_sessions(services);
    });
    on_left_out([&io] { asio::co_spawn(io, tell_of_left_out_lines(io), asio::detached); });
    io.run();
    on_left_out({});
    tell_left_out(true);
    spdlog::info("stopped");
}

}  // namespace capsule
