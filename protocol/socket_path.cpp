#include "protocol/socket_path.hpp"

#include <sys/un.h>

#include <cstdlib>

namespace capsule {
namespace {

constexpr std::size_t longest_path = sizeof(sockaddr_un::sun_path) - 1;

/// A directory of the XDG specification, which says that relative ones are to be ignored.
std::optional<std::string> absolute(const EnvironmentLookup& env, std::string_view name) {
    auto path = env(name);
    if (path && !path->starts_with('/')) path.reset();
    return path;
}

/// `$name`, else `$HOME/fallback`.
std::optional<std::string> xdg_directory(const EnvironmentLookup& env, std::string_view name,
                                         std::string_view fallback) {
    if (auto path = absolute(env, name)) return path;
    auto home = absolute(env, "HOME");
    if (!home) return std::nullopt;
    return *home + "/" + std::string(fallback);
}

Result<std::string> checked(std::string path) {
    if (path.empty())
        return Error{ErrorCode::io_error, "the socket's path is empty", "give --socket or CAPSULE_SOCKET a path"};
    if (path.size() > longest_path)
        return Error{ErrorCode::io_error,
                     "the socket's path is longer than " + std::to_string(longest_path) + " bytes: " + path,
                     "give --socket or CAPSULE_SOCKET a shorter path"};
    return path;
}

}  // namespace

std::optional<std::string> process_environment(std::string_view name) {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
}

Result<std::string> socket_path(const std::optional<std::string>& given, uid_t uid, const EnvironmentLookup& env) {
    if (given) return checked(*given);
    if (auto path = env("CAPSULE_SOCKET")) return checked(*std::move(path));
    if (uid == 0) return std::string("/run/capsule/capsule.sock");
    if (auto directory = absolute(env, "XDG_RUNTIME_DIR")) return checked(*directory + "/capsule/capsule.sock");
    return Error{ErrorCode::io_error, "XDG_RUNTIME_DIR is not set, so there is no place for the socket",
                 "set CAPSULE_SOCKET to the socket's path, or use --socket"};
}

std::optional<std::string> config_path(const std::optional<std::string>& given, uid_t uid,
                                       const EnvironmentLookup& env) {
    if (given) return given;
    if (auto path = env("CAPSULE_CONFIG")) return path;
    if (uid == 0) return "/etc/capsule/capsule.toml";
    auto directory = xdg_directory(env, "XDG_CONFIG_HOME", ".config");
    if (!directory) return std::nullopt;
    return *directory + "/capsule/capsule.toml";
}

std::optional<std::string> state_directory(uid_t uid, const EnvironmentLookup& env) {
    if (auto given = env("STATE_DIRECTORY")) return given->substr(0, given->find(':'));
    if (uid == 0) return "/var/lib/capsule";
    auto directory = xdg_directory(env, "XDG_STATE_HOME", ".local/state");
    if (!directory) return std::nullopt;
    return *directory + "/capsule";
}

}  // namespace capsule
