// Where the daemon's socket is: a directory in which nobody else could put another one.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "protocol/errors.hpp"

namespace capsule {

/// Absolute, short enough, and without "..". Fails with io.error.
Result<void> check_socket_path(const std::string& path);

/// The directory of a path that check_socket_path() takes.
std::string socket_directory(const std::string& path);

/// A volume that root made for everybody, as Kubernetes makes an emptyDir: a container's one user has no other place.
/// Another user of the container could put a socket in our place; capsulectl sees whose it is, and refuses it.
bool is_open_volume(const std::string& directory);

/// Whoever may write there, or above, could put another socket in our place: io.error. It need not be there yet.
Result<void> check_socket_directory(const std::string& directory);

/// The same, and makes what is missing of it. `group` is who may come to the socket, so a directory that is made here
/// must let that group through.
Result<void> prepare_socket_directory(const std::string& directory, const std::optional<gid_t>& group);

}  // namespace capsule
