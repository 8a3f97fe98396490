#include "daemon/keys/secret_file.hpp"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "daemon/base/trusted_path.hpp"
#include "daemon/keys/key_value.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {

namespace {

/// Zeroed when it goes: it held a key.
struct Buffer {
    std::array<char, max_secret_file_bytes + 1> bytes;
    std::size_t size = 0;
    ~Buffer() { explicit_bzero(bytes.data(), size); }
};

Error unreadable(const std::string& path, int error) {
    return {ErrorCode::key_error, "the key file " + path + " cannot be read: " + std::generic_category().message(error),
            "Let the user that capsuled runs as read " + path + "."};
}

std::string_view kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device";
}

Error too_large(const std::string& path) {
    return {ErrorCode::key_error, "the key file " + path + " is larger than 64 KiB",
            "Put the key alone into " + path + "; this is another file."};
}

Error no_regular_file(mode_t mode, const std::string& path) {
    return Error{ErrorCode::key_error, "the key file " + path + " is " + std::string(kind_of(mode)) + ", not a file",
                 "Put a regular file with the key alone at " + path +
                     "; Docker makes a directory of a mount whose source is missing."};
}

std::optional<Error> problem_of(const struct stat& about, const std::string& path) {
    if (!S_ISREG(about.st_mode)) return no_regular_file(about.st_mode, path);
    if (about.st_size > static_cast<off_t>(max_secret_file_bytes)) return too_large(path);
    return std::nullopt;
}

/// 0, or errno. A file that grows while it is read ends with a full buffer.
int read_all(int file, Buffer& buffer) {
    while (buffer.size < buffer.bytes.size()) {
        const ssize_t got = ::read(file, buffer.bytes.data() + buffer.size, buffer.bytes.size() - buffer.size);
        if (got == 0) return 0;
        if (got < 0 && errno != EINTR) return errno;
        if (got > 0) buffer.size += static_cast<std::size_t>(got);
    }
    return 0;
}

}  // namespace

Result<std::optional<Secret>> read_secret_file(const std::string& path) {
    using Found = std::optional<Secret>;
    if (const auto problem = untrusted_component(path))
        return Error{ErrorCode::key_error,
                     "the key file " + path + " is not read: " + problem->component + " " + problem->why,
                     problem->cure() + "."};
    // O_NONBLOCK: a FIFO without a writer must not hold the daemon up.
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.get() < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return Found();
        // A socket cannot even be opened.
        if (errno == ENXIO) return no_regular_file(S_IFSOCK, path);
        return unreadable(path, errno);
    }
    struct stat about {};
    if (::fstat(file.get(), &about) != 0) return unreadable(path, errno);
    if (std::optional<Error> problem = problem_of(about, path)) return *problem;
    Buffer buffer;
    if (const int error = read_all(file.get(), buffer)) return unreadable(path, error);
    if (buffer.size > max_secret_file_bytes) return too_large(path);
    Secret key(without_white_space_behind({buffer.bytes.data(), buffer.size}));
    if (key.empty()) return Found();
    if (std::optional<Error> problem = key_problem(key, "the key file " + path)) return *problem;
    return Found(std::move(key));
}

bool others_can_read(const std::string& path) {
    struct stat about {};
    return ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

}  // namespace capsule
