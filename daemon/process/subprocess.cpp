#include "daemon/process/subprocess.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <system_error>

namespace capsule {
namespace asio = boost::asio;
namespace {

struct Pipe {
    int read_end = -1;
    int write_end = -1;

    Pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) == 0) {
            read_end = ends[0];
            write_end = ends[1];
        }
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() {
        if (read_end >= 0) ::close(read_end);
        close_write_end();
    }
    bool good() const { return read_end >= 0; }
    int take_read_end() { return std::exchange(read_end, -1); }
    void close_write_end() {
        if (write_end >= 0) ::close(std::exchange(write_end, -1));
    }
};

/// What the child needs, made before the fork: it may only call async-signal-safe functions.
struct Image {
    std::vector<char*> argv;
    std::vector<std::string> env_texts;
    std::vector<char*> env;
    std::vector<gid_t> groups;

    explicit Image(SubprocessRequest& request) {
        for (std::string& argument : request.argv) argv.push_back(argument.data());
        argv.push_back(nullptr);
        for (const auto& [name, value] : request.env) env_texts.push_back(name + "=" + value);
        for (std::string& text : env_texts) env.push_back(text.data());
        env.push_back(nullptr);
        if (request.user) groups.assign(request.user->groups.begin(), request.user->groups.end());
    }
};

[[noreturn]] void become_program(const SubprocessRequest& request, const Image& image, int out, int err, int report) {
    const auto fail = [&] {
        const int error = errno;
        [[maybe_unused]] const auto written = ::write(report, &error, sizeof error);
        ::_exit(127);
    };
    ::setsid();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int signal : {SIGPIPE, SIGHUP, SIGTERM, SIGINT}) ::signal(signal, SIG_DFL);
    const int null = ::open("/dev/null", O_RDONLY);
    if (::dup2(null, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) fail();
    // Whatever the daemon itself was started with open stays with the daemon. (The report's end closes with the exec.)
    if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) fail();
    if (request.user) {
        if (::setgroups(image.groups.size(), image.groups.data()) != 0) fail();
        if (::setresgid(request.user->gid, request.user->gid, request.user->gid) != 0) fail();
        if (::setresuid(request.user->uid, request.user->uid, request.user->uid) != 0) fail();
    }
    if (::chdir(request.directory.c_str()) != 0) fail();
    ::execve(image.argv[0], image.argv.data(), image.env.data());
    fail();
    ::_exit(127);
}

asio::awaitable<std::string> read_all(asio::posix::stream_descriptor from, std::size_t limit) {
    std::string text;
    std::array<char, 16384> chunk{};
    for (;;) {
        boost::system::error_code error;
        const std::size_t count =
            co_await from.async_read_some(asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, error));
        text.append(chunk.data(), std::min(count, limit - text.size()));
        if (error) co_return text;
    }
}

/// Waits for the child, and ends whatever is left of its process group, so that nothing keeps the pipes open.
asio::awaitable<int> wait_for(asio::posix::stream_descriptor pidfd, pid_t pid) {
    boost::system::error_code error;
    co_await pidfd.async_wait(asio::posix::stream_descriptor::wait_read,
                              asio::redirect_error(asio::use_awaitable, error));
    ::kill(-pid, SIGKILL);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    co_return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Error cannot_start(const std::string& program, int error) {
    return {ErrorCode::io_error, "cannot run " + program + ": " + std::generic_category().message(error),
            "check that it is installed and that the session's user may run it"};
}

}  // namespace

asio::awaitable<Result<SubprocessResult>> SubprocessRunner::run(SubprocessRequest request) {
    const std::string program = request.argv.at(0);
    const Error stopping{ErrorCode::server_stopping, "the daemon is stopping", "try again when it is back"};
    if (stopping_) co_return stopping;

    Pipe out, err, report;
    if (!out.good() || !err.good() || !report.good()) co_return cannot_start(program, errno);
    Image image(request);
    const pid_t pid = ::fork();
    if (pid == 0) become_program(request, image, out.write_end, err.write_end, report.write_end);
    if (pid < 0) co_return cannot_start(program, errno);
    out.close_write_end();
    err.close_write_end();
    report.close_write_end();
    // Blocks only until the exec: the pipe closes with it.
    int child_error = 0;
    if (::read(report.read_end, &child_error, sizeof child_error) == sizeof child_error) {
        ::waitpid(pid, nullptr, 0);
        co_return cannot_start(program, child_error);
    }

    const auto executor = co_await asio::this_coro::executor;
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (pidfd < 0) {
        const int error = errno;
        ::kill(-pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        co_return cannot_start(program, error);
    }
    running_.insert(pid);
    bool late = false;
    asio::steady_timer limit(executor, request.limit);
    limit.async_wait([&late, pid](boost::system::error_code error) {
        if (error) return;
        late = true;
        ::kill(-pid, SIGKILL);
    });
    using namespace asio::experimental::awaitable_operators;
    auto [exit_code, out_text, err_text] = co_await (
        wait_for(asio::posix::stream_descriptor(executor, pidfd), pid) &&
        read_all(asio::posix::stream_descriptor(executor, out.take_read_end()), request.output_limit) &&
        read_all(asio::posix::stream_descriptor(executor, err.take_read_end()), request.output_limit));
    limit.cancel();
    running_.erase(pid);
    if (stopping_) co_return stopping;
    if (late)
        co_return Error{ErrorCode::io_error,
                        program + " did not finish within " + std::to_string(request.limit.count() / 1000) + " s",
                        "run it by hand to see what it waits for"};
    co_return SubprocessResult{exit_code, std::move(out_text), std::move(err_text)};
}

void SubprocessRunner::stop() {
    stopping_ = true;
    for (const int group : running_) ::kill(-group, SIGKILL);
}

}  // namespace capsule
