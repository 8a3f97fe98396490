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
#include <system_error>

#include "daemon/process/child.hpp"
#include "daemon/process/closing_thread.hpp"
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
        if (closing) closing->close(from.release());
    }

    asio::posix::stream_descriptor from;
    bool is_socket;
    std::size_t limit;
    std::shared_ptr<ClosingThread> closing;  ///< none: no descriptors can be in it
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
    Run(const asio::any_io_executor& executor, std::chrono::milliseconds limit) : timer(executor, limit) {}

    std::shared_ptr<Child> child;
    std::shared_ptr<Output> out;
    std::shared_ptr<Output> err;
    UniqueFd report;
    asio::steady_timer timer;
    std::optional<int> exit_code;

    void stop_reading() {
        out->stop();
        err->stop();
    }

    struct Report {
        int start_error = 0;  ///< errno of what kept the helper from running the program; 0: nothing
        int left = 0;         ///< processes that the program left, and that were killed
    };
    Report read_report() const {
        Report told;
        int each = 0;
        while (::read(report.get(), &each, sizeof each) == sizeof each)
            (each < 0 ? told.left : told.start_error) = std::abs(each);
        return told;
    }
};

asio::awaitable<void> ended_or_timeout(std::shared_ptr<Run> run) {
    using namespace asio::experimental::awaitable_operators;
    boost::system::error_code ignored;
    co_await (run->child->ended() || run->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored)));
}

/// A killed program that does not end (the kernel waits for something on its behalf) is nobody's to wait for.
asio::awaitable<void> reap_when_it_ends(std::shared_ptr<Child> child) {
    co_await child->ended();
    child->reap();
}

asio::awaitable<void> watch(std::shared_ptr<Run> run) {
    co_await ended_or_timeout(run);
    const bool in_time = run->child->has_ended();
    // Before it is reaped, for as long as the group's number is its own.
    run->child->kill_all();
    if (in_time) run->exit_code = run->child->reap();
    run->timer.expires_after(grace);
    if (!in_time) {
        co_await ended_or_timeout(run);
        if (!run->child->reap())
            asio::co_spawn(run->timer.get_executor(), reap_when_it_ends(run->child), asio::detached);
        run->stop_reading();
        co_return;
    }
    // Somebody who has left the group, or taken a copy of the descriptor, may keep the pipes open for good.
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

RunPlan plan_of(SubprocessRequest& request) {
    RunPlan plan{std::move(request.argv), std::move(request.env), std::move(request.directory)};
    if (request.user) plan.identity = RunIdentity{request.user->uid, request.user->gid, request.user->groups};
    return plan;
}

std::shared_ptr<Run> start(SubprocessRequest& request, const asio::any_io_executor& executor, ChildPipes& pipes) {
    const auto run = std::make_shared<Run>(executor, request.limit);
    run->child = Child::start(plan_of(request), executor, pipes);
    if (!run->child) return nullptr;
    const bool are_sockets = request.user.has_value();
    run->out = std::make_shared<Output>(executor, pipes.out, are_sockets, request.output_limit);
    run->err = std::make_shared<Output>(executor, pipes.err, are_sockets, request.output_limit);
    run->report = std::move(pipes.report);
    return run;
}

}  // namespace

SubprocessRunner::SubprocessRunner(OnLeft on_left) : on_left_(std::move(on_left)) {
    prepare_to_start_children();
}

asio::awaitable<Result<SubprocessResult>> SubprocessRunner::run(SubprocessRequest request) {
    const Error stopping{ErrorCode::server_stopping, "the daemon is stopping", "try again when it is back"};
    if (stopping_) co_return stopping;
    const std::string program = request.argv.at(0);
    const auto executor = co_await asio::this_coro::executor;
    ChildPipes pipes;
    const auto run = start(request, executor, pipes);
    if (!run) co_return cannot_start(program, errno);
    if (!pipes.refuse_descriptors) {
        try {
            if (!closing_) closing_ = std::make_shared<ClosingThread>(executor);
        } catch (const std::system_error&) {
            run->child->kill_all();
            asio::co_spawn(executor, reap_when_it_ends(run->child), asio::detached);
            co_return cannot_start(program, EAGAIN);
        }
        run->out->closing = run->err->closing = closing_;
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
    const auto report = run->read_report();
    if (report.left > 0 && request.user && on_left_) on_left_(program, *request.user, report.left);
    if (stopping_) co_return stopping;
    if (!run->exit_code) co_return too_late(program, request.limit);
    if (report.start_error != 0) co_return cannot_start(program, report.start_error);
    co_return SubprocessResult{*run->exit_code, std::move(run->out->text), std::move(run->err->text)};
}

void SubprocessRunner::stop() {
    stopping_ = true;
    for (const auto& child : running_)
        child->kill_all();
}

}  // namespace capsule
