#include "daemon/sessions/authorities.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "daemon/broker/control.hpp"
#include "daemon/sessions/broker_end.hpp"
#include "protocol/framing.hpp"
#include "protocol/own_signals.hpp"
#include "protocol/trusted_path.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// To read as many as there may be takes seconds.
constexpr std::chrono::seconds checked_within{20};
constexpr std::size_t piece_of_words = 4 * 1024;
constexpr const char* name_another = "name a PEM file with the certificates of the authorities to trust";

Error bad_file(ErrorCode code, const std::string& path, const std::string& what, std::string hint) {
    return {code, "[broker] ca_file: " + path + ": " + what, std::move(hint)};
}

Error unreadable(const std::string& path, int error) {
    return bad_file(ErrorCode::io_error, path, std::generic_category().message(error),
                    "name a file with certificates that the daemon's user can read");
}

/// Ends the program where nobody waits for it any more.
struct Checker {
    pid_t pid;
    explicit Checker(pid_t of) : pid(of) {}
    Checker(const Checker&) = delete;
    Checker& operator=(const Checker&) = delete;
    ~Checker() {
        if (pid > 0 && signal_child(pid, SIGKILL)) ::waitpid(pid, nullptr, 0);
    }
};

/// Its last words; none: it had none.
asio::awaitable<std::optional<broker::Failed>> listen_to(UniqueFd control) {
    asio::local::stream_protocol::socket socket(co_await asio::this_coro::executor, asio::local::stream_protocol(),
                                                control.release());
    asio::steady_timer limit(socket.get_executor(), checked_within);
    limit.async_wait([&socket](boost::system::error_code error) {
        boost::system::error_code ignored;
        if (!error) socket.close(ignored);
    });
    LineReader lines;
    std::optional<broker::Failed> said;
    while (!lines.too_long()) {
        const auto room = lines.room(piece_of_words);
        boost::system::error_code error;
        const std::size_t size = co_await socket.async_read_some(asio::buffer(room.data(), room.size()),
                                                                 asio::redirect_error(asio::use_awaitable, error));
        if (error) break;
        lines.added(size);
        while (const auto line = lines.next())
            if (auto message = broker::read_from_broker(*line))
                if (auto* failed = std::get_if<broker::Failed>(&*message)) said = std::move(*failed);
    }
    limit.cancel();
    co_return said;
}

}  // namespace

Result<std::string> read_authorities(const std::string& path) {
    const FoundFile found = open_trusted(path, S_IFREG);
    if (const auto& problem = found.untrusted)
        return bad_file(ErrorCode::config_conflict, path, "not read: " + problem->component + " " + problem->why,
                        problem->cure());
    if (found.error != 0) return unreadable(path, found.error);
    if (!found.fd) return bad_file(ErrorCode::config_conflict, path, "this is no regular file", name_another);
    std::string text(max_authorities_bytes + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(found.fd.get(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return unreadable(path, errno);
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > max_authorities_bytes)
        return bad_file(ErrorCode::config_conflict, path, "this is larger than 8 MiB", name_another);
    text.resize(size);
    return text;
}

asio::awaitable<Result<void>> check_authorities(std::string path, std::string authorities,
                                                std::optional<BrokerIdentity> identity) {
    const auto not_checked = [&](const Error& why) {
        return bad_file(why.code, path, "it cannot be checked: " + why.message, why.hint);
    };
    const auto program = broker_program();
    if (!program) co_return not_checked(program.error());
    auto started = start_authorities_check(*program, authorities, identity);
    if (!started) co_return not_checked(started.error());
    Checker checker(started->pid);
    const auto said = co_await listen_to(std::move(started->control));
    const auto status = co_await reap(checker.pid, broker_ends_within);
    checker.pid = 0;
    if (status == 0) co_return Result<void>();
    const Error why = why_it_ended(said, status);
    if (!said) co_return not_checked(why);
    co_return bad_file(ErrorCode::config_conflict, path, why.message, why.hint);
}

}  // namespace capsule
