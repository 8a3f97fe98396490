// A program that was started, until it is reaped: known by a pidfd, so that no signal ever meets another process.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <optional>

#include "daemon/process/run_as.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {

/// The daemon's ends of what a program writes to. Nonblocking.
struct ChildPipes {
    /// Of another user's program they are Unix sockets: while somebody writes to a pipe, the kernel holds its lock
    /// until it has copied what is written, which takes as long as the writer's memory lets it, and whoever reads
    /// waits.
    UniqueFd out;
    UniqueFd err;
    bool refuse_descriptors = true;  ///< false: the program may send some along (sent_descriptors.hpp)
    UniqueFd report;                 ///< RunReports come here
};

/// Opens this program's own file, which is in /proc, where another user may keep it waiting: to be called before that
/// keeps anybody else waiting, too.
void prepare_to_start_children();

class Child {
  public:
    /// Starts the helper of run_as.hpp, which becomes the program, in a session and process group of its own. Does not
    /// wait for what the helper does. Null, with errno, when not even that can be started.
    static std::shared_ptr<Child> start(const RunPlan& plan, const boost::asio::any_io_executor& executor,
                                        ChildPipes& pipes);

    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    /// Kills what is left.
    ~Child();

    /// Resumes when the program has ended, or when it is cancelled.
    boost::asio::awaitable<void> ended();

    /// Kills it with its whole process group, and where it is another user's (keeper.hpp) all that it has started.
    /// Until it is reaped no other group can have that number; then this does nothing.
    void kill_all() noexcept;

    /// Whether the program has ended, reaped or not.
    bool has_ended() noexcept;

    /// Takes the exit code of a program that has ended: 128 + n when signal n ended it; none: it still runs.
    std::optional<int> reap() noexcept;

  private:
    Child(pid_t pid, bool kept, boost::asio::posix::stream_descriptor pidfd)
        : pid_(pid), kept_(kept), pidfd_(std::move(pidfd)) {}

    pid_t pid_;
    bool kept_;  ///< it is the program's keeper
    boost::asio::posix::stream_descriptor pidfd_;
    std::optional<int> exit_code_;
};

}  // namespace capsule
