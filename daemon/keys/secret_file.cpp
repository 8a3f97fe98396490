#include "daemon/keys/secret_file.hpp"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "daemon/base/known_missing.hpp"
#include "daemon/keys/key_value.hpp"
#include "protocol/trusted_path.hpp"

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
    if (is_known_missing(path)) return Found();
    const FoundFile found = open_trusted(path, S_IFREG);
    if (const auto& problem = found.untrusted)
        return Error{ErrorCode::key_error,
                     "the key file " + path + " is not read: " + problem->component + " " + problem->why,
                     problem->cure() + "."};
    if (found.error == ENOENT || found.error == ENOTDIR) return Found();
    if (found.error != 0) return unreadable(path, found.error);
    if (std::optional<Error> problem = problem_of(found.status, path)) return *problem;
    Buffer buffer;
    if (const int error = read_all(found.fd.get(), buffer)) return unreadable(path, error);
    if (buffer.size > max_secret_file_bytes) return too_large(path);
    Secret key(without_white_space_behind({buffer.bytes.data(), buffer.size}));
    if (key.empty()) return Found();
    if (std::optional<Error> problem = key_problem(key, "the key file " + path)) return *problem;
    return Found(std::move(key));
}

bool others_can_read(const std::string& path) {
    if (is_known_missing(path)) return false;
    struct stat about {};
    if (::geteuid() != 0) {
        if (::stat(path.c_str(), &about) != 0) return false;
    } else {
        // Where another user's link or directory leads is not for root to find out, nor to wait for: nothing of it is
        // read, either, and what was looked at last is no file. One that everybody may write to is looked at itself.
        const FoundFile found = look_at_trusted(path);
        if (found.error != 0) return false;
        about = found.status;
    }
    return S_ISREG(about.st_mode) && (about.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

}  // namespace capsule
