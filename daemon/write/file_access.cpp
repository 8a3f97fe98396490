#include "daemon/write/file_access.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <tuple>

namespace capsule {
namespace {

constexpr int max_links = 40;  // as the kernel's own limit

std::string_view cure(int error_number) {
    switch (error_number) {
        case ENOSPC:
        case EDQUOT:
            return "free some space on that file system, then try again";
        case EACCES:
        case EPERM:
            return "let the session's user read and write the file and its directory (chown, chmod)";
        case EROFS:
            return "the file system is mounted read-only: mount the home writable";
        case EBUSY:
        case EXDEV:
            return "the file is a mount point and cannot be replaced: mount its directory instead of the file";
        case EMFILE:
        case ENFILE:
            return "too many files are open: raise the limit (LimitNOFILE= of the service, ulimit -n)";
        case EFBIG:
            return "the file size limit is too low: raise it (LimitFSIZE= of the service, ulimit -f)";
        case EIO:
            return "the disk reports an error: see dmesg";
        case EAGAIN:
            return "another program holds the file (a lock or a lease): end that program, then try again";
        case ENOMEM:
            return "memory ran out: free some, then try again";
        case ELOOP:
            return "the links lead in a circle: remove one of them";
        case ENOTDIR:
            return "a part of the path is not a directory: move it out of the way";
        case EISDIR:
            return "a directory is where a file is meant: move it out of the way";
        default:
            return "make it an ordinary file that the session's user can write, then try again";
    }
}

Error odd_file(const Place& place, const std::string& name, mode_t mode) {
    const char* what = S_ISDIR(mode)    ? "a directory"
                       : S_ISLNK(mode)  ? "a link that appeared just now"
                       : S_ISFIFO(mode) ? "a FIFO"
                       : S_ISSOCK(mode) ? "a socket"
                                        : "a device";
    return {ErrorCode::io_error, place.directory + "/" + name + " is " + what + ", not a file",
            "move it out of the way, then try again"};
}

/// The kernel's own file systems. <linux/magic.h> lacks the last four: configfs, fusectl, rpc_pipefs, nfsd.
constexpr std::array made_by_the_kernel{
    std::uint32_t{PROC_SUPER_MAGIC}, std::uint32_t{SYSFS_MAGIC},          std::uint32_t{CGROUP_SUPER_MAGIC},
    std::uint32_t{BPF_FS_MAGIC},     std::uint32_t{CGROUP2_SUPER_MAGIC},  std::uint32_t{TRACEFS_MAGIC},
    std::uint32_t{DEBUGFS_MAGIC},    std::uint32_t{SECURITYFS_MAGIC},     std::uint32_t{SELINUX_MAGIC},
    std::uint32_t{SMACK_MAGIC},      std::uint32_t{AAFS_MAGIC},           std::uint32_t{PSTOREFS_MAGIC},
    std::uint32_t{EFIVARFS_MAGIC},   std::uint32_t{RDTGROUP_SUPER_MAGIC}, std::uint32_t{BINFMTFS_MAGIC},
    std::uint32_t{NSFS_MAGIC},       std::uint32_t{BINDERFS_SUPER_MAGIC}, std::uint32_t{0x62656570},
    std::uint32_t{0x65735543},       std::uint32_t{0x67596969},           std::uint32_t{0x6e667364}};

/// A file of /proc or /sys, for example, whatever size it has: one read of it may compute, or wait for a lock, for
/// seconds, for as long as whoever owns the process likes, and no signal ends that.
bool is_made_as_it_is_read(int fd) {
    struct statfs system {};
    return ::fstatfs(fd, &system) == 0 &&
           std::ranges::find(made_by_the_kernel, static_cast<std::uint32_t>(system.f_type)) != made_by_the_kernel.end();
}

Error too_large(const Place& place, const std::string& name, std::size_t limit) {
    return {ErrorCode::io_error,
            place.directory + "/" + name + " is larger than " + std::to_string(limit) + " bytes, which is not expected",
            "see what is in it, and move it out of the way"};
}

/// `size` is what the file had when it was opened: what is written after that is a later version.
Result<std::string> read_to_end(int fd, const Place& place, const std::string& name, std::size_t size,
                                std::size_t limit) {
    std::string text;
    std::array<char, 16384> buffer;
    for (;;) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return io_error("read", place.directory + "/" + name, errno);
        if (got == 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(got));
        if (text.size() > limit) return too_large(place, name, limit);
        if (text.size() == size) return text;
    }
}

/// The regular file `name`, opened; again looked at, since it may be another one by now.
Result<std::optional<Snapshot>> read_opened(const UniqueFd& fd, const Place& place, const std::string& name,
                                            std::size_t limit) {
    const int problem = errno;
    const std::string path = place.directory + "/" + name;
    Snapshot found;
    if (!fd && problem == ENOENT) return std::optional<Snapshot>();
    if (!fd) return io_error("read", path, problem);
    if (::fstat(fd.get(), &found.status) != 0) return io_error("read", path, errno);
    if (!S_ISREG(found.status.st_mode)) return odd_file(place, name, found.status.st_mode);
    if (is_made_as_it_is_read(fd.get()))
        return Error{ErrorCode::io_error, path + " is made by the kernel as it is read: it is no file of settings",
                     "move it out of the way, then try again"};
    const auto size = static_cast<std::size_t>(found.status.st_size);
    if (size > limit) return too_large(place, name, limit);
    auto text = read_to_end(fd.get(), place, name, size, limit);
    if (!text) return text.error();
    found.text = *std::move(text);
    return std::optional<Snapshot>(std::move(found));
}

std::pair<std::string, std::string> split(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return {".", path};
    return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

int make_all(const std::string& directory) {
    if (::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) return 0;
    if (errno != ENOENT) return errno;
    const std::string above = split(directory).first;
    if (above == directory) return ENOENT;
    if (const int problem = make_all(above); problem != 0) return problem;
    return ::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST ? 0 : errno;
}

int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t put = ::write(fd, text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno;
        text.remove_prefix(static_cast<std::size_t>(put));
    }
    return 0;
}

int fill(NewFile& file, const std::string& text, mode_t mode, const Snapshot* like) {
    const int fd = file.fd.get();
    if (const int problem = write_all(fd, text); problem != 0) return problem;
    if (::fstat(fd, &file.status) != 0) return errno;
    if (like != nullptr && (like->status.st_uid != file.status.st_uid || like->status.st_gid != file.status.st_gid)) {
        // Only root may give a file away; a group of one's own is everybody's right. What cannot be kept is not.
        if (::fchown(fd, like->status.st_uid, like->status.st_gid) != 0)
            std::ignore = ::fchown(fd, static_cast<uid_t>(-1), like->status.st_gid);
    }
    if (::fchmod(fd, S_ISVTX | mode) != 0) return errno;
    if (::fsync(fd) != 0) return errno;
    return ::fstat(fd, &file.status) == 0 ? 0 : errno;
}

}  // namespace

