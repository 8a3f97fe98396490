#include "daemon/handlers/services.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/session_keys.hpp"
#include "daemon/log/log.hpp"
#include "protocol/json_struct.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

std::string temporary_directory(const std::map<std::string, Secret>& environment) {
    const auto found = environment.find("TMPDIR");
    const bool usable = found != environment.end() && found->second.reveal().starts_with('/');
    return usable ? std::string(found->second.reveal()) : "/tmp";
}

}  // namespace

Services::Services(asio::any_io_executor executor, std::map<std::string, Secret> taken)
    : environment(std::move(taken)),
      inventory(executor, subprocesses, temporary_directory(environment)),
      op(executor, subprocesses, environment),
      stack_wiper(executor),
      sessions(executor),
      remote_status(executor) {}

HomeWorker& Services::process_worker() {
    // What comes out of its jobs is a descriptor. None of its jobs opens another user's files.
    if (!process_worker_)
        process_worker_ =
            std::make_unique<HomeWorker>(SessionUser{}, true, home_threads, HomeWorker::Files::the_daemons);
    return *process_worker_;
}

Result<void> Services::load_stored_keys() {
    if (!stored_path) return {};
    auto loaded = StoredKeys::load(*stored_path);
    if (!loaded) return loaded.error();
    stored = std::move(*loaded);
    return {};
}

namespace {

/// Without the file's line that the message shows below its place.
std::string in_one_line(const Error& error) {
    std::string text = error.message.substr(0, error.message.find('\n'));
    return error.hint.empty() ? text : text + "; " + error.hint;
}

/// Puts a new configuration in force, or remembers why it cannot be.
asio::awaitable<Result<void>> load_anew(Services& services) {
    const std::uint64_t turn = ++services.loads_begun;
    auto generation = load_generation(services.config_source, services.environment);
    if (generation && (*generation)->config.broker.remote != services.generation->config.broker.remote)
        generation = Error{ErrorCode::config_conflict, "[broker] remote: where the keys are cannot change in a reload",
                           "restart capsuled"};
    if (generation) {
        auto serves =
            co_await (*generation)->worker->run([] { return Result<void>(); }, home_job_limit, HomeWorker::first);
        if (!serves) generation = serves.error();
    }
    if (generation) {
        auto sound = co_await check_broker(*generation, services.generation);
        if (!sound) generation = sound.error();
    }
    // One that began later has read what is newer, and was done first.
    if (turn < std::exchange(services.load_done, std::max(turn, services.load_done)))
        co_return generation ? Result<void>() : Result<void>(generation.error());
    const Result<void> stored = generation ? services.load_stored_keys() : Result<void>(generation.error());
    if (!stored) {
        services.reload_error = in_one_line(stored.error());
        spdlog::error("reload failed, the configuration in force stays: {}", stored.error().message);
        co_return stored.error();
    }
    services.generation = std::move(*generation);
    services.reload_error.reset();
    services.op.forget();
    configure_sessions(services);
    spdlog::info("configuration loaded from {}", services.generation->config.path.value_or("defaults (no file)"));
    co_return Result<void>();
}

}  // namespace

asio::awaitable<Result<void>> reload_configuration(Services& services) {
    Result<void> loaded = co_await load_anew(services);
    if (services.subscribers.any())
        services.subscribers.tell("config.reloaded", to_json(ConfigNotice{config_status(services)}));
    co_return loaded;
}

KeyResolver resolver(const Services& services, const Generation& generation) {
    KeyResolver::Sources sources;
    sources.config = &generation.config;
    sources.environment = &services.environment;
    sources.stored = &services.stored;
    if (const auto found = services.environment.find("CREDENTIALS_DIRECTORY"); found != services.environment.end())
        sources.credentials_directory = std::string(found->second.reveal());
    sources.remembered = [&services](const std::string& reference) { return services.op.remembered(reference); };
    return KeyResolver(std::move(sources));
}

KeyStates key_states(KeyResolver keys, KeyScope scope) {
    return [keys = std::move(keys), scope = std::move(scope)](const Provider& provider) {
        return keys.find(provider.key_env, scope).state;
    };
}

asio::awaitable<Result<KeyFinding>> resolve_key(Services& services, std::shared_ptr<const Generation> generation,
                                                KeyResolver keys, const Provider& provider, std::string variable,
                                                KeyScope scope) {
    KeyFinding finding = keys.find(variable, scope);
    if (finding.state == KeyState::unresolved) {
        auto value = co_await services.op.read(finding.reference, generation->config.keys.op);
        if (value) {
            finding.value = std::move(*value);
            finding.state = KeyState::present;
        } else {
            finding.error = value.error();
            finding.state = KeyState::error;
        }
    }
    if (finding.state == KeyState::error) {
        Error error = finding.error.value_or(Error{ErrorCode::key_error, "no further details", ""});
        if (error.code != ErrorCode::server_stopping) {
            error.code = ErrorCode::key_error;
            error.message = provider.label + "'s key (" + variable + "): " + error.message;
        }
        co_return error;
    }
    if (finding.state == KeyState::present) co_return finding;
    Error absent = key_absent(provider, finding.state);
    if (finding.state == KeyState::absent)
        if (const auto places = keys.empty_places(variable); !places.empty())
            absent.message += ": " + places.front() + " is empty";
    co_return absent;
}

}  // namespace capsule
