#include "daemon/sessions/keys_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <system_error>

#include "protocol/trusted_server.hpp"

namespace capsule {

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
    if (auto server = trusted_server(socket.get(), path); !server) return server.error();
    return socket;
}

}  // namespace capsule
