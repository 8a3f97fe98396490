#include "daemon/sessions/broker_end.hpp"

#include <signal.h>
#include <spdlog/fmt/fmt.h>
#include <sys/wait.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

#include "protocol/own_signals.hpp"
#include "protocol/utf8.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// How long the kernel may take to end a process before it is looked at again.
constexpr std::chrono::milliseconds reap_again{5};
/// Of a message: who has taken a broker over writes it.
constexpr std::size_t most_said = 500;

}  // namespace

asio::awaitable<std::optional<int>> reap(pid_t pid, std::chrono::milliseconds patience) {
    using Clock = std::chrono::steady_clock;
    asio::steady_timer timer(co_await asio::this_coro::executor);
    const auto limit = Clock::now() + patience;
    int status = 0;
    bool killed = false;
    while (::waitpid(pid, &status, WNOHANG) == 0) {
        if (!killed && Clock::now() >= limit) killed = signal_child(pid, SIGKILL);
        timer.expires_after(reap_again);
        boost::system::error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    co_return killed ? std::nullopt : std::optional(status);
}

Error why_it_ended(const std::optional<broker::Failed>& said, std::optional<int> status) {
    if (said)
        return {ErrorCode::io_error, readable_text(said->message, most_said), readable_text(said->hint, most_said)};
    if (status && WIFSIGNALED(*status)) {
        const int signal = WTERMSIG(*status);
        const char* name = ::sigdescr_np(signal);
        return {ErrorCode::io_error,
                fmt::format("it was ended by signal {} ({})", signal, name ? name : "without a name"),
                "see in the system's log whether memory ran out, or who ended it"};
    }
    if (status)
        return {ErrorCode::io_error, fmt::format("it ended with status {}", WEXITSTATUS(*status)),
                "see whether capsule-broker --version says the same version as capsuled --version"};
    return {ErrorCode::io_error, "it closed its connection to capsuled",
            "see whether capsule-broker --version says the same version as capsuled --version"};
}

}  // namespace capsule
