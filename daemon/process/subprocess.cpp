#include "daemon/process/subprocess.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdlib>

#include "daemon/process/child.hpp"
#include "daemon/process/closing_threads.hpp"
#include "daemon/process/sent_descriptors.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// How long a program that has ended may take to have its last words read, and one that was killed to end.
constexpr std::chrono::milliseconds grace{500};

/// What the program writes to one of its pipes.
struct Output {
    Output(const asio::any_io_executor& executor, UniqueFd& pipe, bool a_socket, std::size_t most)
        : from(executor, pipe.get()), is_socket(a_socket), limit(most) {
        pipe.release();
        from.non_blocking(true);
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    ~Output() {
        if (closing) closing->close(from.release(), user);
    }

    asio::posix::stream_descriptor from;
    bool is_socket;
    std::size_t limit;
    std::shared_ptr<ClosingThreads> closing;  ///< none: no descriptors can be in it
    uid_t user = 0;                           ///< whose program it is, where they can
    std::string text;
    bool is_over = false;  ///< what comes from now on is not waited for

    /// Never waits. Where descriptors are sent along, that is the end.
    std::size_t read(std::span<char> room, boost::system::error_code& error) {
        if (is_socket) return receive_now(from.native_handle(), room, error);
        return from.read_some(asio::buffer(room.data(), room.size()), error);
    }

    void stop() {
        is_over = true;
        boost::system::error_code ignored;
        from.cancel(ignored);
    }
};

/// Reads to the end, or until it is over; then what is there by now.
asio::awaitable<void> read_all(std::shared_ptr<Output> output) {
    std::array<char, 16384> chunk{};
    boost::system::error_code error;
    while (!output->is_over || output->text.size() < output->limit) {
        if (!output->is_over)
            co_await output->from.async_wait(asio::posix::stream_descriptor::wait_read,
                                             asio::redirect_error(asio::use_awaitable, error));
        const std::size_t count = output->read(chunk, error);
        output->text.append(chunk.data(), std::min(count, output->limit - output->text.size()));
        if (count == 0 && (output->is_over || error != asio::error::would_block)) co_return;
    }
}

/// What one of the daemon's requests waits for.
struct Run {
    Run(const asio::any_io_executor& executor, ChildPipes& pipes, const SubprocessRequest& request)
        : is_kept(request.user.has_value()),
          out(std::make_shared<Output>(executor, pipes.out, is_kept, request.output_limit)),
          err(std::make_shared<Output>(executor, pipes.err, is_kept, request.output_limit)),
          report(executor, pipes.report.get()),
          timer(executor, request.limit) {
        pipes.report.release();
    }

    std::shared_ptr<Child> child;
    bool is_kept;
    std::shared_ptr<Output> out;
    std::shared_ptr<Output> err;
    asio::posix::stream_descriptor report;
    asio::steady_timer timer;
    std::optional<int> exit_code;

    int start_error = 0;            ///< errno of what kept the helper from running the program; 0: nothing
    std::optional<int> told_ended;  ///< the program's status, where its keeper has told it
    int left = 0;                   ///< processes that the program left, and that were killed

    /// Takes what has been reported by now. False: nothing more will be.
    bool read_report() {
        RunReport told{};
        ssize_t count = 0;
        while ((count = ::read(report.native_handle(), &told, sizeof told)) == sizeof told) {
            if (told.what == RunReport::What::cannot_run) start_error = told.value;
            if (told.what == RunReport::What::ended) told_ended = told.value;
            if (told.what == RunReport::What::killed) left = told.value;
        }
        return count < 0 && errno == EAGAIN;
    }

    void stop_reading() {
        if (out) out->stop();
        if (err) err->stop();
    }

    /// Of what it still has to wait for, that is the end alone.
    SubprocessResult take_output() {
        SubprocessResult result{exit_code.value_or(0), std::move(out->text), std::move(err->text)};
        out.reset();
        err.reset();
        return result;
    }
};

/// The program's end: its keeper may have to wait, for whoever keeps /proc busy, until it has ended what is left.
asio::awaitable<void> program_ended(std::shared_ptr<Run> run) {
    boost::system::error_code error;
    bool is_open = run->is_kept;
    while (is_open && !error && !run->told_ended) {
        co_await run->report.async_wait(asio::posix::stream_descriptor::wait_read,
                                        asio::redirect_error(asio::use_awaitable, error));
        if (!error) is_open = run->read_report();
    }
    if (!error && !run->told_ended) co_await run->child->ended();
}

asio::awaitable<void> ended_or_timeout(std::shared_ptr<Run> run) {
    using namespace asio::experimental::awaitable_operators;
    boost::system::error_code ignored;
    co_await (run->child->ended() || run->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored)));
}

asio::awaitable<void> program_ended_or_timeout(std::shared_ptr<Run> run) {
    using namespace asio::experimental::awaitable_operators;
    boost::system::error_code ignored;
    co_await (program_ended(run) || run->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored)));
}

