#include "protocol/trusted_server.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "protocol/message_sender.hpp"
#include "protocol/path_walk.hpp"
#include "protocol/safe_path.hpp"

namespace capsule {
namespace {

Error not_its_place(const std::string& path, uid_t server, const std::string& why) {
    return {ErrorCode::access_denied,
            "the daemon at " + path + " is user " + std::to_string(server) + "'s and is not trusted: " + why,
            "if a daemon of yours is meant, name its socket with --socket or CAPSULE_SOCKET; if that user's is "
            "meant, its socket must be in a directory that only that user can write to"};
}

std::string directory_of(const std::string& path) {
    std::error_code error;
    return std::filesystem::absolute(path, error).parent_path().string();
}

Result<void> check_trusted(uid_t server, const std::string& path) {
    if (server == 0 || server == ::geteuid()) return {};
    const std::string directory = directory_of(path);
    struct stat status {};
    const auto found = walk_to(directory);
    if (!found) return not_its_place(path, server, found.error().message);
    if (!found->place || ::fstat(found->place.get(), &status) != 0 || status.st_uid != server)
        return not_its_place(path, server, directory + " is not that user's directory");
    if (const auto unsafe = who_else_can_change(directory, {server, ::geteuid()}))
        return not_its_place(path, server, unsafe->directory + ": " + unsafe->reason);
    return {};
}

/// Then root has made that socket for whoever answers there, as systemd does for a service with User=.
bool is_in_roots_place(const std::string& path) {
    return !who_else_can_change(directory_of(path), {});
}

}  // namespace

Result<int> connect_to(int descriptor, const std::string& path) {
    const auto found = walk_to(path);
    if (!found) return found.error();
    // The path itself is not connected to where the walk came to no end: it may be another one by now.
    if (!found->place) return found->error;
    struct stat status {};
    if (::fstat(found->place.get(), &status) != 0) return errno;
    if (!S_ISSOCK(status.st_mode)) return ENOTSOCK;
    take_no_descriptors(descriptor);  // this process would wait for their end
    const auto connect_by = [descriptor](const std::string& name) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (name.size() >= sizeof address.sun_path) return ENAMETOOLONG;
        name.copy(address.sun_path, name.size());
        int result = 0;
        do
            result = ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
        while (result < 0 && errno == EINTR);
        return result < 0 ? errno : 0;
    };
    const int error = connect_by("/proc/self/fd/" + std::to_string(found->place.get()));
    // Without /proc the kernel does not tell whose file systems are, either.
    return error == ENOENT && ::access("/proc/self/fd", F_OK) != 0 ? connect_by(path) : error;
}

Result<TrustedServer> TrustedServer::of(int descriptor, std::string path) {
    ucred server{};
    socklen_t size = sizeof server;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &server, &size) != 0)
        return Error{ErrorCode::io_error,
                     "the kernel does not tell who listens at " + path + ": " + std::generic_category().message(errno),
                     "try again"};
    if (auto trusted = check_trusted(server.uid, path); !trusted) return trusted.error();
    ask_who_sends(descriptor);
    return TrustedServer(std::move(path), server.uid);
}

Result<void> TrustedServer::has_sent(uid_t sender) {
    if (sender == outsider && uid_ != outsider && !known_) {
        unknown_has_sent_ = true;
        return {};
    }
    if (unknown_has_sent_) return not_its_place(path_, sender, "somebody has sent something before it did");
    if (sender != uid_) {
        if (uid_ != 0 || known_)
            return not_its_place(path_, sender, "user " + std::to_string(uid_) + " listens or has answered there");
        if (auto trusted = check_trusted(sender, path_); !trusted && !is_in_roots_place(path_)) return trusted.error();
    }
    uid_ = sender;
    known_ = true;
    return {};
}

}  // namespace capsule
