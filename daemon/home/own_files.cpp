#include "daemon/home/own_files.hpp"

#include <dirent.h>
#include <linux/close_range.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "daemon/process/interrupt.hpp"

namespace capsule {
namespace {

/// With close_range(), as the usual filters of containers allow that and not unshare(); it closes nothing.
bool unshare_files() {
    constexpr unsigned int above_all = std::numeric_limits<int>::max();
    return ::close_range(above_all, above_all, CLOSE_RANGE_UNSHARE) == 0;
}

/// A thread that tells the loop of its job's end calls epoll_ctl() for its eventfd.
bool wakes_a_loop(std::string_view file) {
    return file == "anon_inode:[eventpoll]" || file == "anon_inode:[eventfd]";
}

/// A handler tells the loop by a pipe, which this thread is about to close: a SIGTERM that came here would be lost.
void leave_signals_to_others() {
    sigset_t all;
    ::sigfillset(&all);
    ::sigdelset(&all, interrupting_signal());
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

bool take_own_files() {
    leave_signals_to_others();
    if (!unshare_files()) return false;
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir("/proc/thread-self/fd"), ::closedir);
    if (!listing) return true;  // without /proc the copies stay; what this thread opens is its own all the same
    std::vector<int> others;
    while (const dirent* entry = ::readdir(listing.get())) {
        const std::string_view name = entry->d_name;
        int descriptor = -1;
        std::from_chars(name.data(), name.data() + name.size(), descriptor);
        if (descriptor <= STDERR_FILENO || descriptor == ::dirfd(listing.get())) continue;
        std::array<char, 64> file{};
        const ssize_t size = ::readlinkat(::dirfd(listing.get()), entry->d_name, file.data(), file.size());
        if (!wakes_a_loop({file.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))}))
            others.push_back(descriptor);
    }
    for (const int descriptor : others)
        ::close(descriptor);
    return true;
}

}  // namespace capsule
