#include "daemon/home/inventory.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>

#include "daemon/agents/agent.hpp"
#include "daemon/home/look_request.hpp"
#include "daemon/home/program_output.hpp"
#include "daemon/home/scratch_home.hpp"
#include "daemon/log/log.hpp"
#include "protocol/trusted_path.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// In the program's home: a list as a session's would be derived, for the program itself to judge.
constexpr std::string_view derived_name = "derived.models.json";

std::vector<std::string> version_arguments() {
    return {"--version"};
}

std::string command_name(Agent agent, const std::vector<std::string>& arguments) {
    std::string name(id_of(agent));
    for (const std::string& argument : arguments)
        name += " " + argument;
    return name;
}

/// g++ 12 cannot compile the braces of an initializer list inside a coroutine.
ModelList no_models(std::string problem) {
    return {std::any(), std::move(problem)};
}

/// What the home's thread makes of what a program printed.
struct JudgedList {
    ModelList models;
    bool is_to_be_tried = false;  ///< a derived list is there for the program to read
};

constexpr std::size_t most_version_bytes = 4096;
const std::string without_version = "the program did not tell its version: ";

/// By somebody else, such as the kernel that is out of memory.
constexpr int killed = 128 + SIGKILL;
constexpr std::size_t most_remembered = 32;  // binaries; more were replaced long ago

/// Starting a program takes longer than answering: whoever asked for a version first gets the answer without it.
constexpr std::chrono::milliseconds after_the_answer{10};

/// What a program is may be up to the PATH: npm's is a script for `env node`.
std::string models_key(const AgentBinary& binary) {
    return binary.key() + "\n" + binary.path_variable;
}

constexpr std::chrono::milliseconds look_for_homes{10};

void warn(std::string_view event, const AgentPlace& place, const AgentBinary& binary, const std::string& why) {
    log_warning(event, {{"home_of", std::int64_t{place.home.user.uid}},
                        {"asked_by", std::int64_t{place.asker}},
                        {"program", binary.path},
                        {"why", why}});
}

/// Of a PATH: a script that root runs finds its interpreter there.
std::string entries_that_only_root_changes(std::string_view path) {
    std::string out;
    while (!path.empty()) {
        const std::string entry(path.substr(0, path.find(':')));
        path.remove_prefix(std::min(entry.size() + 1, path.size()));
        if (!entry.starts_with('/') || untrusted_directory(entry)) continue;
        out += (out.empty() ? "" : ":") + entry;
    }
    return out;
}

Result<void> check_root_may_run(const std::string& program) {
    const auto problem = untrusted_component(program);
    if (!problem) return {};
    return Error{ErrorCode::access_denied,
                 "capsuled would run " + program + " as root, and " + problem->component + " " + problem->why,
                 "Set [session] user, as whom it is run then; or " + problem->cure()};
}

}  // namespace

std::optional<std::string> AgentInventory::version(Agent agent, const AgentBinary& binary, const AgentPlace& place) {
    const std::string key = binary.key();
    if (const auto found = versions_.find(key); found != versions_.end()) return found->second;
    if (subprocesses_.has_left_too_much(place.asker)) return std::nullopt;  // who asks next may be another
    using Clock = std::chrono::steady_clock;
    if (const auto next = not_before_.find(agent); next != not_before_.end() && Clock::now() < next->second)
        return std::nullopt;
    not_before_[agent] = Clock::time_point::max();  // until this one has ended
    if (versions_.size() >= most_remembered) {
        versions_.clear();
        version_problems_.clear();
    }
    versions_.emplace(key, std::nullopt);
    asio::co_spawn(executor_, find_version(agent, key, binary, place), asio::detached);
    spdlog::debug("looking up the version of {}", id_of(agent));
    return std::nullopt;
}

