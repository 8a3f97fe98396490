#include "daemon/sessions/keys_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "protocol/trusted_server.hpp"

namespace capsule {
namespace {

/// The kernel remembers who called listen(), and says it in the asker's process ids.
bool is_own(int descriptor) {
    ucred server{};
    socklen_t size = sizeof server;
    return ::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &server, &size) == 0 && server.pid == ::getpid();
}

constexpr const char* own_socket_told = "it is this daemon's own socket";

}  // namespace

Error has_no_keys(std::string why) {
    return {ErrorCode::config_conflict, std::move(why),
            "write the socket of the capsuled that has the keys into [broker] remote, or remove it where the keys are"};
}

Result<void> check_is_another(const std::string& remote, const std::string& own_socket) {
    std::error_code error;
    const auto where = std::filesystem::weakly_canonical(remote, error);
    const bool same = where == std::filesystem::weakly_canonical(own_socket, error) ||
                      std::filesystem::equivalent(remote, own_socket, error);
    if (!same) return {};
    Error told = has_no_keys(own_socket_told);
    told.message = "[broker] remote: " + remote + ": " + told.message;
    return told;
}

Result<UniqueFd> connect_to_keys(const std::string& path) {
    const auto failed = [](int why) {
        return Error{ErrorCode::io_error, "cannot connect: " + std::generic_category().message(why), ""};
    };
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return failed(ENAMETOOLONG);
    path.copy(address.sun_path, path.size());
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return failed(errno);
    if (is_own(socket.get())) return has_no_keys(own_socket_told);
    if (auto server = trusted_server(socket.get(), path); !server) return server.error();
    return socket;
}

}  // namespace capsule
