#include "daemon/sessions/keys_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "daemon/base/known_missing.hpp"
#include "protocol/path_walk.hpp"

namespace capsule {
namespace {

/// The kernel remembers who called listen(), and says it in the asker's process ids.
bool is_own(int descriptor) {
    ucred server{};
    socklen_t size = sizeof server;
    return ::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &server, &size) == 0 && server.pid == ::getpid();
}

/// By another name, too, such as one of a bind mount.
bool is_same(const WalkedPlace& one, const WalkedPlace& other) {
    struct stat of_one {
    }, of_other{};
    const auto look = [](const WalkedPlace& at, struct stat& status) {
        return at.place && ::fstat(at.place.get(), &status) == 0;
    };
    if (one.path == other.path) return true;
    return look(one, of_one) && look(other, of_other) && of_one.st_dev == of_other.st_dev &&
           of_one.st_ino == of_other.st_ino;
}

constexpr const char* own_socket_told = "it is this daemon's own socket";

}  // namespace

Error has_no_keys(std::string why) {
    return {ErrorCode::config_conflict, std::move(why),
            "write the socket of the capsuled that has the keys into [broker] remote, or remove it where the keys are"};
}

Result<void> check_is_another(const std::string& remote, const std::string& own_socket) {
    const auto there = walk_to(remote), own = walk_to(own_socket);
    if (!there || !own || !is_same(*there, *own)) return {};
    Error told = has_no_keys(own_socket_told);
    told.message = "[broker] remote: " + remote + ": " + told.message;
    return told;
}

Result<void> check_way_to_keys(const std::string& remote) {
    const auto found = walk_to(remote);
    if (found) return {};
    return Error{ErrorCode::config_conflict, "[broker] remote: " + found.error().message, found.error().hint};
}

Result<KeysConnection> connect_to_keys(const std::string& path) {
    const auto failed = [](int why) {
        return Error{ErrorCode::io_error, "cannot connect: " + std::generic_category().message(why), ""};
    };
    if (path.size() >= sizeof(sockaddr_un::sun_path)) return failed(ENAMETOOLONG);
    if (is_known_missing(path)) return failed(ENOENT);
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return failed(errno);
    const auto connected = connect_to(socket.get(), path);
    if (!connected) return connected.error();
    if (*connected != 0) return failed(*connected);
    if (is_own(socket.get())) return has_no_keys(own_socket_told);
    auto server = TrustedServer::of(socket.get(), path);
    if (!server) return server.error();
    return KeysConnection{std::move(socket), *std::move(server)};
}

}  // namespace capsule