/// A home for one run, so that looking never reads or leaves anything in the user's own.
asio::awaitable<Result<AgentInventory::ReadyToRun>> AgentInventory::make_ready(AgentBinary binary, AgentPlace place) {
    auto make = [above = temporary_, binary = std::move(binary)]() -> Result<ReadyToRun> {
        std::string path = binary.path_variable;
        if (binary.user == 0) {
            if (auto may = check_root_may_run(binary.path); !may) return may.error();
            path = entries_that_only_root_changes(path);
        }
        // Root deletes by a path: by none that another user could exchange (TMPDIR of `sudo -E`).
        const bool is_safe = ::geteuid() != 0 || !untrusted_component(above);
        auto made = make_scratch_home(is_safe ? above : "/tmp");
        if (!made) made = make_scratch_home("/tmp");
        if (!made) return made.error();
        return ReadyToRun{*std::move(made), std::move(path)};
    };
    co_return co_await place.worker->run(std::move(make), home_job_limit, place.asker);
}

asio::awaitable<void> AgentInventory::remove_home(AgentPlace place, std::string directory,
                                                  [[maybe_unused]] std::shared_ptr<const char> has_home) {
    auto remove = [directory] { return remove_scratch_home(directory); };
    const auto removed = co_await place.worker->run(std::move(remove), home_job_limit, place.asker);
    if (removed) co_return;
    log_warning("agent.home_stays", {{"home_of", std::int64_t{place.home.user.uid}},
                                     {"asked_by", std::int64_t{place.asker}},
                                     {"directory", directory},
                                     {"why", "of the directory in which an agent's program ran something is left: " +
                                                 removed.error().message}});
}

asio::awaitable<void> AgentInventory::find_version(Agent agent, std::string key, AgentBinary binary, AgentPlace place) {
    const Told told = co_await ask_version(key, std::move(binary), place);
    if (told == Told::nothing || told == Told::not_asked) versions_.erase(key);
    auto next = std::chrono::steady_clock::now();
    if (told == Told::problem) next += version_pause;
    if (told == Told::nothing) next += version_again_;
    not_before_[agent] = next;
}

asio::awaitable<AgentInventory::Told> AgentInventory::ask_version(std::string key, AgentBinary binary,
                                                                  AgentPlace place) {
    asio::steady_timer answered(executor_, after_the_answer);
    co_await answered.async_wait(asio::use_awaitable);
    [[maybe_unused]] const auto has_home = homes_;
    const auto ready = co_await make_ready(binary, place);
    if (!ready) {
        const Error& error = ready.error();
        warn("agent.version_unknown", place, binary, without_version + error.message);
        if (error.code == ErrorCode::access_denied)
            version_problems_.insert_or_assign(key, error.message + ". " + error.hint);
        co_return Told::nothing;
    }
    binary.path_variable = ready->path_variable;
    SubprocessRequest request = look_request(version_arguments(), binary, place, ready->directory);
    request.output_limit = most_version_bytes;
    const auto result = co_await subprocesses_.run(std::move(request));
    const bool told = result && result->exit_code == 0;
    const bool is_final = result && result->exit_code != killed;
    const bool is_refused = !result && result.error().code == ErrorCode::server_overloaded;
    if (told) {
        versions_.insert_or_assign(key, version_in(result->out));
        version_problems_.erase(key);
    } else if (!is_refused && (result || result.error().code != ErrorCode::server_stopping)) {
        std::string problem = result ? how_it_ended(*result) : result.error().message;
        warn("agent.version_unknown", place, binary, without_version + problem);
        version_problems_.insert_or_assign(key, std::move(problem));
    }
    co_await remove_home(place, ready->directory, homes_);
    if (told) co_return Told::version;
    if (is_refused) co_return Told::not_asked;
    co_return is_final ? Told::problem : Told::nothing;
}

asio::awaitable<void> AgentInventory::finish(std::chrono::steady_clock::time_point until) {
    asio::steady_timer pause(executor_);
    while (homes_.use_count() > 1 && std::chrono::steady_clock::now() < until) {
        pause.expires_after(look_for_homes);
        co_await pause.async_wait(asio::use_awaitable);
    }
}

std::string AgentInventory::version_problem(const AgentBinary& binary) const {
    const auto found = version_problems_.find(binary.key());
    return found == version_problems_.end() ? "" : found->second;
}

ModelList KnownModels::of(const AgentBinary& binary) const {
    const auto found = by_binary->find(models_key(binary));
    if (found == by_binary->end()) return {{}, "it was not asked for its models yet"};
    return found->second;
}

