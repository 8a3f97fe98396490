// One home, one repository, the stand-in for every provider, and the real daemon, client and agents.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/recorder/recorder.hpp"
#include "protocol/session_messages.hpp"
#include "protocol/spawn_messages.hpp"
#include "tests/e2e/terminal.hpp"
#include "tests/support/command.hpp"
#include "tests/support/daemon.hpp"
#include "tests/support/temp_dir.hpp"

namespace capsule::e2e {

namespace fs = std::filesystem;

/// Names that lead to the stand-in: the five providers', a custom provider's, where the agents look for models, plugins
/// and packages (a refusal at once is quicker than a name that does not resolve), and the host of hostile settings.
inline const std::vector<std::string> hosts{"api.z.ai",           "api.minimax.io", "api.kimi.com",
                                            "api.anthropic.com",  "api.openai.com", "chatgpt.com",
                                            "api.kimi.ai",        "ab.chatgpt.com", "raw.githubusercontent.com",
                                            "models.opencode.ai", "github.com",     "api.github.com",
                                            "custom.example",     "evil.example"};

/// What one run of an agent did.
struct AgentRun {
    int exit_code = 0;
    std::string out;
    std::string err;
    std::vector<RecordedRequest> requests;
    /// The environment of each process of the run, as last seen in /proc, by "pid program".
    std::map<std::string, std::map<std::string, std::string>> processes;
    std::set<std::string>
        in_memory;                ///< of World::seek, what was there in one of the processes after its first request
    std::size_t memory_seen = 0;  ///< bytes
    std::size_t searches = 0;
};

class World {
  public:
    World();

    const fs::path& home() const { return home_; }
    const fs::path& repository() const { return repository_; }
    /// Texts to look for in the memory of the next runs' processes.
    void seek(std::set<std::string> texts) { sought_ = std::move(texts); }
    /// The certificate of the authority that the stand-in's comes from.
    fs::path authority() const { return directory_ / "ca.pem"; }

    /// Starts the daemon with this capsule.toml and all of daemon_secrets; `without` leaves some of them out.
    void start_daemon(const std::string& capsule_toml = "", const std::set<std::string>& without = {});

    /// `capsulectl exec AGENT --provider PROVIDER -- ARGUMENTS…` in the repository, to its end.
    AgentRun run(const std::string& agent, const std::string& provider, const std::vector<std::string>& arguments);

    /// The same, and ended as soon as `enough` holds: for what an agent does not give up by itself for minutes.
    AgentRun run_until(const std::string& agent, const std::string& provider, const std::vector<std::string>& arguments,
                       const std::function<bool()>& enough);

    /// What spawn answers for a session in the repository. Throws when it is an error.
    SpawnResult spawn(const std::string& agent, const std::string& provider) const;

    /// The agent as a launcher starts it with that answer, the arguments added, in the repository, to its end.
    AgentRun run_answer(const SpawnResult& answer, const std::vector<std::string>& arguments);

    /// What explain says of a session in the repository. Throws when it is an error.
    ExplainResult explain(const std::string& agent, const std::string& provider) const;

    /// What the daemon has logged so far.
    std::string log() const { return daemon_->log(); }

    /// The sessions of the daemon's life, the oldest first. Throws when it does not say.
    std::vector<SessionRow> sessions() const;

    /// capsulectl with these arguments in the repository, to its end.
    test::Outcome capsulectl(const std::vector<std::string>& arguments) const;

    /// A home of which neither daemon nor stand-in knows; empty, unless a test puts something there.
    fs::path empty_home() const { return directory_ / "empty"; }

    /// What an agent prints when it is called so, in the empty home. Throws when it fails.
    std::string output_of(const std::string& agent, std::vector<std::string> arguments) const;

    /// `capsulectl exec AGENT --provider PROVIDER` in the repository, on a screen.
    std::unique_ptr<Terminal> open_terminal(const std::string& agent, const std::string& provider) const;

    /// The requests since the last call or the end of the last run.
    std::vector<RecordedRequest> take_requests();

  private:
    SpawnParams session(const std::string& agent, const std::string& provider) const;
    test::Program exec(const std::string& agent, const std::string& provider) const;
    AgentRun run_program(test::Program program, const std::vector<std::string>& arguments,
                         const std::function<bool()>& enough);

    void search(pid_t child, AgentRun& run) const;

    std::size_t taken_ = 0;
    std::set<std::string> sought_;
    test::TempDir directory_;
    fs::path home_;
    fs::path repository_;
    std::unique_ptr<Recorder> recorder_;
    std::unique_ptr<test::Daemon> daemon_;
};

/// The agent's arguments for one prompt without a person: `-p`, `exec`, `run`; tools may run.
std::vector<std::string> one_shot(const std::string& agent, const std::string& prompt);

}  // namespace capsule::e2e
