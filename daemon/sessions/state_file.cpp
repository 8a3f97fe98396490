#include "daemon/sessions/state_file.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "protocol/unique_fd.hpp"

namespace capsule {
namespace {

Error cannot(const char* what, const std::string& path, int error) {
    return {ErrorCode::io_error,
            std::string("cannot ") + what + " " + path + ": " + std::generic_category().message(error),
            "sessions with a token are kept there, so that the daemon can be started anew: make it writable for the "
            "daemon's user, or free the disk"};
}

UniqueFd open_to_read(const std::string& path) {
    return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
}

/// In place of whatever has the name: where the directory was open once, others may have made a FIFO of it.
UniqueFd new_file(const std::string& path) {
    ::unlink(path.c_str());
    return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR));
}

/// A new file where there is none, or what is there is not this user's. None, with errno: it cannot be opened.
UniqueFd open_to_append(const std::string& path) {
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    const bool is_none = !file && (errno == ENOENT || errno == ELOOP || errno == ENXIO);  // a link, a FIFO
    if (!file && !is_none) return file;
    struct stat status {};
    const bool is_ours =
        file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == ::geteuid();
    return is_ours ? std::move(file) : new_file(path);
}

/// 0, or why not.
int write_all(int file, std::string_view text) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0) return errno;
    return written < static_cast<ssize_t>(text.size()) ? ENOSPC : 0;
}

}  // namespace

std::optional<std::string> read_state_file(const std::string& path, std::size_t most_bytes) {
    const UniqueFd file = open_to_read(path);
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0 || status.st_uid != ::geteuid()) return std::nullopt;
    std::string text(most_bytes, '\0');
    const ssize_t size = ::read(file.get(), text.data(), text.size());
    if (size < 0 || static_cast<std::size_t>(size) == text.size()) return std::nullopt;
    text.resize(static_cast<std::size_t>(size));
    return text;
}

Result<void> make_state_files(StateDirectory& state) {
    if (auto made = state.make(); !made) return made;
    const std::string directory = state.path() + "/sessions";
    // Where it is there: mkdir() would wait for whoever holds the directory above, which others may read.
    struct stat status {};
    if (::stat(directory.c_str(), &status) == 0) return {};
    if (::mkdir(directory.c_str(), S_IRWXU) != 0 && errno != EEXIST) return cannot("make", directory, errno);
    return {};
}

Result<void> foresee_state_files(const std::string& directory) {
    std::error_code error;
    std::filesystem::path there = std::filesystem::absolute(directory, error);
    while (there.has_relative_path() && !std::filesystem::exists(std::filesystem::symlink_status(there, error)))
        there = there.parent_path();
    if (!std::filesystem::is_directory(there, error)) return cannot("write", there.string(), ENOTDIR);
    if (::faccessat(AT_FDCWD, there.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
        return cannot("write", there.string(), errno);
    struct statvfs disk {};
    if (::statvfs(there.c_str(), &disk) == 0 && disk.f_blocks > 0 && disk.f_bavail == 0)
        return cannot("write", there.string(), ENOSPC);
    return {};
}

Result<void> write_state_file(const std::string& path, const std::string& text) {
    const std::string temporary = path + ".new";
    const UniqueFd file = new_file(temporary);
    if (!file) return cannot("write", temporary, errno);
    int error = write_all(file.get(), text);
    if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
    if (error == 0) return {};
    ::unlink(temporary.c_str());
    return cannot("write", path, error);
}

Result<std::uint64_t> keep_end_of_state_file(const std::string& path, std::uint64_t most_bytes) {
    const UniqueFd from = open_to_read(path);
    const off_t size = from ? ::lseek(from.get(), 0, SEEK_END) : -1;
    if (size < 0) return cannot("read", path, errno);
    off_t at = std::max<off_t>(size - static_cast<off_t>(most_bytes), 0);
    const std::string temporary = path + ".new";
    const UniqueFd to = new_file(temporary);
    if (!to) return cannot("write", temporary, errno);
    std::array<char, 16 * 1024> part;
    std::uint64_t kept = 0;
    int error = 0;
    bool in_line = at > 0;
    while (error == 0) {
        const ssize_t got = ::pread(from.get(), part.data(), part.size(), at);
        if (got < 0) error = errno;
        if (got <= 0) break;
        at += got;
        std::string_view text(part.data(), static_cast<std::size_t>(got));
        if (in_line) {
            const std::size_t end = text.find('\n');
            in_line = end == text.npos;
            text.remove_prefix(in_line ? text.size() : end + 1);
        }
        error = write_all(to.get(), text);
        kept += text.size();
    }
    if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
    if (error == 0) return kept;
    ::unlink(temporary.c_str());
    return cannot("write", path, error);
}

Result<void> append_to_state_file(const std::string& path, const std::string& text) {
    const UniqueFd file = open_to_append(path);
    if (!file) return cannot("write", path, errno);
    const int error = write_all(file.get(), text);
    return error == 0 ? Result<void>() : cannot("write", path, error);
}

}  // namespace capsule
