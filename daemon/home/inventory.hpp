// Which agents are installed, in which version, and what they say of their models. Looked up anew for every spawn;
// programs are run at most once per installed binary.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/agents/session.hpp"
#include "daemon/home/asked_models.hpp"
#include "daemon/home/worker.hpp"
#include "daemon/process/subprocess.hpp"
#include "protocol/agents.hpp"

namespace capsule {

/// An installed binary. Two that compare equal are the same file with the same content.
struct AgentBinary {
    std::string path;           ///< as found in PATH, absolute
    std::string identity;       ///< of the file behind all links: device, inode, size, times
    uid_t user;                 ///< as whom it runs: what it says of itself is up to that user, who may trace it
    std::string path_variable;  ///< the PATH that it was found in, and has when it is run

    std::string key() const { return path + "\n" + identity + "\n" + std::to_string(user); }
    bool operator==(const AgentBinary&) const = default;
};

/// What a search in the PATH gave.
struct BinarySearch {
    std::optional<AgentBinary> binary;
    /// Where none was found: path.unreachable, one of each directory or file whose file system does not answer.
    std::vector<Warning> unreachable;
};

/// The first executable regular file of that name in `path` (PATH's value; entries that are not absolute are passed
/// over). What cannot be looked at is passed over, too, as a shell does it. Throws Failure with io.error for want of
/// descriptors, memory or time: then nobody knows. Runs under the session user's identity: call it through the
/// HomeWorker. `user` is that one. What is to be run must have been found in a `path` that the user chose, or who may
/// run programs as that user anyway.
BinarySearch find_binary(std::string_view path, std::string_view name, uid_t user);

/// For whom an agent's program is run, and on which thread that user's files are made and removed.
struct AgentPlace {
    SessionHome home;
    std::shared_ptr<HomeWorker> worker;
    uid_t asker;  ///< who wants to know: what it costs takes that one's turns
};

/// What is known of installed programs' models.
struct KnownModels {
    std::shared_ptr<const std::map<std::string, ModelList>> by_binary;  ///< with the PATH that it had

    ModelList of(const AgentBinary& binary) const;
};

class AgentInventory {
  public:
    /// Programs get a home below `temporary`, else below /tmp.
    /// One that a busy machine kept from telling its version is asked again `version_again` later.
    AgentInventory(boost::asio::any_io_executor executor, SubprocessRunner& subprocesses, std::string temporary,
                   std::chrono::milliseconds version_again = std::chrono::minutes(1))
        : executor_(std::move(executor)),
          subprocesses_(subprocesses),
          temporary_(std::move(temporary)),
          version_again_(version_again) {}

    /// The version of a binary if it is known; otherwise begins to find out and gives none. Never waits. Of one agent
    /// one binary is asked at a time, and after one that did not tell none for `version_pause`: whoever may replace the
    /// binary could otherwise have as many programs run, and lines logged, as he likes. One that ended with an error is
    /// not asked again; one that was killed, ran into the time limit, or could not be run is, a minute later.
    std::optional<std::string> version(Agent agent, const AgentBinary& binary, const AgentPlace& place);

    /// Why a binary did not tell its version, as a part of a sentence; empty: it did, or was not asked yet. Never
    /// waits.
    std::string version_problem(const AgentBinary& binary) const;

    /// The models of an installed agent that has a list of them (AgentDescriptor::model_list). Waits for the program.
    /// What it told is remembered for all: of each asker some binaries are, and who asks for many others makes nobody
    /// else's forgotten. Until then each asker has it run in its own turns, as how long they take is up to the asker.
    boost::asio::awaitable<ModelList> models(Agent agent, AgentBinary binary, AgentPlace place);

    /// What models() found earlier. Never waits.
    KnownModels known_models() const;

    /// Waits until what programs were given for a home is gone again, and no longer than `until`. Once their runner has
    /// stopped that takes a moment, or as long as whoever has the directory likes.
    boost::asio::awaitable<void> finish(std::chrono::steady_clock::time_point until);

    static constexpr std::chrono::seconds version_pause{10};

  private:
    boost::asio::awaitable<void> find_version(Agent agent, std::string key, AgentBinary binary, AgentPlace place);
    enum class Told { version, problem, nothing, not_asked };
    boost::asio::awaitable<Told> ask_version(std::string key, AgentBinary binary, AgentPlace place);
    struct ReadyToRun {
        std::string directory;      ///< its home
        std::string path_variable;  ///< its PATH
    };
    /// Where the program may be run. One that would run as root may not if another user can change it, and has no entry
    /// of the PATH that another user can change: access.denied, with the cure.
    boost::asio::awaitable<Result<ReadyToRun>> make_ready(AgentBinary binary, AgentPlace place);
    static boost::asio::awaitable<void> remove_home(AgentPlace place, std::string directory,
                                                    std::shared_ptr<const char> has_home);
    boost::asio::awaitable<ModelList> judge_printed(Agent agent, std::string printed, AgentBinary binary,
                                                    AgentPlace place, std::string directory);
    boost::asio::awaitable<ModelList> look_for_models(Agent agent, AgentBinary binary, AgentPlace place,
                                                      std::string directory);
    boost::asio::awaitable<ModelList> ask_for_models(Agent agent, AgentBinary binary, AgentPlace place);

    boost::asio::any_io_executor executor_;
    SubprocessRunner& subprocesses_;
    std::string temporary_;
    std::chrono::milliseconds version_again_;
    std::map<std::string, std::optional<std::string>> versions_;         ///< by path and identity; none: unknown
    std::map<std::string, std::string> version_problems_;                ///< by the same
    std::map<Agent, std::chrono::steady_clock::time_point> not_before_;  ///< when the next binary may be asked
    AskedModels asked_models_;
    /// Shared by everybody who has made such a home, or is about to.
    std::shared_ptr<const char> homes_ = std::make_shared<const char>('\0');
};

}  // namespace capsule
