#include "daemon/server/listener.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "daemon/config/quotable.hpp"
#include "daemon/server/socket_place.hpp"
#include "daemon/users/groups.hpp"
#include "daemon/users/user_namespace.hpp"
#include "daemon/users/users.hpp"
#include "protocol/message_sender.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {
namespace {

/// Connections that the kernel keeps until they are accepted. Somebody who connects without a pause fills them all, and
/// whoever comes next waits until each has been accepted, some 30 µs for each on a machine that does nothing else.
constexpr int queued_connections = 512;

Error io(const std::string& what, const std::string& hint, int error = errno) {
    return {ErrorCode::io_error, what + ": " + std::generic_category().message(error), hint};
}

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

/// Who accepts connections at a path.
enum class Accepts {
    nobody,
    left_over,  ///< a program that a killed daemon was about to run, which has its socket until it is run
    somebody,
};

/// Whether the process that began to listen at the other end is no more.
bool is_gone(int connected) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(connected, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) return false;
    const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
    if (!process) return errno == ESRCH;
    pollfd ended{process.get(), POLLIN, 0};  // also of one that nobody has waited for yet
    return ::poll(&ended, 1, 0) == 1;
}

Accepts who_accepts(const std::string& path) {
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_un address = address_of(path);
    if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        return is_gone(probe.get()) ? Accepts::left_over : Accepts::somebody;
    // EAGAIN: its queue is full, which only a listening socket has.
    return errno == EAGAIN || errno == EINPROGRESS ? Accepts::somebody : Accepts::nobody;
}

/// What a daemon of this user left there when it was killed between its bind and its claim. Nothing else is ours.
void remove_own_stale(const std::string& name) {
    struct stat status {};
    if (::lstat(name.c_str(), &status) == 0 && S_ISSOCK(status.st_mode) && status.st_uid == ::geteuid() &&
        who_accepts(name) == Accepts::nobody)
        ::unlink(name.c_str());
}

/// A bound and listening socket under a name of its own, so that `path` never leads to one that does not listen yet.
Result<int> bind_beside(const std::string& name, const std::optional<gid_t>& group) {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return io("cannot make a socket", "see the errno above");
    take_no_descriptors(descriptor);  // nobody has anything to send here but requests
    const sockaddr_un address = address_of(name);
    remove_own_stale(name);
    const mode_t old_mask = ::umask(0117);
    const int bound = ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int bind_error = errno;
    ::umask(old_mask);
    if (bound != 0) {
        ::close(descriptor);
        if (bind_error == EADDRINUSE)
            return Error{ErrorCode::io_error, name + " is in the way, and no socket that this daemon's user has left",
                         "move it away, or choose another --socket"};
        return io("cannot bind " + name,
                  "let uid " + std::to_string(::geteuid()) +
                      " write to its directory (a volume there, chown), or choose another --socket",
                  bind_error);
    }
    const bool group_set = !group || ::chown(name.c_str(), static_cast<uid_t>(-1), *group) == 0;
    if (!group_set || ::chmod(name.c_str(), 0660) != 0 || ::listen(descriptor, queued_connections) != 0) {
        auto error = io("cannot set up the socket " + name, "the daemon must be root or in [daemon] socket_group");
        ::close(descriptor);
        ::unlink(name.c_str());
        return error;
    }
    return descriptor;
}

bool is_no_socket(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode);
}

Error no_socket(const std::string& path) {
    return {ErrorCode::io_error, path + " exists and is no socket", "move it away, or choose another --socket"};
}

Error taken(const std::string& path) {
    return {ErrorCode::io_error, "another daemon answers on " + path, "stop it first, or choose another --socket"};
}

