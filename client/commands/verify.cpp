// verify: after an agent's upgrade, is the session still the one that was asked for? Without a network, without a key.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "client/commands/become.hpp"
#include "client/commands/command_table.hpp"
#include "client/commands/session_options.hpp"
#include "client/recorder/recorder.hpp"
#include "client/terminal/descriptors.hpp"
#include "client/terminal/own_terminal.hpp"
#include "client/verify/start.hpp"
#include "client/verify/verify_cell.hpp"
#include "protocol/json_struct.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {
namespace {

namespace json = boost::json;

struct VerifyOptions {
    std::string agent;
    std::string provider;
    int plans = -1;  ///< the descriptor with the subjects, for the process that start_again() has started
};

struct Subject {
    ExplainResult plan;
    std::string version;
};
BOOST_DESCRIBE_STRUCT(Subject, (), (plan, version))

std::string command_name(const std::string& agent, const std::string& provider) {
    return agent + " × " + provider;
}

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

void show_progress(const Subject& subject, std::size_t number, std::size_t count) {
    if (!error_style().terminal) return;
    const std::string line = "verifying " + command_name(subject.plan.agent, subject.plan.provider) + " (" +
                             std::to_string(number) + " of " + std::to_string(count) + ") …";
    const std::string text = "\r\x1b[K" + line;
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

void clear_progress() {
    if (!error_style().terminal) return;
    constexpr std::string_view clear = "\r\x1b[K";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, clear.data(), clear.size());
}

json::object verdict_json(const CellVerdict& verdict, const std::string& version) {
    return {{"agent", verdict.agent},
            {"provider", verdict.provider},
            {"version", version},
            {"ok", verdict.good()},
            {"problems", json::array(verdict.problems.begin(), verdict.problems.end())},
            {"requests", verdict.requests},
            {"seconds", verdict.seconds}};
}

std::string verdict_page(const std::vector<CellVerdict>& verdicts, const std::vector<Subject>& subjects) {
    Table table({"AGENT", "PROVIDER", "VERSION", "SESSION"});
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
        const auto& verdict = verdicts[i];
        std::string differs;
        for (const auto& problem : verdict.problems)
            differs += (differs.empty() ? "" : "; ") + printable(problem);
        table.add({{verdict.agent},
                   {subjects[i].plan.label},
                   {subjects[i].version.empty() ? "?" : subjects[i].version, Tone::dim},
                   verdict.good() ? Cell{"as it should be", Tone::good} : Cell{differs, Tone::bad}});
    }
    return table.text(output_style());
}

ExitCode report(const Globals& globals, const std::vector<CellVerdict>& verdicts, const std::vector<Subject>& subjects,
                bool offline) {
    const bool good =
        std::all_of(verdicts.begin(), verdicts.end(), [](const CellVerdict& each) { return each.good(); });
    if (globals.json) {
        json::array cells;
        for (std::size_t i = 0; i < verdicts.size(); ++i)
            cells.push_back(verdict_json(verdicts[i], subjects[i].version));
        print_json(json::object{{"ok", good}, {"offline", offline}, {"cells", std::move(cells)}});
    } else {
        print(verdict_page(verdicts, subjects));
    }
    return good ? ExitCode::done : ExitCode::failed;
}

/// Whoever a process becomes can open its memory for a moment (go_offline() makes that possible). So root starts this
/// program anew, which has nothing in its memory but the plans, and that one becomes the user. Only returns where it
/// fails.
Error start_again(const Globals& globals, const std::vector<Subject>& subjects) {
    const std::string text = json::serialize(to_json(subjects));
    const int plans = ::memfd_create("plans", 0);
    const bool written = ::write(plans, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    std::vector<std::string> words{"capsulectl", "verify", "--plans", std::to_string(plans)};
    if (globals.json) words.insert(words.begin() + 1, "--json");
    std::vector<std::string> variables;
    for (const char* name : {"TERM", "NO_COLOR", "LC_ALL", "LC_CTYPE", "LANG"})  // how text is shown from here on
        if (const auto value = process_environment(name)) variables.push_back(std::string(name) + "=" + *value);
    close_others({plans});
    if (written) ::execve("/proc/self/exe", pointers(words).data(), pointers(variables).data());
    return {ErrorCode::io_error,
            "verify cannot start itself as the session's user: " + std::generic_category().message(errno),
            "it needs /proc and a little memory"};
}

Result<std::vector<Subject>> read_plans(int descriptor) {
    const UniqueFd plans(descriptor);
    struct stat status {};
    std::string text(::fstat(descriptor, &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0, '\0');
    boost::system::error_code error;
    json::value value;
    if (::pread(descriptor, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()))
        value = json::parse(text, error);
    std::vector<Subject> subjects;
    if (auto done = from_json(subjects, value, "plans", Unknown::ignore); !done) return done.error();
    if (subjects.empty())
        return Error{ErrorCode::invalid_params, "there is nothing to verify", "--plans is for capsulectl itself"};
    return subjects;
}

ExitCode verify_as_user(const Globals& globals, const std::vector<Subject>& subjects) {
    close_others({});
    if (auto done = become_without_privileges(subjects.front().plan.user, false); !done)
        return fail(globals, ExitCode::denied, "client.denied", done.error());
    const bool offline = go_offline();
    if (!offline)
        print_warnings(
            {{"verify.online",
              "this kernel lets nobody unprivileged have a network of their own, so the agents are not cut off "
              "from the network; they are only sent to 127.0.0.1, with a dummy key"}});
    const auto recorder = Recorder::start();
    if (!recorder) return fail(globals, ExitCode::failed, "client.failed", recorder.error());

    std::vector<CellVerdict> verdicts;
    for (const auto& subject : subjects) {
        show_progress(subject, verdicts.size() + 1, subjects.size());
        verdicts.push_back(verify_cell(subject.plan, **recorder));
        if (verdicts.back().interrupted) break;
    }
    clear_progress();
    if (verdicts.back().interrupted) return ExitCode::cancelled;
    return report(globals, verdicts, subjects, offline);
}

/// As exec does: neither this process, once it is another user's, nor the agents may have root's terminal.
ExitCode verify_all(const Globals& globals, const std::vector<Subject>& subjects) {
    const SessionUser& user = subjects.front().plan.user;
    if (::geteuid() != 0 || user.uid == 0) return verify_as_user(globals, subjects);
    const auto again = [&] { return fail(globals, ExitCode::failed, "client.failed", start_again(globals, subjects)); };
    replace_names_of_terminals({});
    if (!has_terminal({})) return again();
    const auto status = run_on_own_terminal({user.uid, {}, [&] { return static_cast<int>(again()); }, [] {}});
    if (!status) return fail(globals, ExitCode::failed, "client.failed", status.error());
    return static_cast<ExitCode>(end_alike(*status));
}

ExitCode run(const Globals& globals, const VerifyOptions& options) {
    if (options.plans >= 0) {
        const auto plans = read_plans(options.plans);
        return plans ? verify_as_user(globals, *plans) : fail(globals, ExitCode::usage, "client.usage", plans.error());
    }
    const auto subjects = ask_plans(globals, options);
    if (!subjects) return fail(globals, subjects.error());
    if (subjects->empty())
        return fail(globals, ExitCode::failed, "client.failed",
                    {ErrorCode::io_error, "there is nothing to verify: no installed agent has an account or a key",
                     "install an agent and set a key; `capsulectl status` shows what is missing"});
    return verify_all(globals, *subjects);
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
