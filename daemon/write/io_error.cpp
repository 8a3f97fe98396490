#include "daemon/write/io_error.hpp"

#include <string.h>

#include <array>
#include <cerrno>

#include "daemon/base/home_path.hpp"

namespace capsule {
namespace {

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
            return "the disk, or what is mounted there, reports an error: see dmesg";
        case ENOTCONN:
        case ECONNABORTED:
        case ESTALE:
        case ETIMEDOUT:
        case EHOSTDOWN:
        case EHOSTUNREACH:
            return "what is mounted there does not answer: unmount it, or mount it again, then try again";
        case EAGAIN:
            return "another program holds the file (a lock or a lease): end that program, then try again";
        case ETIME:
        case EINTR:
            return "the time was up: see what holds the home or a directory of the PATH up, then try again";
        case ENOMEM:
            return "memory ran out: free some, then try again";
        case ELOOP:
            return "the links lead in a circle, or are too many or too long: remove one of them";
        case ENOTDIR:
            return "a part of the path is not a directory: move it out of the way";
        case EISDIR:
            return "a directory is where a file is meant: move it out of the way";
        default:
            return "see whether it is an ordinary file, on a file system that answers, then try again";
    }
}

}  // namespace

std::string io_problem(int error_number) {
    if (error_number == in_the_kernels_files) return "its files are made by the kernel as they are read";
    std::array<char, 128> buffer{};
    return ::strerror_r(error_number, buffer.data(), buffer.size());
}

Error io_error(std::string_view doing, const std::string& path, int error_number) {
    if (error_number == in_the_kernels_files)
        return {ErrorCode::io_error, path + " is made by the kernel as it is read: it is no file of settings",
                "move it out of the way, then try again"};
    return {ErrorCode::io_error, "cannot " + std::string(doing) + " " + path + ": " + io_problem(error_number),
            std::string(cure(error_number))};
}

}  // namespace capsule
