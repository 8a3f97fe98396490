#include "daemon/base/home_path.hpp"

#include <linux/openat2.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "daemon/base/time_limit.hpp"
#include "protocol/kernels_files.hpp"

namespace capsule {
namespace {

UniqueFd failed(int problem) {
    errno = problem;
    return UniqueFd();
}

/// Without a link on its way a path enters such a file system only by a name, which is mostly one of these.
bool may_lead_there(std::string_view path) {
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        const std::string_view name = path.substr(0, end);
        if (name == "proc" || name == "sys") return true;
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return false;
}

/// Where the kernel has no openat2 (ENOSYS), or systemd's RestrictSUIDSGID= keeps it away (EPERM in older versions).
std::atomic<bool> has_no_openat2 = false;

bool is_call_missing(int problem) {
    return problem == ENOSYS || problem == EPERM;
}

UniqueFd openat2_without_links(int directory, const char* path, int flags) {
    open_how how{};
    how.flags = static_cast<unsigned>(flags);
    how.resolve = RESOLVE_NO_SYMLINKS;
    return UniqueFd(static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof how)));
}

/// In one call if there is no link on the way, as on most. ELOOP: there may be one.
UniqueFd open_without_links(int directory, const std::string& path, int flags) {
    if (has_no_openat2 || may_lead_there(path)) return failed(ELOOP);
    UniqueFd fd = openat2_without_links(directory, path.c_str(), flags);
    if (fd || !is_call_missing(errno)) return fd;
    // One file system (a FUSE server) may answer so, too. The root directory is always there.
    const int problem = errno;
    const UniqueFd root = openat2_without_links(directory, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root || !is_call_missing(errno)) return failed(problem);
    has_no_openat2 = true;
    return failed(ELOOP);
}

/// One name after the other.
class HomeWalk {
  public:
    HomeWalk(int directory, const std::string& path, LastLink last, LinkBudget& budget, Meant meant)
        : last_(last), meant_(meant), budget_(budget), rest_(path), flags_(flags_of(last, meant)) {
        problem_ = begin(directory);
    }

    UniqueFd run() {
        while (problem_ == 0 && !rest_.empty())
            problem_ = step();
        return problem_ == 0 ? std::move(at_) : failed(problem_);
    }

    static int flags_of(LastLink last, Meant meant) {
        return O_PATH | O_CLOEXEC | (last == LastLink::itself ? O_NOFOLLOW : 0) |
               (meant == Meant::directory ? O_DIRECTORY : 0);
    }

