// The way to the capsuled that has the keys ([broker] remote).
#pragma once

#include <string>

#include "protocol/errors.hpp"
#include "protocol/trusted_server.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {

struct KeysConnection {
    UniqueFd socket;
    TrustedServer server;
};

/// Without waiting: a capsuled whose queue of connections is full is asked again a little later. Fails with io.error;
/// with access.denied where a stranger listens at the path, or serves a file system on the way (trusted_server.hpp);
/// with config.conflict where this process does.
Result<KeysConnection> connect_to_keys(const std::string& path);

/// Fails with config.conflict where `remote` leads to the daemon's own socket, by whatever name.
Result<void> check_is_another(const std::string& remote, const std::string& own_socket);

/// Fails with config.conflict where another user's file system is on the way to `remote`: it is not connected to.
Result<void> check_way_to_keys(const std::string& remote);

/// [broker] remote leads to a capsuled that cannot give what is asked of it: config.conflict with the cure.
Error has_no_keys(std::string why);

}  // namespace capsule
