#include "daemon/home/change_watch.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <list>

namespace capsule {
namespace {

constexpr std::uint32_t of_directory =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_DONT_FOLLOW;
constexpr std::uint32_t of_file = IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_DONT_FOLLOW;

constexpr std::size_t most_watches = 4096;  ///< the kernel's own default is 8192 for all of a user's programs
constexpr int most_links = 40;              ///< as the kernel has it

/// File systems whose every change goes through this kernel. Magic numbers of statfs(2); the last two are not in
/// linux/magic.h.
constexpr std::array<std::uint32_t, 10> local_file_systems{
    EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,       BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,     TMPFS_MAGIC,
    RAMFS_MAGIC,      OVERLAYFS_SUPER_MAGIC, SQUASHFS_MAGIC,    0x2fc12fc1 /* ZFS */, 0xca451a4e /* bcachefs */};

std::list<std::string> parts_of(std::string_view path) {
    std::list<std::string> parts;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        if (end > 0 && path.substr(0, end) != ".") parts.emplace_back(path.substr(0, end));
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return parts;
}

std::string target_of(const std::string& link) {
    std::string target(PATH_MAX, '\0');
    const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
    target.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return target;
}

void add_to(int epoll, int descriptor, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = descriptor;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

}  // namespace

ChangeWatch::ChangeWatch()
    : ready_(::epoll_create1(EPOLL_CLOEXEC)), mounts_(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)) {
    // A mount hides files without an event of theirs; the kernel marks this file at each.
    if (ready_ && mounts_) add_to(ready_.get(), mounts_.get(), EPOLLPRI | EPOLLET);
    open();
}

ChangeWatch::~ChangeWatch() = default;

void ChangeWatch::open() {
    if (!ready_ || !mounts_) return;
    events_ = UniqueFd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (events_) add_to(ready_.get(), events_.get(), EPOLLIN);
}

void ChangeWatch::note() {
    ++revision_;
    if (on_change_) on_change_();
}

void ChangeWatch::look() {
    looked_ = true;
    std::array<epoll_event, 2> ready;
    const int count = ::epoll_wait(ready_.get(), ready.data(), static_cast<int>(ready.size()), 0);
    bool changed = false;
    for (int i = 0; i < count; ++i)
        changed = ready[static_cast<std::size_t>(i)].data.fd == mounts_.get() || read_events() || changed;
    if (!changed) return;
    note();
    const std::lock_guard lock(mutex_);
    // What a path leads to is to be found out anew.
    watched_.clear();
    devices_.clear();
    if (!full_) return;
    names_.clear();
    full_ = false;
    open();
}

/// All that wait; whether one of them counts.
bool ChangeWatch::read_events() {
    const std::lock_guard lock(mutex_);
    alignas(inotify_event) std::array<char, 16 * 1024> buffer;
    bool counts = false;
    for (;;) {
        const ssize_t size = ::read(events_.get(), buffer.data(), buffer.size());
        if (size <= 0) return counts;
        for (ssize_t at = 0; at < size;) {
            const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
            const std::string_view name = event->len > 0 ? std::string_view(event->name) : std::string_view();
            counts = counts || concerns(event->wd, name);
            if ((event->mask & IN_IGNORED) != 0) names_.erase(event->wd);
            at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
        }
    }
}

/// A directory's other entries do not matter. Without a name it is the watched thing itself; an unknown watch is the
/// queue's overflow, or one that is being added just now.
bool ChangeWatch::concerns(int watch, std::string_view name) {
    const auto found = names_.find(watch);
    return name.empty() || found == names_.end() || found->second.contains(name);
}

bool ChangeWatch::watch(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (watched_.contains(path)) return true;
    if (!events_ || full_ || !path.starts_with('/') || !follow(path)) return false;
    watched_.insert(path);
    return true;
}

/// Each step is watched before it is looked at, so that a change in between has its event.
bool ChangeWatch::follow(const std::string& path) {
    std::list<std::string> rest = parts_of(path);
    std::string at;  // without links; empty: the root
    int links = 0;
    while (!rest.empty()) {
        const std::string name = std::move(rest.front());
        rest.pop_front();
        if (name == "..") {
            at.erase(std::min(at.rfind('/'), at.size()));
            continue;
        }
        const std::string next = at + "/" + name;
        const bool added = add(at.empty() ? "/" : at, name, of_directory);
        struct stat status {};
        const int problem = ::lstat(next.c_str(), &status) == 0 ? 0 : errno;
        // What is in a directory that is closed to us does not concern us, and its parent tells when it opens.
        if (problem == EACCES) return tells_of_all_changes(at.empty() ? "/" : at);
        if (!added) return false;
        if (problem == ENOENT) return true;
        if (problem != 0) return false;
        if (S_ISLNK(status.st_mode)) {
            const std::string target = target_of(next);
            if (++links > most_links || target.empty()) return false;
            if (target.starts_with('/')) at.clear();
            rest.splice(rest.begin(), parts_of(target));
        } else if (S_ISDIR(status.st_mode)) {
            at = next;
        } else {
            return add(next, {}, of_file);
        }
    }
    return add(at.empty() ? "/" : at, {}, of_directory);
}

bool ChangeWatch::add(const std::string& place, const std::string& name, std::uint32_t mask) {
    if (!tells_of_all_changes(place)) return false;
    const int watch = ::inotify_add_watch(events_.get(), place.c_str(), mask);
    if (watch < 0) {
        full_ = full_ || errno == ENOSPC;
        return false;
    }
    auto& names = names_[watch];
    if (!name.empty()) names.insert(name);
    full_ = full_ || names_.size() > most_watches;
    return !full_;
}

bool ChangeWatch::tells_of_all_changes(const std::string& place) {
    struct stat status {};
    if (::lstat(place.c_str(), &status) != 0) return false;
    const auto [known, first] = devices_.try_emplace(status.st_dev, false);
    if (first) {
        struct statfs system {};
        const bool found = ::statfs(place.c_str(), &system) == 0;
        known->second = found && std::ranges::find(local_file_systems, static_cast<std::uint32_t>(system.f_type)) !=
                                     local_file_systems.end();
    }
    return known->second;
}

}  // namespace capsule