  private:
    /// Of all that follow 0, or errno. This one: at the root where the rest is absolute.
    int begin(int directory) {
        const bool is_absolute = rest_.starts_with('/');
        UniqueFd start(::openat(directory, is_absolute ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!start) return errno;
        skip_slashes();
        return enter(std::move(start));
    }

    void skip_slashes() { rest_.erase(0, std::min(rest_.find_first_not_of('/'), rest_.size())); }

    int enter(UniqueFd fd) {
        struct stat status {};
        if (::fstat(fd.get(), &status) != 0) return errno;
        const bool same_files = at_ && status.st_dev == status_.st_dev;
        if (!same_files && is_of_the_kernels_files(fd.get())) return in_the_kernels_files;
        status_ = status;
        at_ = std::move(fd);
        return 0;
    }

    int step() {
        if (--budget_.steps < 0) return ELOOP;
        if (time_is_up()) return ETIME;
        const std::size_t end = rest_.find('/');
        const bool is_last = end == std::string::npos;
        const std::string name = rest_.substr(0, end);
        rest_.erase(0, is_last ? rest_.size() : end);
        skip_slashes();
        // As a directory, where one is meant: what is mounted only on demand is mounted then.
        const bool as_directory = !is_last || meant_ == Meant::directory;
        UniqueFd fd(open_name(name, as_directory ? O_DIRECTORY : 0));
        if (fd && as_directory) return enter(std::move(fd));
        if (!fd && as_directory && errno == ENOTDIR) fd = open_name(name, 0);
        if (!fd) return errno;
        struct stat status {};
        if (::fstat(fd.get(), &status) != 0) return errno;
        if (S_ISLNK(status.st_mode) && !(is_last && last_ == LastLink::itself)) return follow(fd, status, is_last);
        return as_directory ? ENOTDIR : enter(std::move(fd));
    }

    UniqueFd open_name(const std::string& name, int flags) const {
        return UniqueFd(::openat(at_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC | flags));
    }

    int follow(const UniqueFd& link, const struct stat& status, bool is_last) {
        if (is_planted(status)) return EACCES;
        std::array<char, 4096> target;
        const ssize_t size = ::readlinkat(link.get(), "", target.data(), target.size());
        if (size < 0) return errno;
        if (--budget_.links < 0 || static_cast<std::size_t>(size) > budget_.text) return ELOOP;
        budget_.text -= static_cast<std::size_t>(size);
        const std::string rest = std::exchange(rest_, std::string(target.data(), static_cast<std::size_t>(size)));
        if (!is_last) rest_ += "/" + rest;
        if (rest_.empty()) return ENOENT;
        UniqueFd all = open_without_links(at_.get(), rest_, flags_);
        if (!all) return errno == ELOOP ? begin(at_.get()) : errno;
        rest_.clear();
        at_ = std::move(all);
        return 0;
    }

    /// As the kernel has it with fs.protected_symlinks: in /tmp nobody follows a link of just anybody.
    bool is_planted(const struct stat& link) const {
        constexpr mode_t everybodys = S_ISVTX | S_IWOTH;
        const auto own = static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1)));  // changes nothing: it tells
        return (status_.st_mode & everybodys) == everybodys && link.st_uid != own && link.st_uid != status_.st_uid;
    }

    LastLink last_;
    Meant meant_;
    LinkBudget& budget_;
    std::string rest_;
    int flags_;
    UniqueFd at_;
    struct stat status_ {};
    int problem_ = 0;
};

}  // namespace

UniqueFd open_path_at(int directory, const std::string& path, LastLink last, LinkBudget& budget, Meant meant) {
    if (time_is_up()) return failed(ETIME);
    if (path.empty()) return failed(ENOENT);
    UniqueFd fd = open_without_links(directory, path, HomeWalk::flags_of(last, meant));
    if (fd || errno != ELOOP) return fd;
    return HomeWalk(directory, path, last, budget, meant).run();
}

UniqueFd open_path(const std::string& path, LastLink last, Meant meant) {
    LinkBudget budget;
    return open_path_at(AT_FDCWD, path, last, budget, meant);
}

bool is_not_there(int problem) {
    return problem == ENOENT || problem == ENOTDIR;
}

bool means_absent(int problem) {
    constexpr std::array absent{ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG, in_the_kernels_files};
    return std::ranges::find(absent, problem) != absent.end();
}

bool is_the_daemons_own(int problem) {
    constexpr std::array own{EMFILE, ENFILE, ENOMEM, ETIME, EINTR};
    return std::ranges::find(own, problem) != own.end();
}

std::string own_name(const UniqueFd& path) {
    return "/proc/thread-self/fd/" + std::to_string(path.get());
}

UniqueFd open_again(const UniqueFd& path, int flags) {
    return UniqueFd(::open(own_name(path).c_str(), flags | O_CLOEXEC));
}

bool may_access(const UniqueFd& path, int mode) {
    // access() would ask as root, whose the process still is.
    if (::faccessat(path.get(), "", mode, AT_EACCESS | AT_EMPTY_PATH) == 0) return true;
    if (errno != EINVAL && errno != ENOSYS) return false;
    return ::faccessat(AT_FDCWD, own_name(path).c_str(), mode, AT_EACCESS) == 0;  // before Linux 5.8
}

}  // namespace capsule
