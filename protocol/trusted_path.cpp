#include "protocol/trusted_path.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <list>
#include <string_view>
#include <system_error>
#include <utility>

#include "protocol/mounts.hpp"
#include "protocol/path_walk.hpp"
#include "protocol/safe_path.hpp"

namespace capsule {
namespace {

constexpr int most_followed = 40;  // as the kernel has it

std::list<std::string> parts_of(std::string_view path) {
    std::list<std::string> parts;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        if (end > 0 && path.substr(0, end) != ".") parts.emplace_back(path.substr(0, end));
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return parts;
}

/// A group of the daemon's own, where it is not root: then sessions are its own user's too.
bool is_own_group(gid_t group) {
    return ::geteuid() != 0 && group == ::getegid();
}

/// Here, which says nothing of who can change it: another mount of the same files, or another process's mounts, may be
/// writable. A systemd unit's ProtectSystem= makes everything read-only, for that unit alone.
bool is_mounted_read_only(const UniqueFd& place) {
    struct statvfs facts {};
    return ::fstatvfs(place.get(), &facts) == 0 && (facts.f_flag & ST_RDONLY) != 0;
}

/// A directory that only the machine's root gives anybody, and what is in it.
bool is_of_the_system(const std::string& path) {
    constexpr std::array<std::string_view, 12> places{"/bin", "/boot", "/dev",  "/etc",  "/lib",  "/lib32",
                                                      "/nix", "/opt",  "/proc", "/sbin", "/snap", "/usr"};
    const std::string_view top = std::string_view(path).substr(0, path.find('/', 1));
    return std::ranges::find(places, top) != places.end() || top == "/lib64" || top == "/sys";
}

/// Why somebody else can change it; empty: nobody can. In a user namespace of one uid every other user looks like root:
/// on the way that is believed, of what the path leads to only where the system's own files are.
std::string why_untrusted(const struct stat& status, const std::string& path, bool last) {
    const bool outside = status.st_uid == outsider && (!last || is_of_the_system(path)) && root_is_outside();
    if (!outside && status.st_uid != 0 && status.st_uid != ::geteuid())
        return "belongs to user " + std::to_string(status.st_uid);
    // Modes of links and devices mean something else, and only its owner can replace what is in a sticky directory.
    const bool sticky = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
    if (sticky || !(S_ISDIR(status.st_mode) || S_ISREG(status.st_mode))) return {};
    if ((status.st_mode & S_IWOTH) != 0) return "can be written to by everybody";
    if ((status.st_mode & S_IWGRP) != 0 && !is_own_group(status.st_gid))
        return "can be written to by its group " + std::to_string(status.st_gid);
    return {};
}

/// Who else could create what is missing in a directory that is trusted, as the subject of a sentence; empty: nobody.
std::string who_else_can_make(const struct stat& directory) {
    if ((directory.st_mode & S_ISVTX) == 0) return {};
    if ((directory.st_mode & S_IWOTH) != 0) return "any user";
    if ((directory.st_mode & S_IWGRP) != 0 && !is_own_group(directory.st_gid))
        return "any member of group " + std::to_string(directory.st_gid);
    return {};
}

std::string target_of(const UniqueFd& link) {
    std::string target(PATH_MAX, '\0');
    const ssize_t size = ::readlinkat(link.get(), "", target.data(), target.size());
    target.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return target;
}

/// One look at a path: at each component, by the directory before it.
class Walk {
  public:
    enum class For {
        name,        ///< the path is used afterwards
        descriptor,  ///< only what the walk itself comes to is
    };
    Walk(const std::string& path, For purpose) : rest_(parts_of(path)), purpose_(purpose) {
        found_.error = start_at_root();
    }

    /// To the end of the path, or to the first that is not trusted.
    void go() {
        while (!ended() && !rest_.empty())
            step();
    }
    bool ended() const { return found_.error != 0 || found_.untrusted; }
    FoundFile& found() { return found_; }

    /// What the walk ended at, by its name in the directory that was looked at: it may be another one by now.
    void open(mode_t kind) {
        if (ended() || (found_.status.st_mode & S_IFMT) != kind) return;
        const int flags =
            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (kind == S_IFDIR ? O_DIRECTORY : 0);
        UniqueFd opened(name_.empty() ? ::open("/", flags) : ::openat(above_.get(), name_.c_str(), flags));
        if (!opened || ::fstat(opened.get(), &found_.status) != 0)
            found_.error = errno;
        else if (auto why = why_untrusted(found_.status, at_, true); !why.empty())
            found_.untrusted = UntrustedPath{at_, std::move(why), 0, is_mounted_read_only(opened)};
        else if ((found_.status.st_mode & S_IFMT) == kind)
            found_.fd = std::move(opened);
    }

  private:
    /// 0, or errno.
    int start_at_root() {
        at_.clear();
        name_.clear();
        here_ = UniqueFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!here_) return errno;
        if (is_served_by_another(here_)) return 0;
        if (::fstat(here_.get(), &found_.status) != 0) return errno;
        judge(here_);
        return 0;
    }

    /// Who serves a file system says whose its files are, and may let those wait who ask.
    bool is_served_by_another(const UniqueFd& place) {
        std::string why = why_not_believed(place);
        if (why.empty()) return false;
        found_.untrusted = UntrustedPath{at_.empty() ? "/" : at_, std::move(why), EACCES};
        return true;
    }

