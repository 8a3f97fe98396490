#include "daemon/server/socket_place.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <system_error>

#include "daemon/users/users.hpp"
#include "protocol/mounts.hpp"
#include "protocol/safe_path.hpp"

namespace capsule {
namespace {

Error failed(const std::string& what, const std::string& hint) {
    return {ErrorCode::io_error, what + ": " + std::generic_category().message(errno), hint};
}

/// Makes what is missing of `directory`, from the top down. Each step is looked at before the next one is made in it.
Result<void> make_directories(const std::string& directory,
                              const std::function<Result<void>(const std::string&)>& check) {
    for (std::size_t end = 0; end != std::string::npos;) {
        end = directory.find('/', end + 1);
        const std::string step = directory.substr(0, end);
        if (::mkdir(step.c_str(), 0755) != 0) {
            if (errno == EEXIST || errno == EISDIR) continue;
            return failed("cannot make the socket's directory " + step,
                          "mount a volume there (emptyDir, tmpfs), make it, or choose another --socket");
        }
        if (auto checked = check(step); !checked) return checked;
    }
    return {};
}

/// `step` is `directory`, or above it.
Result<void> check_directory(const std::string& directory, const std::string& step) {
    const std::string refused = "refusing to listen in " + directory + ": ";
    const std::string cure = "use a directory of the daemon's own, such as /run/capsule, or choose another --socket";
    const auto unsafe = who_else_can_change(step, {::geteuid()});
    // What is missing is made here, and looked at then.
    if (unsafe && !unsafe->is_missing && !(unsafe->directory == directory && is_open_volume(directory))) {
        const std::string which = unsafe->directory == directory ? "" : unsafe->directory + ": ";
        const std::string why = unsafe->owner ? "it belongs to user " + user_name(*unsafe->owner) : unsafe->reason;
        return Error{ErrorCode::io_error, refused + which + why, cure};
    }
    struct stat status {};
    if (step == directory && ::lstat(step.c_str(), &status) == 0 && S_ISLNK(status.st_mode))
        return Error{ErrorCode::io_error, refused + "it is a symbolic link", cure};
    return {};
}

}  // namespace

Result<void> check_socket_path(const std::string& path) {
    if (!path.starts_with('/'))
        return Error{ErrorCode::io_error, "the socket's path must be absolute: " + path, "give it from the root on"};
    // The kernel goes up from where a link has led to; what is looked at below is the text.
    const std::filesystem::path parts(path);
    if (std::ranges::find(parts, "..") != parts.end())
        return Error{ErrorCode::io_error, "the socket's path has a \"..\" in it: " + path,
                     "give it without, from the root on"};
    constexpr std::size_t longest_suffix = sizeof ".99999" - 1;
    if (path.size() + longest_suffix >= sizeof(sockaddr_un::sun_path))
        return Error{ErrorCode::io_error, "the socket's path is too long: " + path, "choose a shorter --socket"};
    return {};
}

std::string socket_directory(const std::string& path) {
    return std::filesystem::path(path).parent_path().lexically_normal().string();
}

bool is_open_volume(const std::string& directory) {
    struct statx status {};
    const UniqueFd place(::open(directory.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (::geteuid() == 0 || !place || !why_not_believed(place).empty() ||
        ::statx(place.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status) != 0)
        return false;
    return status.stx_uid == 0 && (status.stx_mode & S_IWOTH) != 0 &&
           (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Result<void> check_socket_directory(const std::string& directory) {
    return check_directory(directory, directory);
}

Result<void> prepare_socket_directory(const std::string& directory, const std::optional<gid_t>& group) {
    const auto check = [&](const std::string& step) { return check_directory(directory, step); };
    if (auto checked = check(directory); !checked) return checked;
    struct stat status {};
    if (::lstat(directory.c_str(), &status) == 0) return {};
    const mode_t old_mask = ::umask(0022);  // a looser one would make what is refused above
    auto made = make_directories(directory, check);
    ::umask(old_mask);
    if (!made) return made;
    if (group && ::chown(directory.c_str(), static_cast<uid_t>(-1), *group) != 0)
        return failed("cannot give the socket's directory " + directory + " to its group",
                      "the daemon must be root or in [daemon] socket_group");
    // They pass, but do not list it: who may read a directory can keep it busy.
    if (::chmod(directory.c_str(), 0710) != 0)
        return failed("cannot set the mode of the socket's directory " + directory, "choose another --socket");
    return check(directory);
}

}  // namespace capsule
