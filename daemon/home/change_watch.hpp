// Notices that something has changed which answers are made from: a file or directory, a mount, or what the daemon
// itself knows. So an answer may be given again without looking at all of that again.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "daemon/write/file_access.hpp"

namespace capsule {

class ChangeWatch {
  public:
    /// Where inotify or the list of mounts is not to be had, watch() says no to everything.
    ChangeWatch();
    ChangeWatch(const ChangeWatch&) = delete;
    ChangeWatch& operator=(const ChangeWatch&) = delete;
    ~ChangeWatch();

    /// Another number after every change. The kernel queues a change before the call that makes it returns: what was
    /// done before look_again() is seen by the next revision(). I/O thread.
    std::uint64_t revision() {
        if (!looked_) look();
        return revision_;
    }

    /// Something was received: it may have been sent after a change.
    void look_again() noexcept { looked_ = false; }

    /// The daemon itself has learned something new: a key, a configuration, what a program said. I/O thread.
    void note();

    /// From now on every change of what `path` leads to counts, whether anything is there now or not: its content, its
    /// mode, a link or directory on the way to it. Looks with the calling thread's identity; any thread. False when
    /// changes could go unnoticed: a file system that others change too (FUSE, NFS), no permission, too many watches.
    bool watch(const std::string& path);

    /// Called at every change, on the I/O thread.
    void on_change(std::function<void()> call) { on_change_ = std::move(call); }

    /// Readable when there is something to look at; -1: never.
    int descriptor() const noexcept { return ready_.get(); }

  private:
    struct Walk;

    void open();
    void look();
    bool read_events();
    bool concerns(int watch, std::string_view name);
    bool follow(const std::string& path);
    bool add(const std::string& directory, const std::string& name, std::uint32_t mask);
    bool tells_of_all_changes(const std::string& place);

    std::uint64_t revision_ = 1;
    bool looked_ = false;
    std::function<void()> on_change_;
    UniqueFd ready_;  ///< an epoll of the two below
    UniqueFd mounts_;

    std::mutex mutex_;  ///< of all below: the home thread watches, too
    UniqueFd events_;
    std::map<int, std::set<std::string, std::less<>>> names_;  ///< by watch: what counts of a directory
    std::set<std::string, std::less<>> watched_;               ///< paths, since the last change
    std::map<dev_t, bool> devices_;                            ///< whether it tells of all changes
    bool full_ = false;
};

}  // namespace capsule
