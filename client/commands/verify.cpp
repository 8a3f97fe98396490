// verify: after an agent's upgrade, is the session still the one that was asked for? Without a network, without a key.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <thread>

#include "client/commands/become.hpp"
#include "client/commands/command_table.hpp"
#include "client/commands/roots_environment.hpp"
#include "client/commands/session_options.hpp"
#include "client/commands/verification.hpp"
#include "client/terminal/descriptors.hpp"
#include "client/verify/other_user.hpp"
#include "client/verify/verify_as_user.hpp"
#include "protocol/json_struct.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds longest_copy{20};                               ///< of what the agent finds in the home
constexpr std::chrono::milliseconds longest_trial = std::chrono::minutes(15);  ///< of a cell: a few starts of 90 s

struct VerifyOptions {
    std::string agent;
    std::string provider;
    int plans = -1;  ///< the descriptor with the subjects, for the process that start_again() has started
};

/// The cells that the options name and that would start here.
std::vector<std::pair<std::string, std::string>> chosen_cells(const StatusResult& status,
                                                              const VerifyOptions& options) {
    std::vector<std::pair<std::string, std::string>> cells;
    for (const auto& agent : status.agents) {
        if (!options.agent.empty() && agent.id != options.agent) continue;
        if (options.agent.empty() && !agent.binary) continue;
        for (const auto& provider : status.providers) {
            const auto state = provider.cells.find(agent.id);
            const bool starts =
                state != provider.cells.end() && (state->second == "native" || state->second == "ready");
            if (options.provider.empty() ? starts : provider.id == options.provider)
                cells.emplace_back(agent.id, provider.id);
        }
    }
    return cells;
}

std::string version_of(const StatusResult& status, const std::string& agent) {
    for (const auto& each : status.agents)
        if (each.id == agent) return each.version.value_or("");
    return "";
}

/// The daemon asks agents for their versions in the background: a fresh one's first answer lacks them.
ClientResult<StatusResult> status_with_versions(Client& client) {
    constexpr int most = 20;
    constexpr auto pause = std::chrono::milliseconds(100);
    const auto lacks_one = [](const AgentStatus& agent) { return agent.binary && !agent.version; };
    auto status = client.status();
    for (int i = 0; i < most && status && std::ranges::any_of(status->agents, lacks_one); ++i) {
        std::this_thread::sleep_for(pause);
        status = client.status();
    }
    return status;
}

/// What spawn would give, asked of explain: no key leaves the daemon.
ClientResult<std::vector<Subject>> ask_plans(const Globals& globals, const VerifyOptions& options) {
    auto client = connect(globals);
    if (!client) return client.error();
    const auto status = status_with_versions(*client);
    if (!status) return status.error();
    SessionOptions session;
    SpawnParams params = session_params(session);
    std::vector<Subject> subjects;
    auto cells = chosen_cells(*status, options);
    // What the daemon does not know, it says best itself.
    if (cells.empty() && !options.agent.empty()) cells.emplace_back(options.agent, options.provider);
    for (const auto& [agent, provider] : cells) {
        params.agent = agent;
        params.provider = provider.empty() ? std::nullopt : std::optional(provider);
        if (auto done = leave_out_own_login(globals, session, params); !done) return done.error();
        const auto plan = client->explain(params);
        if (!plan) return plan.error();
        subjects.push_back({*plan, version_of(*status, agent)});
    }
    return subjects;
}

void say(const VerifyMessage& message) {
    const std::string line = to_line(message) + "\n";
    std::string_view left = line;
    for (ssize_t count = 0; !left.empty() && (count = ::write(STDOUT_FILENO, left.data(), left.size())) > 0;)
        left.remove_prefix(static_cast<std::size_t>(count));
}

/// Of the file without a name in which start_again() hands over the plans: nobody can change it any more.
constexpr int seals_of_plans = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

