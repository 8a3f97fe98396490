#include "protocol/trusted_server.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

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

}  // namespace

Result<uid_t> trusted_server(int descriptor, const std::string& path) {
    ucred server{};
    socklen_t size = sizeof server;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &server, &size) != 0)
        return Error{ErrorCode::io_error,
                     "the kernel does not tell who listens at " + path + ": " + std::generic_category().message(errno),
                     "try again"};
    if (server.uid == 0 || server.uid == ::geteuid()) return server.uid;
    const std::string directory = directory_of(path);
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0 || status.st_uid != server.uid)
        return not_its_place(path, server.uid, directory + " is not that user's directory");
    if (const auto unsafe = who_else_can_change(directory, {server.uid, ::geteuid()}))
        return not_its_place(path, server.uid, unsafe->directory + ": " + unsafe->reason);
    return server.uid;
}

}  // namespace capsule
