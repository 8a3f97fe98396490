#include "daemon/handlers/asking_process.hpp"

#include <signal.h>

#include <cerrno>

namespace capsule {
namespace asio = boost::asio;
namespace {

/// Some microseconds do, where nobody keeps /proc busy.
constexpr std::chrono::milliseconds look_limit{2000};

const FoundProcess has_ended{nullptr, true};

/// `errno` tells why there is no `end`: 0 if another process has the pid by now.
Result<FoundProcess> watched(const ProcessIdentity& identity, std::optional<UniqueFd> end) {
    if (end) return FoundProcess{std::make_shared<WatchedProcess>(WatchedProcess{identity, std::move(*end)})};
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
        return Error{ErrorCode::io_error, "no descriptors or no memory are left", "ask again"};
    return errno == 0 || errno == ESRCH || errno == ENOENT ? has_ended : FoundProcess();
}

Result<FoundProcess> by_inode(Caller caller) {
    const ProcessIdentity identity{.pid = caller.pid, .inode = caller.process_inode};
    errno = 0;
    return watched(identity, watch_process(identity));
}

/// The pid is the kernel's word of when it connected: a process that began later is another one, which has got the
/// same number.
Result<FoundProcess> by_start(Caller caller) {
    errno = 0;
    const auto identity = process_by_start(caller.pid);
    if (!identity) {
        // /proc may hide one that lives (hidepid=).
        if (errno == ENOENT && (::kill(caller.pid, 0) == 0 || errno == EPERM)) return FoundProcess();
        return watched({}, std::nullopt);
    }
    if (identity->started > caller.connected_at) return has_ended;
    return watched(*identity, watch_process(*identity));
}

}  // namespace

asio::awaitable<Result<FoundProcess>> asking_process(Services& services, Caller caller) {
    if (caller.pid <= 0) co_return FoundProcess();  // the kernel names processes of other PID namespaces so
    if (caller.process_inode != 0) co_return by_inode(caller);
    auto found =
        co_await services.process_worker().run([caller] { return by_start(caller); }, look_limit, caller.counted_as());
    if (!found)
        co_return Error{ErrorCode::io_error, "which process asks could not be found out",
                        "another user's process may keep /proc busy, the machine may be loaded, or no descriptors are "
                        "left (LimitNOFILE=, ulimit -n): ask again"};
    co_return found;
}

}  // namespace capsule