Error io_error(std::string_view doing, const std::string& path, int error_number) {
    std::array<char, 128> buffer{};
    return {ErrorCode::io_error,
            "cannot " + std::string(doing) + " " + path + ": " +
                std::string(::strerror_r(error_number, buffer.data(), buffer.size())),
            std::string(cure(error_number))};
}

Result<Place> look_for_place(const std::string& path) {
    Place place;
    std::string at = path;
    for (int links = 0;; ++links) {
        struct stat status {};
        if (::lstat(at.c_str(), &status) != 0 && errno != ENOENT) return io_error("find", path, errno);
        place.mode = status.st_mode;
        if (!S_ISLNK(place.mode)) break;
        std::array<char, 4096> target;
        const ssize_t size = ::readlink(at.c_str(), target.data(), target.size());
        if (size < 0) return io_error("find", path, errno);
        if (links == max_links) return io_error("find", path, ELOOP);
        const std::string next(target.data(), static_cast<std::size_t>(size));
        at = next.starts_with('/') ? next : split(at).first + "/" + next;
        place.link = true;
    }
    std::tie(place.directory, place.name) = split(at);
    if (place.name.empty() || place.name == "." || place.name == "..") return io_error("write", path, EISDIR);
    return place;
}

Result<Place> find_place(const std::string& path) {
    auto place = look_for_place(path);
    if (!place) return place;
    place->directory_fd = UniqueFd(::open(place->directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!place->directory_fd && errno != ENOENT) return io_error("open the directory of", path, errno);
    return place;
}

Result<void> make_directory(Place& place) {
    if (const int problem = make_all(place.directory); problem != 0)
        return io_error("make the directory", place.directory, problem);
    place.directory_fd = UniqueFd(::open(place.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!place.directory_fd) return io_error("open the directory", place.directory, errno);
    return {};
}

Result<std::optional<Snapshot>> look_at(const Place& place, const std::string& name, std::size_t limit) {
    struct stat status {};
    // Before the opening, which for a device may already do something.
    if (::fstatat(place.directory_fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return std::optional<Snapshot>();
        return io_error("read", place.directory + "/" + name, errno);
    }
    if (!S_ISREG(status.st_mode)) return odd_file(place, name, status.st_mode);
    const UniqueFd fd(
        ::openat(place.directory_fd.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    return read_opened(fd, place, name, limit);
}

Result<std::optional<Snapshot>> look_at_path(const Place& place, std::size_t limit) {
    if (place.mode == 0) return std::optional<Snapshot>();
    if (!S_ISREG(place.mode)) return odd_file(place, place.name, place.mode);
    const UniqueFd fd(::open(place.path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    return read_opened(fd, place, place.name, limit);
}

bool has_leftover(const Place& place) {
    struct stat status {};
    return ::lstat((place.directory + "/" + temporary_name(place)).c_str(), &status) == 0;
}

int why_not_writable(const Place& place) {
    std::string at = place.directory;
    while (::faccessat(AT_FDCWD, at.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
        const std::string above = split(at).first;
        if (errno != ENOENT || above == at) return errno;
        at = above;
    }
    return 0;
}

Result<std::optional<std::string>> read_through_links(const std::string& path, std::size_t limit) {
    Place place;
    std::tie(place.directory, place.name) = split(path);
    struct stat status {};
    // Before the opening, which for a device may already do something.
    if (::stat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return std::optional<std::string>();
        return io_error("read", path, errno);
    }
    if (!S_ISREG(status.st_mode)) return odd_file(place, place.name, status.st_mode);
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    auto found = read_opened(fd, place, place.name, limit);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional<std::string>(std::move((*found)->text));
}

std::string temporary_name(const Place& place) {
    return "." + place.name + ".capsuled" + (place.has_lock ? "" : "-" + std::to_string(::getpid()));
}

Result<NewFile> write_beside(const Place& place, const std::string& text, mode_t mode, const Snapshot* like) {
    const std::string name = temporary_name(place);
    NewFile file;
    file.fd = UniqueFd(::openat(place.directory_fd.get(), name.c_str(),
                                O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_ISVTX | 0600));
    if (!file.fd) return io_error("write", place.path(), errno);
    if (const int problem = fill(file, text, mode, like); problem != 0) {
        ::unlinkat(place.directory_fd.get(), name.c_str(), 0);
        return io_error("write", place.path(), problem);
    }
    return file;
}

bool same_file(const struct stat& a, const struct stat& b) noexcept {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace capsule