KnownModels AgentInventory::known_models() const {
    return {asked_models_.known()};
}

asio::awaitable<ModelList> AgentInventory::models(Agent agent, AgentBinary binary, AgentPlace place) {
    const std::string key = models_key(binary);
    AskedModels::Asked& asked = asked_models_.by(place.asker, key);
    if (asked.known) co_return *asked.known;
    auto& own = asked.lookups[place.asker];
    if (own && !own->has_failed()) {
        const auto lookup = own;
        if (auto found = co_await lookup->wait()) co_return *std::move(found);
        co_return no_models("it could not be asked for its models");
    }
    const auto lookup = own = std::make_shared<SharedRun<ModelList>>(executor_);
    ModelList found = co_await lookup->run(ask_for_models(agent, binary, place));
    asked_models_.answer(place.asker, key, found);
    co_return found;
}

/// An agent does not start on a list that it cannot read. A version whose schema asks for more than the derivation
/// knows is therefore given none: what it says to a derived one is the proof.
asio::awaitable<ModelList> AgentInventory::judge_printed(Agent agent, std::string printed, AgentBinary binary,
                                                         AgentPlace place, std::string directory) {
    const ModelListQuestion& question = *descriptor_of(agent).model_list;
    // On the home's thread, the parsing too: how long it takes is up to whoever may replace the binary.
    auto read = [directory, printed = std::move(printed), &question]() -> Result<JudgedList> {
        JudgedList judged{{question.read(printed), std::string()}};
        const auto derived = question.sample(judged.models);
        if (!derived) return judged;  // the renderer says why
        const auto written = write_in_scratch_home(directory, std::string(derived_name), *derived);
        if (!written) return written.error();
        judged.is_to_be_tried = true;
        return judged;
    };
    auto judged = co_await place.worker->run(std::move(read), home_job_limit, place.asker);
    if (!judged) co_return no_models(judged.error().message);
    if (!judged->is_to_be_tried) co_return judged->models;
    const auto arguments = question.reading(directory + "/" + std::string(derived_name));
    SubprocessRequest request = look_request(arguments, binary, place, directory);
    const auto result = co_await subprocesses_.run(std::move(request));
    if (!result) co_return no_models(result.error().message);
    if (result->exit_code == 0) co_return judged->models;
    co_return no_models("this " + std::string(facts_of(agent).label) +
                        " does not read a derived catalog: " + why_it_says(result->err));
}

asio::awaitable<ModelList> AgentInventory::ask_for_models(Agent agent, AgentBinary binary, AgentPlace place) {
    [[maybe_unused]] const auto has_home = homes_;
    const auto ready = co_await make_ready(binary, place);
    if (!ready) {
        ModelList none = no_models(ready.error().message);
        none.cure = ready.error().hint;
        co_return none;
    }
    binary.path_variable = ready->path_variable;
    ModelList models = co_await look_for_models(agent, std::move(binary), place, ready->directory);
    // Nobody waits for that: whoever may list the directory above can make it take long.
    asio::co_spawn(executor_, remove_home(place, ready->directory, homes_), asio::detached);
    co_return models;
}

asio::awaitable<ModelList> AgentInventory::look_for_models(Agent agent, AgentBinary binary, AgentPlace place,
                                                           std::string directory) {
    std::string problem;
    for (const std::vector<std::string>& arguments : descriptor_of(agent).model_list->arguments) {
        SubprocessRequest request = look_request(arguments, binary, place, directory);
        const auto result = co_await subprocesses_.run(std::move(request));
        if (result && result->exit_code == 0 && !result->out.empty()) {
            ModelList models = co_await judge_printed(agent, result->out, binary, place, directory);
            if (models.own.has_value()) co_return models;
            problem = std::move(models.problem);
            break;
        }
        problem = result ? command_name(agent, arguments) + " ended with exit code " + std::to_string(result->exit_code)
                         : result.error().message;
        if (!result) break;
    }
    warn("agent.models_unknown", place, binary, "the program did not tell which models it knows: " + problem);
    co_return no_models(problem);
}

}  // namespace capsule
