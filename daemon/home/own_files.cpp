#include "daemon/home/own_files.hpp"

#include <linux/close_range.h>
#include <signal.h>
#include <unistd.h>

#include <limits>

#include "daemon/process/interrupt.hpp"

namespace capsule {
namespace {

constexpr int first_of_others = STDERR_FILENO + 1;

/// With close_range(), as the usual filters of containers allow that and not unshare(). What is above is not copied.
bool unshare_files_up_to(int last) {
    return ::close_range(static_cast<unsigned int>(last) + 1, std::numeric_limits<unsigned int>::max(),
                         CLOSE_RANGE_UNSHARE) == 0;
}

/// A handler tells the loop by a pipe, which this thread is about to close: a SIGTERM that came here would be lost.
void leave_signals_to_others() {
    sigset_t all;
    ::sigfillset(&all);
    ::sigdelset(&all, interrupting_signal());
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

bool take_own_files(int kept) {
    leave_signals_to_others();
    if (!unshare_files_up_to(kept)) return false;
    if (kept > first_of_others)
        ::close_range(static_cast<unsigned int>(first_of_others), static_cast<unsigned int>(kept) - 1, 0);
    return true;
}

}  // namespace capsule
