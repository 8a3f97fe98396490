#include "tests/e2e/world.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "client/client.hpp"
#include "tests/e2e/authority.hpp"
#include "tests/e2e/namespaces.hpp"
#include "tests/e2e/processes.hpp"
#include "tests/e2e/secrets.hpp"

namespace capsule::e2e {

namespace {

/// Once per program, before it has a second thread.
class Machine : public testing::Environment {
  public:
    void SetUp() override { enter_namespaces(hosts); }
};
[[maybe_unused]] const auto* const machine = testing::AddGlobalTestEnvironment(new Machine);

/// CAPSULE_E2E_AGENTS: other versions than those of the lock file (drift.py).
fs::path agents_directory() {
    const char* others = std::getenv("CAPSULE_E2E_AGENTS");
    return others ? fs::path(others) : fs::path(CAPSULE_TEST_DATA) / "node_modules" / ".bin";
}
const fs::path agents = agents_directory();
const std::string search_path = agents.string() + ":/usr/local/bin:/usr/bin:/bin";

bool never() {
    return false;
}

int run_to_end(pid_t child, ProcessEnvironments& processes, const std::function<bool()>& enough,
               const std::function<void()>& look) {
    constexpr auto limit = std::chrono::seconds(300);
    const auto end = std::chrono::steady_clock::now() + limit;
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (enough() || std::chrono::steady_clock::now() > end) {
            kill(-child, SIGKILL);
            waitpid(child, nullptr, 0);
            return 124;  // as timeout(1)
        }
        note_environments(child, processes);
        look();
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    kill(-child, SIGKILL);  // what it may have left behind
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

World::World() : home_(directory_ / "home"), repository_(directory_ / "repository") {
    if (!fs::exists(agents / "codex"))
        throw std::runtime_error("no agents in " + agents.string() + ": run `npm ci` in tests/e2e, or tests/run.sh");
    fs::create_directories(home_);
    fs::create_directories(repository_ / ".git" / "objects");
    fs::create_directories(repository_ / ".git" / "refs");
    test::write_file(repository_ / ".git" / "HEAD", "ref: refs/heads/main\n");
    // As all may write to /tmp, above it: else OpenCode leaves out what a repository says, and no pin is tried.
    fs::permissions(repository_, fs::perms::all);
    const Authority authority = make_authority(hosts);
    test::write_file(directory_ / "ca.pem", authority.ca_certificate);
    recorder_ = Recorder::start_tls(443, authority.certificate, authority.private_key).value();
}

void World::start_daemon(const std::string& capsule_toml, const std::set<std::string>& without) {
    daemon_.reset();  // a live socket is never taken over
    test::write_file(directory_ / "capsule.toml", capsule_toml);
    const std::string ca = (directory_ / "ca.pem").string();
    test::Environment env{
        {"HOME", home_.string()},
        {"PATH", search_path},
        {"TERM", "xterm"},
        {"LANG", "C.UTF-8"},
        {"NODE_EXTRA_CA_CERTS", ca},
        {"SSL_CERT_FILE", ca},
        {"CODEX_CA_CERTIFICATE", ca},
        {"STATE_DIRECTORY", (directory_ / "state").string()},
    };
    for (const auto& [name, value] : daemon_secrets)
        if (!without.contains(name)) env[name] = value;
    daemon_ = std::make_unique<test::Daemon>(test::Daemon::Options{
        .socket = directory_ / "socket",
        .log = directory_ / "log",
        .arguments = {"--socket", (directory_ / "socket").string(), "--config", (directory_ / "capsule.toml").string()},
        .env = env});
}

test::Program World::exec(const std::string& agent, const std::string& provider) const {
    return {.argv = {CAPSULECTL_BINARY, "--socket", daemon_->socket().string(), "exec", agent, "--provider", provider,
                     "--"},
            .env = {{"PATH", search_path}, {"HOME", home_.string()}},
            .cwd = repository_};
}

SpawnParams World::session(const std::string& agent, const std::string& provider) const {
    SpawnParams params;
    params.agent = agent;
    params.provider = provider;
    params.cwd = repository_.string();
    return params;
}

SpawnResult World::spawn(const std::string& agent, const std::string& provider) const {
    auto client = Client::connect(daemon_->socket().string());
    if (!client) throw std::runtime_error("cannot connect to the daemon");
    const auto answer = client->spawn(session(agent, provider));
    if (!answer) throw std::runtime_error("spawn " + agent + " on " + provider + " failed");
    return *answer;
}

ExplainResult World::explain(const std::string& agent, const std::string& provider) const {
    auto client = Client::connect(daemon_->socket().string());
    if (!client) throw std::runtime_error("cannot connect to the daemon");
    const auto plan = client->explain(session(agent, provider));
    if (!plan) throw std::runtime_error("explain " + agent + " on " + provider + " failed");
    return *plan;
}

std::vector<SessionRow> World::sessions() const {
    auto client = Client::connect(daemon_->socket().string());
    if (!client) throw std::runtime_error("cannot connect to the daemon");
    SessionsListParams params;
    params.all = true;
    const auto answer = client->call("sessions.list", params_json(params));
    if (!answer) throw std::runtime_error("sessions.list failed");
    auto list = result_as<SessionsListResult>(*answer);
    if (!list) throw std::runtime_error("sessions.list has another shape");
    return std::move(list->sessions);
}

test::Outcome World::capsulectl(const std::vector<std::string>& arguments) const {
    test::Program program{.argv = {CAPSULECTL_BINARY, "--socket", daemon_->socket().string()},
                          .env = {{"PATH", search_path}, {"HOME", home_.string()}},
                          .cwd = repository_};
    program.argv.insert(program.argv.end(), arguments.begin(), arguments.end());
    return test::run_command(program, {}, std::chrono::seconds(300));  // verify starts an agent several times
}

std::string World::output_of(const std::string& agent, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), (agents / agent).string());
    const auto outcome = test::run_command(
        {.argv = std::move(arguments), .env = {{"PATH", search_path}, {"HOME", empty_home().string()}}});
    if (outcome.exit_code != 0) throw std::runtime_error(outcome.err);
    return outcome.out;
}

std::unique_ptr<Terminal> World::open_terminal(const std::string& agent, const std::string& provider) const {
    return std::make_unique<Terminal>(exec(agent, provider), directory_.path());
}

std::vector<RecordedRequest> World::take_requests() {
    auto requests = recorder_->requests();
    requests.erase(requests.begin(), requests.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ += requests.size();
    return requests;
}

AgentRun World::run(const std::string& agent, const std::string& provider, const std::vector<std::string>& arguments) {
    return run_program(exec(agent, provider), arguments, never);
}

AgentRun World::run_until(const std::string& agent, const std::string& provider,
                          const std::vector<std::string>& arguments, const std::function<bool()>& enough) {
    return run_program(exec(agent, provider), arguments, enough);
}

AgentRun World::run_answer(const SpawnResult& answer, const std::vector<std::string>& arguments) {
    test::Program program{.argv = answer.argv, .env = {}, .cwd = repository_};
    program.argv.front() = (agents / answer.argv.front()).string();
    program.env = answer.env;
    return run_program(std::move(program), arguments, never);
}

/// Twice: when the agent has asked for something, and once more when it may have got the answer.
void World::search(pid_t child, AgentRun& run) const {
    constexpr std::size_t enough = 2;
    if (sought_.empty() || run.searches == enough || recorder_->requests().size() == taken_) return;
    ++run.searches;
    run.memory_seen += search_memory(child, sought_, run.in_memory);
}

AgentRun World::run_program(test::Program program, const std::vector<std::string>& arguments,
                            const std::function<bool()>& enough) {
    take_requests();
    program.argv.insert(program.argv.end(), arguments.begin(), arguments.end());

    const int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int out = open((directory_ / "out").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const int err = open((directory_ / "err").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    program.own_group = true;
    const pid_t child = test::start_program(program, {in, out, err});
    AgentRun run;
    run.exit_code = run_to_end(child, run.processes, enough, [&] { search(child, run); });
    for (const int descriptor : {in, out, err})
        close(descriptor);

    run.out = test::read_file(directory_ / "out");
    run.err = test::read_file(directory_ / "err");
    run.requests = take_requests();
    return run;
}

std::vector<std::string> one_shot(const std::string& agent, const std::string& prompt) {
    if (agent == "claude") return {"-p", prompt, "--allowedTools", "Bash,Agent,Task"};
    // Its own sandbox does not start in nested namespaces, and is not what is tested.
    if (agent == "codex")
        return {"exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", prompt};
    return {"run", prompt};
}

}  // namespace capsule::e2e
