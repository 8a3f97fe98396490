#include "daemon/handlers/asking_process.hpp"

#include <cerrno>

namespace capsule {
namespace asio = boost::asio;
namespace {

using Process = std::shared_ptr<WatchedProcess>;

/// Some microseconds do, where nobody keeps /proc busy.
constexpr std::chrono::milliseconds look_limit{2000};

/// Null: it has ended. `errno` tells why there is no `end`.
Result<Process> watched(const ProcessIdentity& identity, std::optional<UniqueFd> end) {
    if (end) return std::make_shared<WatchedProcess>(WatchedProcess{identity, std::move(*end)});
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
        return Error{ErrorCode::io_error, "no descriptors or no memory are left", "ask again"};
    return Process();
}

Result<Process> by_inode(Caller caller) {
    const ProcessIdentity identity{.pid = caller.pid, .inode = caller.process_inode};
    errno = 0;
    return watched(identity, watch_process(identity));
}

/// The pid is the kernel's word of when it connected: a process that began later is another one, which has got the
/// same number.
Result<Process> by_start(Caller caller) {
    errno = 0;
    const auto identity = process_by_start(caller.pid);
    if (!identity) return watched({}, std::nullopt);
    if (identity->started > caller.connected_at) return Process();
    return watched(*identity, watch_process(*identity));
}

}  // namespace

asio::awaitable<Result<Process>> asking_process(Services& services, Caller caller) {
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