/// So that of daemons that start at once one looks and puts its socket there at a time. Whoever may list the directory
/// can hold its lock, so it is not waited for longer than those take.
UniqueFd lock_directory(const std::string& path) {
    constexpr auto limit = std::chrono::seconds(1);
    UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const auto end = std::chrono::steady_clock::now() + limit;
    while (directory && ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0 && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return directory;
}

/// Puts the socket `own` at `path`, where nothing, a stale socket, or a live one may be. What a killed daemon's program
/// still has is waited for: some 25 ms on an idle machine.
Result<void> claim(const std::string& own, const std::string& path) {
    constexpr auto limit = std::chrono::seconds(2);
    const auto end = std::chrono::steady_clock::now() + limit;
    for (;;) {
        const UniqueFd lock = lock_directory(socket_directory(path));
        if (is_no_socket(path)) return no_socket(path);
        const Accepts accepts = who_accepts(path);
        if (accepts == Accepts::nobody) {
            if (::rename(own.c_str(), path.c_str()) == 0) return {};
            return io("cannot put the socket at " + path, "choose another --socket");
        }
        if (accepts == Accepts::somebody || std::chrono::steady_clock::now() > end) return taken(path);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

Error group_conflict(std::string what, std::string hint) {
    return {ErrorCode::config_conflict, "[daemon] socket_group: " + std::move(what), std::move(hint)};
}

/// None: no group is named.
Result<std::optional<gid_t>> group_named(const std::optional<std::string>& name) {
    if (!name) return std::optional<gid_t>();
    const auto gid = find_group(*name);
    if (!gid)
        return group_conflict("there is no group " + quote(*name), "create the group first, or remove socket_group");
    if (auto one = check_is_one_group("[daemon] socket_group", *name, *gid); !one) return one.error();
    const std::string which = "\"" + *name + "\" (" + std::to_string(*gid) + ")";
    if (!has_group(*gid))
        return group_conflict("the daemon's user namespace does not have group " + which,
                              "name one that it has (/proc/self/gid_map), or remove socket_group");
    if (!can_give_to_group(*gid))
        return group_conflict("the daemon is neither root nor in group " + which,
                              "add its user to the group, or remove socket_group");
    return std::optional<gid_t>(*gid);
}

std::string own_name(const std::string& path) {
    return path + "." + std::to_string(::getpid() % 100'000);
}

}  // namespace

Result<void> ListeningSocket::check_group(const std::optional<std::string>& group) {
    const auto gid = group_named(group);
    return gid ? Result<void>() : Result<void>(gid.error());
}

Result<void> ListeningSocket::check(const std::string& path) {
    if (auto checked = check_socket_path(path); !checked) return checked;
    const std::string directory = socket_directory(path);
    if (auto checked = check_socket_directory(directory); !checked) return checked;
    if (is_no_socket(path)) return no_socket(path);
    std::filesystem::path there = directory;
    std::error_code ignored;
    while (there.has_relative_path() && !std::filesystem::exists(there, ignored))
        there = there.parent_path();
    if (::faccessat(AT_FDCWD, there.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
        return io("the socket " + path + " cannot be made in " + there.string(),
                  "let uid " + std::to_string(::geteuid()) + " write there, or choose another --socket");
    return {};
}

Result<ListeningSocket> ListeningSocket::open(const std::string& path, const std::optional<std::string>& group) {
    const auto gid = group_named(group);
    if (!gid) return gid.error();
    if (auto checked = check_socket_path(path); !checked) return checked.error();
    const std::string directory = socket_directory(path);
    if (auto prepared = prepare_socket_directory(directory, *gid); !prepared) return prepared.error();
    const std::string own = own_name(path);
    if (is_open_volume(directory))
        spdlog::warn("everybody may write to {}: run no other user in this container", directory);
    auto descriptor = bind_beside(own, *gid);
    if (!descriptor) return descriptor.error();
    ListeningSocket socket;
    socket.descriptor_ = *descriptor;
    if (auto claimed = claim(own, path); !claimed) {
        ::unlink(own.c_str());
        return claimed.error();
    }
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) {
        socket.path_ = path;
        socket.inode_ = status.st_ino;
        socket.device_ = status.st_dev;
    }
    return socket;
}

Result<void> ListeningSocket::check_free(const std::string& path) {
    if (auto checked = check_socket_path(path); !checked) return checked;
    if (auto checked = check_socket_directory(socket_directory(path)); !checked) return checked;
    return who_accepts(path) == Accepts::somebody ? Result<void>(taken(path)) : Result<void>();
}

ListeningSocket ListeningSocket::adopt(int descriptor) {
    take_no_descriptors(descriptor);
    // The kernel tells clients who called this last. So far that is whoever made the socket: systemd, which is root.
    ::listen(descriptor, queued_connections);
    ListeningSocket socket;
    socket.descriptor_ = descriptor;
    return socket;
}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::exchange(other.path_, {})),
      inode_(other.inode_),
      device_(other.device_) {}

ListeningSocket::~ListeningSocket() {
    remove_file();
    if (descriptor_ >= 0) ::close(descriptor_);
}

int ListeningSocket::release() noexcept {
    return std::exchange(descriptor_, -1);
}

void ListeningSocket::remove_file() noexcept {
    struct stat status {};
    if (!path_.empty() && ::lstat(path_.c_str(), &status) == 0 && status.st_ino == inode_ && status.st_dev == device_)
        ::unlink(path_.c_str());
    path_.clear();
}

}  // namespace capsule
