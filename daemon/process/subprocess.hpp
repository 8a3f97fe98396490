// Runs a program and waits for it without holding up anybody else.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocol/common_messages.hpp"
#include "protocol/errors.hpp"

namespace capsule {

class Child;
class ClosingThreads;

/// So many programs of an asker's may have ended and left something that is not ended yet.
inline constexpr std::size_t most_left_of_an_asker = 4;

/// The cure of EAGAIN, where no process or thread can be made.
inline constexpr const char* no_more_processes =
    "see which processes take up the places: TasksMax= of the service, the container's pids limit, or ulimit -u";

struct SubprocessRequest {
    std::vector<std::string> argv;  ///< argv[0] is an absolute path
    std::map<std::string, std::string> env;
    std::string directory = "/";
    std::optional<SessionUser> user;  ///< whom the program runs as; none: the daemon's own user
    std::optional<uid_t> asked_by;    ///< for whom: what is not ended yet counts for that one
    std::chrono::milliseconds limit{10'000};
    std::size_t output_limit = 8 * 1024 * 1024;  ///< bytes of stdout and of stderr; more is cut
    /// Told when another user's program has left processes running, which were killed.
    std::function<void(int killed)> on_left;
};

struct SubprocessResult {
    int exit_code = 0;  ///< 128 + n when a signal n ended it
    std::string out;
    std::string err;
};

/// Knows the programs that run, so that a stopping daemon can end them.
class SubprocessRunner {
  public:
    SubprocessRunner();

    /// Ends with the program, and a moment after the limit at the latest, whatever the program, its children or its
    /// user do: what else has its pipes open is not waited for. Its process group is killed when it ends, and of
    /// another user's program all that it has started. Fails with
    /// io.error: it cannot be started (errno's text), or it ran into its limit; with server.overloaded:
    /// has_left_too_much(). A program that ends with a status other than 0 is a result, not a failure.
    boost::asio::awaitable<Result<SubprocessResult>> run(SubprocessRequest request);

    /// Whether most_left_of_an_asker programs of this one's have left what is not ended yet.
    bool has_left_too_much(uid_t asker) const;

    /// Kills what runs; their run() returns at once with server.stopping, and so does every later one.
    void stop();

  private:
    /// How many programs of each asker's.
    using Counts = std::map<uid_t, std::size_t>;

    std::set<std::shared_ptr<Child>> running_;
    std::shared_ptr<Counts> left_ = std::make_shared<Counts>();
    std::shared_ptr<ClosingThreads> closing_;  ///< none: no program could send descriptors yet
    bool stopping_ = false;
};

}  // namespace capsule