    /// `mounted`: where a link is, which is where its directory is.
    void judge(const UniqueFd& mounted) {
        std::string why = why_untrusted(found_.status, at_, rest_.empty());
        if (!why.empty())
            found_.untrusted = UntrustedPath{at_.empty() ? "/" : at_, std::move(why), 0, is_mounted_read_only(mounted)};
    }

    void step() {
        const std::string name = std::move(rest_.front());
        rest_.pop_front();
        UniqueFd next = step_to(here_, name);
        if (!next) return missing(name, errno);
        const std::string directory = at_;
        at_ = name == ".." ? at_.substr(0, std::min(at_.rfind('/'), at_.size())) : at_ + "/" + name;
        if (is_served_by_another(next)) return;
        if (::fstat(next.get(), &found_.status) != 0) {
            found_.error = errno;
            return;
        }
        const bool is_link = S_ISLNK(found_.status.st_mode);
        judge(is_link ? here_ : next);
        if (found_.untrusted) return;
        if (is_link) return follow(target_of(next), directory);
        name_ = name;
        above_ = std::exchange(here_, std::move(next));
    }

    void follow(const std::string& target, const std::string& directory) {
        if (++links_ > most_followed || target.empty()) {
            found_.error = ELOOP;
            return;
        }
        rest_.splice(rest_.begin(), parts_of(target));
        if (target.starts_with('/'))
            found_.error = start_at_root();
        else if (at_ = directory; ::fstat(here_.get(), &found_.status) != 0)
            found_.error = errno;
    }

    void missing(const std::string& name, int error) {
        found_.error = error;
        struct stat directory {};
        if (error != ENOENT || ::fstat(here_.get(), &directory) != 0) return;
        // Kubernetes mounts a Secret's directory so, with mode 1777. What somebody made there by another mount would be
        // theirs, and be refused when a later walk comes to it.
        if (purpose_ == For::descriptor && is_mounted_read_only(here_)) return;
        if (const std::string who = who_else_can_make(directory); !who.empty())
            found_.untrusted =
                UntrustedPath{at_ + "/" + name, "does not exist, and " + who + " could create it there", ENOENT};
    }

    std::list<std::string> rest_;
    For purpose_;
    std::string at_;    ///< without links; empty: the root
    std::string name_;  ///< of `here_` in `above_`; empty: the root
    UniqueFd above_, here_;
    int links_ = 0;
    FoundFile found_;
};

}  // namespace

std::string UntrustedPath::cure() const {
    if (error == ENOENT) return "make '" + component + "', as root or the daemon's user, or use another place";
    if (error == EACCES) return "unmount what a user has mounted there (FUSE), or use another place";
    if (error != 0) return "try again; raise the limit on open files (ulimit -n) where that is what is lacking";
    return "let it belong to root (or the daemon's user) and nobody else write to it: chown root '" + component +
           "'; chmod go-w '" + component + "'" +
           (mounted_read_only ? " (in a container: to what is mounted there; that the mount is read-only keeps nobody "
                                "from writing to it elsewhere)"
                              : "") +
           ". Or use another place";
}

std::optional<UntrustedPath> untrusted_component(const std::string& path) {
    Walk walk(path, Walk::For::name);
    walk.go();
    FoundFile& found = walk.found();
    // Of what is not there, or not to be reached, nothing can be had, either. What root may not look at is what a user
    // has mounted (FUSE), and may unmount.
    constexpr std::array out_of_reach{0, ENOENT, ENOTDIR, ELOOP, EACCES, ENAMETOOLONG};
    if (!found.untrusted && found.error == EACCES && ::geteuid() == 0)
        return UntrustedPath{path, "cannot be looked at, not even by root", EACCES};
    if (!found.untrusted && std::ranges::find(out_of_reach, found.error) == out_of_reach.end())
        return UntrustedPath{path, "cannot be looked at: " + std::generic_category().message(found.error), found.error};
    return std::move(found.untrusted);
}

std::optional<UntrustedPath> untrusted_directory(const std::string& path) {
    if (auto problem = untrusted_component(path)) return problem;
    const FoundFile found = look_at_trusted(path);
    const std::string who = found.error == 0 && !found.untrusted ? who_else_can_make(found.status) : "";
    return who.empty() ? std::nullopt : std::optional(UntrustedPath{path, "can be added to by " + who});
}

FoundFile open_trusted(const std::string& path, mode_t kind) {
    Walk walk(path, Walk::For::descriptor);
    walk.go();
    walk.open(kind);
    return std::move(walk.found());
}

FoundFile look_at_trusted(const std::string& path) {
    Walk walk(path, Walk::For::descriptor);
    walk.go();
    return std::move(walk.found());
}

FoundFile open_anybodys(const std::string& path, mode_t kind) {
    FoundFile found;
    // Before the opening, which for a device may already do something.
    if (::stat(path.c_str(), &found.status) != 0) {
        found.error = errno;
        return found;
    }
    if ((found.status.st_mode & S_IFMT) != kind) return found;
    UniqueFd opened(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!opened || ::fstat(opened.get(), &found.status) != 0)
        found.error = errno;
    else if ((found.status.st_mode & S_IFMT) == kind)
        found.fd = std::move(opened);
    return found;
}

}  // namespace capsule