/// One of so many programs of the asker's, while it lives.
class Counted {
  public:
    Counted(std::shared_ptr<std::map<uid_t, std::size_t>> counts, std::optional<uid_t> asker)
        : counts_(std::move(counts)), asker_(asker) {
        if (asker_) ++(*counts_)[*asker_];
    }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() {
        if (!asker_) return;
        const auto count = counts_->find(*asker_);
        if (--count->second == 0) counts_->erase(count);
    }

  private:
    std::shared_ptr<std::map<uid_t, std::size_t>> counts_;
    std::optional<uid_t> asker_;
};

/// A keeper that still ends what is left, and a killed program that does not end (the kernel waits for something on its
/// behalf), are nobody's to wait for.
asio::awaitable<void> reap_when_it_ends(std::shared_ptr<Run> run, std::function<void(int)> on_left,
                                        [[maybe_unused]] std::shared_ptr<Counted> counted) {
    co_await run->child->ended();
    run->child->reap();
    run->read_report();
    if (run->left > 0 && on_left) on_left(run->left);
}

asio::awaitable<void> watch(std::shared_ptr<Run> run) {
    co_await program_ended_or_timeout(run);
    const bool in_time = run->told_ended || run->child->has_ended();
    // Before it is reaped, for as long as the group's number is its own.
    run->child->kill_all();
    run->timer.expires_after(grace);
    if (!run->child->has_ended()) co_await ended_or_timeout(run);
    const auto status = run->child->reap();
    if (in_time) run->exit_code = run->told_ended ? run->told_ended : status;
    if (!in_time || !status) {
        run->stop_reading();
        co_return;
    }
    // Somebody who has left the group, or taken a copy of the descriptor, may keep the pipes open for good.
    run->timer.expires_after(grace);
    run->timer.async_wait([run](boost::system::error_code error) {
        if (!error) run->stop_reading();
    });
}

Error cannot_start(const std::string& program, int error) {
    return {ErrorCode::io_error, "cannot run " + program + ": " + std::generic_category().message(error),
            error == EAGAIN ? no_more_processes : "check that it is installed and that the session's user may run it"};
}

Error too_late(const std::string& program, std::chrono::milliseconds limit) {
    return {ErrorCode::io_error, program + " did not finish within " + std::to_string(limit.count() / 1000) + " s",
            "run it by hand to see what it waits for"};
}

Error left_too_much() {
    return {ErrorCode::server_overloaded,
            "what earlier programs of this user's requests have left running is being ended",
            "try again; another user's process may keep /proc busy"};
}

RunPlan plan_of(SubprocessRequest& request) {
    RunPlan plan{std::move(request.argv), std::move(request.env), std::move(request.directory)};
    if (request.user) plan.identity = RunIdentity{request.user->uid, request.user->gid, request.user->groups};
    return plan;
}

std::shared_ptr<Run> start(SubprocessRequest& request, const asio::any_io_executor& executor, ChildPipes& pipes) {
    auto child = Child::start(plan_of(request), executor, pipes);
    if (!child) return nullptr;
    const auto run = std::make_shared<Run>(executor, pipes, request);
    run->child = std::move(child);
    return run;
}

}  // namespace

SubprocessRunner::SubprocessRunner() {
    prepare_to_start_children();
}

asio::awaitable<Result<SubprocessResult>> SubprocessRunner::run(SubprocessRequest request) {
    const Error stopping{ErrorCode::server_stopping, "the daemon is stopping", "try again when it is back"};
    if (stopping_) co_return stopping;
    if (request.asked_by && has_left_too_much(*request.asked_by)) co_return left_too_much();
    const std::string program = request.argv.at(0);
    const auto executor = co_await asio::this_coro::executor;
    ChildPipes pipes;
    const auto run = start(request, executor, pipes);
    if (!run) co_return cannot_start(program, errno);
    if (!pipes.refuse_descriptors) {
        if (!closing_) closing_ = std::make_shared<ClosingThreads>();
        run->out->closing = run->err->closing = closing_;
        run->out->user = run->err->user = request.user->uid;
    }

    running_.insert(run->child);
    try {
        using namespace asio::experimental::awaitable_operators;
        co_await (watch(run) && read_all(run->out) && read_all(run->err));
    } catch (...) {
        running_.erase(run->child);
        throw;
    }
    run->timer.cancel();
    running_.erase(run->child);
    if (!request.user) request.on_left = {};
    run->read_report();
    SubprocessResult result = run->take_output();
    if (!run->child->reap())
        asio::co_spawn(
            executor,
            reap_when_it_ends(run, std::move(request.on_left), std::make_shared<Counted>(left_, request.asked_by)),
            asio::detached);
    else if (run->left > 0 && request.on_left)
        request.on_left(run->left);
    if (stopping_) co_return stopping;
    if (!run->exit_code) co_return too_late(program, request.limit);
    if (run->start_error != 0) co_return cannot_start(program, run->start_error);
    co_return result;
}

bool SubprocessRunner::has_left_too_much(uid_t asker) const {
    const auto count = left_->find(asker);
    return count != left_->end() && count->second >= most_left_of_an_asker;
}

void SubprocessRunner::stop() {
    stopping_ = true;
    for (const auto& child : running_)
        child->kill_all();
}

}  // namespace capsule
