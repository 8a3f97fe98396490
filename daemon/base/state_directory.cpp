#include "daemon/base/state_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <thread>

#include "protocol/trusted_path.hpp"

namespace capsule {
namespace {

constexpr const char* cure = "stop that one, or start this one with another STATE_DIRECTORY";

Error not_ours(const std::string& file) {
    return {ErrorCode::io_error, file + " is no lock of this daemon's user",
            "see who made it, and remove it; or start this daemon with another STATE_DIRECTORY"};
}

bool is_ours(int descriptor) {
    struct stat status {};
    return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == ::geteuid();
}

/// In a directory that was open once, such as a fresh volume, others may have made what would be read as the daemon's.
Result<void> check_sessions(const std::string& path) {
    const std::string sessions = path + "/sessions";
    struct stat status {};
    if (::geteuid() != 0 || ::lstat(sessions.c_str(), &status) != 0 || status.st_uid == ::geteuid()) return {};
    return Error{
        ErrorCode::io_error, path + " is not used: " + sessions + " belongs to user " + std::to_string(status.st_uid),
        "remove it, as what is there would be read as the daemon's own; or use another place (STATE_DIRECTORY)."};
}

}  // namespace

Result<void> check_state_place(const std::string& path, std::string_view what_follows) {
    if (::geteuid() != 0) return {};
    std::error_code error;
    const auto problem = untrusted_directory(std::filesystem::absolute(path, error).string());
    if (!problem) return {};
    return Error{ErrorCode::io_error,
                 path + " " + std::string(what_follows) + ": " + problem->component + " " + problem->why,
                 problem->cure() + " (STATE_DIRECTORY)."};
}

Result<void> StateDirectory::lock(std::chrono::milliseconds patience) {
    constexpr std::chrono::milliseconds pause{20};
    if (path_.empty() || lock_) return {};
    if (auto checked = check_state_place(path_, "is not used"); !checked) return checked;
    if (auto checked = check_sessions(path_); !checked) return checked;
    const std::string file = path_ + "/capsuled.lock";
    UniqueFd opened(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600));
    // Where no file can be made nothing is kept, either: whoever wants to keep something says why not.
    if (!opened) return errno == ELOOP ? Result<void>(not_ours(file)) : Result<void>();
    if (!is_ours(opened.get())) return not_ours(file);
    const auto limit = std::chrono::steady_clock::now() + patience;
    while (::flock(opened.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return {};  // a file system without locks
        if (std::chrono::steady_clock::now() >= limit)
            return Error{ErrorCode::io_error, "another capsuled uses the state directory " + path_, cure};
        std::this_thread::sleep_for(pause);
    }
    lock_ = std::move(opened);
    return {};
}

Result<void> StateDirectory::make() {
    if (path_.empty() || lock_) return {};
    if (auto checked = check_state_place(path_, "is not used"); !checked) return checked;
    int problem = 0;
    for (std::size_t slash = 1; slash != std::string::npos;) {
        slash = path_.find('/', slash + 1);
        // The kernel says first that a directory is there, then that its place cannot be written to.
        if (::mkdir(path_.substr(0, slash).c_str(), S_IRWXU) != 0 && errno != EEXIST && problem == 0) problem = errno;
    }
    std::error_code ignored;
    if (problem != 0 && !std::filesystem::is_directory(path_, ignored))
        return Error{ErrorCode::io_error,
                     "cannot make the state directory " + path_ + ": " + std::generic_category().message(problem),
                     "let uid " + std::to_string(::geteuid()) + " write there, or set another STATE_DIRECTORY"};
    return lock();
}

}  // namespace capsule
