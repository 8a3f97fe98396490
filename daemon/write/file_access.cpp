#include "daemon/write/file_access.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <tuple>
#include <vector>

#include "daemon/base/home_path.hpp"
#include "daemon/write/attributes.hpp"
#include "protocol/kernels_files.hpp"

namespace capsule {
namespace {

Error odd_file(const Place& place, const std::string& name, mode_t mode) {
    const char* what = S_ISDIR(mode)    ? "a directory"
                       : S_ISLNK(mode)  ? "a link that appeared just now"
                       : S_ISFIFO(mode) ? "a FIFO"
                       : S_ISSOCK(mode) ? "a socket"
                                        : "a device";
    return {ErrorCode::io_error, place.directory + "/" + name + " is " + what + ", not a file",
            "move it out of the way, then try again"};
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
    // Mounted where no name told of it.
    if (is_of_the_kernels_files(fd.get())) return io_error("read", path, in_the_kernels_files);
    const auto size = static_cast<std::size_t>(found.status.st_size);
    if (size > limit) return too_large(place, name, limit);
    auto text = read_to_end(fd.get(), place, name, size, limit);
    if (!text) return text.error();
    found.text = *std::move(text);
    found.access_list = access_list_of(fd.get());
    return std::optional<Snapshot>(std::move(found));
}

/// Never through a link, and never waiting. Its mode is asked for before the opening, which for a device may already do
/// something.
Result<std::optional<Snapshot>> read_regular(const Place& place, const std::string& name, mode_t mode,
                                             std::size_t limit) {
    if (!S_ISREG(mode)) return odd_file(place, name, mode);
    const UniqueFd fd(
        ::openat(place.directory_fd.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    return read_opened(fd, place, name, limit);
}

/// What the place's name leads to, which is a link.
Result<std::optional<Snapshot>> read_linked(const Place& place, std::size_t limit) {
    LinkBudget budget;
    const UniqueFd found = open_path_at(place.directory_fd.get(), place.name, LastLink::followed, budget);
    struct stat status {};
    if (!found && errno == ENOENT) return std::optional<Snapshot>();
    if (!found || ::fstat(found.get(), &status) != 0) return io_error("read", place.path(), errno);
    if (!S_ISREG(status.st_mode)) return odd_file(place, place.name, status.st_mode);
    return read_opened(open_again(found, O_RDONLY | O_NONBLOCK | O_NOCTTY), place, place.name, limit);
}

/// As syncing and locking need it.
SharedFd open_to_write_in(int directory) {
    return SharedFd(UniqueFd(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
}

std::pair<std::string, std::string> split(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return {".", path};
    return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

/// The directory, or the next one above that is there; `missing` gets the names below that, the outermost last.
UniqueFd open_what_is_there(std::string directory, std::vector<std::string>* missing) {
    for (;;) {
        UniqueFd at = open_path(directory, LastLink::followed, Meant::directory);
        auto [above, name] = split(directory);
        if (at || errno != ENOENT || above == directory) return at;
        if (missing != nullptr && !name.empty()) missing->push_back(std::move(name));
        directory = std::move(above);
    }
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

/// Only root may give a file away; a group of one's own is everybody's right. Gives whether it has that group now,
/// whose bits of the mode are nobody else's.
bool give_to(int fd, const struct stat& now, const struct stat& like) {
    if (like.st_uid == now.st_uid && like.st_gid == now.st_gid) return true;
    return ::fchown(fd, like.st_uid, like.st_gid) == 0 || like.st_gid == now.st_gid ||
           ::fchown(fd, static_cast<uid_t>(-1), like.st_gid) == 0;
}

/// The file of which `like` is, or none: another one has its name by now, which whoever exchanges the two will see.
Result<UniqueFd> open_replaced(const Place& place, const Snapshot* like) {
    if (like == nullptr) return UniqueFd();
    UniqueFd fd(::openat(place.directory_fd.get(), place.name.c_str(),
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    const bool other = !fd && (errno == ENOENT || errno == ELOOP || errno == ENXIO);
    struct stat status {};
    if (!other && (!fd || ::fstat(fd.get(), &status) != 0)) return io_error("read", place.path(), errno);
    if (other || !same_file(status, like->status)) return UniqueFd();
    return fd;
}

/// `replaced`: what open_replaced() gave.
int fill(NewFile& file, const std::string& text, mode_t mode, const Snapshot* like, const UniqueFd& replaced) {
    const int fd = file.fd.get();
    if (const int problem = write_all(fd, text); problem != 0) return problem;
    // Before its mode may keep its own user from it.
    if (const int problem = replaced ? copy_attributes(replaced.get(), fd, file.not_copied) : 0; problem != 0)
        return problem;
    if (::fstat(fd, &file.status) != 0) return errno;
    const bool had_list = like != nullptr && like->access_list && mode == (like->status.st_mode & 0777U);
    const bool has_group = like == nullptr || give_to(fd, file.status, like->status);
    const bool has_list = had_list && has_group;  // the list says what the file's group may
    mode_t given = mode;
    if (!has_group) given &= ~static_cast<mode_t>(S_IRWXG);
    if (!has_group && (mode & S_IRWXG) != 0)
        file.not_copied += (file.not_copied.empty() ? "" : "; ") + std::string("what its group ") +
                           std::to_string(like->status.st_gid) + " may do: its user is not in that group";
    if (had_list) given &= S_IRWXU;
    // The directory may give each new file a list.
    if (like != nullptr && !has_list) std::ignore = ::fremovexattr(fd, access_list_name);
    if (::fchmod(fd, S_ISVTX | given) != 0) return errno;
    if (has_list)
        std::ignore = ::fsetxattr(fd, access_list_name, like->access_list->data(), like->access_list->size(), 0);
    if (::fsync(fd) != 0) return errno;
    return ::fstat(fd, &file.status) == 0 ? 0 : errno;
}

}  // namespace

Result<Place> place_as_named(const std::string& path) {
    Place place;
    std::tie(place.directory, place.name) = split(path);
    place.directory_fd = open_directory(place.directory);
    if (!place.directory_fd && errno != ENOENT) return io_error("find", path, errno);
    return place;
}

Result<Place> look_for_place(const std::string& path) {
    Place place;
    LinkBudget budget;
    std::tie(place.directory, place.name) = split(path);
    place.directory_fd = open_directory(place.directory);
    for (;;) {
        if (!place.directory_fd && errno != ENOENT) return io_error("find", path, errno);
        if (place.name.empty() || place.name == "." || place.name == "..") return io_error("write", path, EISDIR);
        if (!place.directory_fd) return place;
        const int directory = place.directory_fd.get();
        struct stat status {};
        if (::fstatat(directory, place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT)
            return io_error("find", path, errno);
        place.mode = status.st_mode;
        if (!S_ISLNK(place.mode)) return place;
        std::array<char, 4096> target;
        const ssize_t size = ::readlinkat(directory, place.name.c_str(), target.data(), target.size());
        if (size < 0) return io_error("find", path, errno);
        if (--budget.links < 0 || static_cast<std::size_t>(size) > budget.text) return io_error("find", path, ELOOP);
        budget.text -= static_cast<std::size_t>(size);
        place.mode = 0;
        place.link = true;
        const std::string next(target.data(), static_cast<std::size_t>(size));
        std::tie(place.directory, place.name) = split(next.starts_with('/') ? next : place.directory + "/" + next);
        place.directory_fd =
            SharedFd(open_path_at(directory, split(next).first, LastLink::followed, budget, Meant::directory));
    }
}

Result<Place> find_place(const std::string& path) {
    forget_directories();  // what is written goes to where the path leads now
    auto place = look_for_place(path);
    if (!place || !place->directory_fd) return place;
    place->directory_fd = open_to_write_in(place->directory_fd.get());
    if (!place->directory_fd) return io_error("open the directory of", path, errno);
    return place;
}

Result<void> make_directory(Place& place) {
    std::vector<std::string> missing;
    UniqueFd at = open_what_is_there(place.directory, &missing);
    for (; at && !missing.empty(); missing.pop_back()) {
        const char* name = missing.back().c_str();
        if (::mkdirat(at.get(), name, 0700) != 0 && errno != EEXIST)
            return io_error("make the directory", place.directory, errno);
        at = UniqueFd(::openat(at.get(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    }
    forget_directories();
    if (at) place.directory_fd = open_to_write_in(at.get());
    if (!place.directory_fd) return io_error("make the directory", place.directory, errno);
    return {};
}

Result<std::optional<Snapshot>> look_at(const Place& place, const std::string& name, std::size_t limit) {
    struct stat status {};
    if (::fstatat(place.directory_fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return std::optional<Snapshot>();
        return io_error("read", place.directory + "/" + name, errno);
    }
    return read_regular(place, name, status.st_mode, limit);
}

Result<std::optional<Snapshot>> look_at_found(const Place& place, std::size_t limit) {
    if (place.mode == 0) return std::optional<Snapshot>();
    return read_regular(place, place.name, place.mode, limit);
}

bool has_leftover(const Place& place) {
    struct stat status {};
    return place.directory_fd &&
           ::fstatat(place.directory_fd.get(), temporary_name(place).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

int why_not_writable(const Place& place) {
    const UniqueFd at = open_what_is_there(place.directory, nullptr);
    return at && may_access(at, W_OK | X_OK) ? 0 : errno;
}

Result<std::optional<std::string>> read_through_links(const Place& place, std::size_t limit) {
    struct stat status {};
    const int directory = place.directory_fd.get();
    if (::fstatat(directory, place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return std::optional<std::string>();
        return io_error("read", place.path(), errno);
    }
    auto read =
        S_ISLNK(status.st_mode) ? read_linked(place, limit) : read_regular(place, place.name, status.st_mode, limit);
    if (!read) return read.error();
    if (!*read) return std::optional<std::string>();
    return std::optional<std::string>(std::move((*read)->text));
}

std::string temporary_name(const Place& place) {
    return "." + place.name + ".capsuled" + (place.has_lock ? "" : "-" + std::to_string(::getpid()));
}

Result<NewFile> write_beside(const Place& place, const std::string& text, mode_t mode, const Snapshot* like) {
    const std::string name = temporary_name(place);
    const auto replaced = open_replaced(place, like);
    if (!replaced) return replaced.error();
    NewFile file;
    file.fd = UniqueFd(::openat(place.directory_fd.get(), name.c_str(),
                                O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_ISVTX | 0600));
    if (!file.fd) return io_error("write", place.path(), errno);
    if (const int problem = fill(file, text, mode, like, *replaced); problem != 0) {
        ::unlinkat(place.directory_fd.get(), name.c_str(), 0);
        return io_error("write", place.path(), problem);
    }
    return file;
}

bool same_file(const struct stat& a, const struct stat& b) noexcept {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace capsule