/// Whoever a process becomes can open its memory for a moment (go_offline() makes that possible). So root starts this
/// program anew, which has nothing in its memory but the plans and where temporary files go, and that one becomes the
/// user. Only returns where it fails, and says so as that one would.
void start_again(const std::vector<Subject>& subjects) {
    const std::string text = json::serialize(to_json(subjects));
    const int plans = ::memfd_create("plans", MFD_ALLOW_SEALING);
    const bool written = ::write(plans, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                         ::fcntl(plans, F_ADD_SEALS, seals_of_plans) == 0;
    const std::vector<std::string> words{"capsulectl", "verify", "--plans", std::to_string(plans)};
    std::vector<std::string> variables;
    if (const char* temporary = std::getenv("TMPDIR")) variables.push_back(std::string("TMPDIR=") + temporary);
    if (written) ::execve("/proc/self/exe", pointers(words).data(), pointers(variables).data());
    say({.failure = VerifyFailure{
             false, "verify cannot start itself as the session's user: " + std::generic_category().message(errno),
             "it needs /proc and a little memory"}});
}

/// A rule of sudo's may let somebody run `capsulectl verify` as root. That person must not choose a program and whom it
/// runs as.
Result<std::vector<Subject>> read_plans(int descriptor) {
    const UniqueFd plans(descriptor);
    struct stat status {};
    const bool is_own = ::fstat(descriptor, &status) == 0 && status.st_uid == ::geteuid() && status.st_nlink == 0 &&
                        ::fcntl(descriptor, F_GET_SEALS) == seals_of_plans;
    if (!is_own) return Error{ErrorCode::invalid_params, "--plans is for capsulectl itself", "leave it out"};
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    boost::system::error_code error;
    json::value value;
    if (::pread(descriptor, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()))
        value = json::parse(text, error);
    std::vector<Subject> subjects;
    if (auto done = from_json(subjects, value, "plans", Unknown::ignore); !done) return done.error();
    if (subjects.empty()) return Error{ErrorCode::invalid_params, "there is nothing to verify", "name an agent"};
    return subjects;
}

/// In the process that start_again() has started.
ExitCode verify_for_root(const std::vector<Subject>& subjects) {
    close_others({});
    const pid_t parent = ::getppid();
    verify_as_user(subjects, [parent](const VerifyMessage& message) {
        if (message.offline) ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // becoming another user has taken it back
        if (message.offline && ::getppid() != parent) ::raise(SIGTERM);
        say(message);
    });
    return ExitCode::done;
}

/// Neither a process that is another user's nor the agents may have what root has open: its terminal, its report's
/// file, a network socket.
ExitCode verify_as_root(const Globals& globals, const std::vector<Subject>& subjects) {
    Verification verification(globals, subjects);
    bool copied = false;
    const auto take = [&](std::string_view line) -> std::optional<std::chrono::milliseconds> {
        const auto message = from_line(line);
        if (!message) verification.note(line);
        if (!message) return std::nullopt;
        if (!verification.take(*message)) return std::chrono::milliseconds(0);
        const bool goes_on = copied ? message->verdict.has_value() : message->copied.has_value();
        if (!goes_on) return std::nullopt;
        copied = !copied;
        return copied ? longest_trial : longest_copy;
    };
    const SessionUser& user = subjects.front().plan.user;
    switch (hear_other_user({[&] { start_again(subjects); }, take, longest_copy})) {
        case Heard::all:
            break;
        case Heard::interrupted:
            verification.interrupt();
            break;
        case Heard::not_started:
            verification.give_up("verify cannot start a process: " + std::generic_category().message(errno),
                                 "is there room for one more, and a little memory?");
            break;
        case Heard::ended:
            verification.give_up("the process that verifies as " + user.name + " ended before it was done",
                                 "what it said is above; was it killed, or out of memory?");
            break;
        case Heard::too_late:
            verification.give_up("the process that verifies as " + user.name + " is not heard of any more",
                                 "does a file system in that user's home not answer, or are its processes stopped?");
            break;
        case Heard::too_much:
            verification.give_up("the process that verifies as " + user.name + " says too much",
                                 "a program of that user's speaks in its place");
            break;
    }
    return verification.end();
}

/// As exec does it. What several cells have is told once.
void leave_out_of_plans(std::vector<Subject>& subjects) {
    std::vector<Warning> told;
    for (auto& [plan, version] : subjects) {
        std::map<std::string, std::string> env;
        for (const auto& variable : plan.env)
            // A session's own directory is made when it is spawned. The trial has its temporary files in its home.
            if (variable.name != "TMPDIR" || variable.from != "capsuled" || plan.user.uid != 0)
                env.emplace(variable.name, variable.value);
        for (auto& warning : leave_out_what_others_change(env, plan.user))
            if (std::ranges::find(told, warning.message, &Warning::message) == told.end())
                told.push_back(std::move(warning));
        std::erase_if(plan.env, [&](const ExplainedVariable& variable) { return !env.contains(variable.name); });
        for (auto& variable : plan.env)
            variable.value = env.at(variable.name);
    }
    print_warnings(told);
}

ExitCode verify_all(const Globals& globals, std::vector<Subject> subjects) {
    if (::geteuid() == 0 && subjects.front().plan.user.uid != 0) return verify_as_root(globals, subjects);
    close_others({});
    leave_out_of_plans(subjects);
    Verification verification(globals, subjects);
    verify_as_user(subjects, [&](const VerifyMessage& message) { verification.take(message); });
    return verification.end();
}

ExitCode run(const Globals& globals, const VerifyOptions& options) {
    if (options.plans >= 0) {
        const auto plans = read_plans(options.plans);
        return plans ? verify_for_root(*plans) : fail(globals, ExitCode::usage, "client.usage", plans.error());
    }
    fill_standard_descriptors();
    auto subjects = ask_plans(globals, options);
    if (!subjects) return fail(globals, subjects.error());
    if (subjects->empty())
        return fail(globals, ExitCode::failed, "client.failed",
                    {ErrorCode::io_error, "there is nothing to verify: no installed agent has an account or a key",
                     "install an agent and set a key; `capsulectl status` shows what is missing"});
    return verify_all(globals, *std::move(subjects));
}

}  // namespace

void add_verify(CLI::App& app, Invocation& invocation) {
    CLI::App* command =
        app.add_subcommand("verify", "Start the installed agents against a stand-in and check what they send");
    add_examples(
        *command,
        "Each agent runs one prompt with the route that spawn would give it, but with a dummy key, and with 127.0.0.1\n"
        "in the provider's place, in a temporary home with a copy of your configuration (logins left out).\n"
        "Checked are path, auth header, model, tools and side calls. No key leaves the daemon, nothing leaves the "
        "machine. Exit code 1: a cell is wrong.",
        {"verify", "verify claude --provider zai"});
    auto options = std::make_shared<VerifyOptions>();
    command->add_option("AGENT", options->agent, "Only this agent (default: all that are installed)")->type_name("");
    command->add_option("--provider", options->provider, "Only this provider (default: all that have a key)")
        ->type_name("ID");
    command->add_option("--plans", options->plans)->group("");  // hidden: capsulectl gives it to itself
    run_with(*command, invocation, [options](const Globals& globals) { return run(globals, *options); });
}

}  // namespace capsule
