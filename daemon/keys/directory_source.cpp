#include "daemon/keys/directory_source.hpp"

#include <unistd.h>

#include "daemon/base/trusted_path.hpp"
#include "daemon/keys/secret_file.hpp"

namespace capsule {

std::optional<KeyFinding> directory_source(const std::string& directory, const std::string& variable,
                                           const std::string& source) {
    // A directory that is closed to the daemon was not made for it; a file in it that is closed was.
    const bool trusted = !untrusted_component(directory);
    if (trusted && ::access(directory.c_str(), X_OK) != 0) return std::nullopt;
    Result<std::optional<Secret>> read = read_secret_file(directory + "/" + variable);
    if (!read) return unusable(read.error(), source, "container");
    if (!*read) return std::nullopt;
    return found_key(std::move(**read), variable, source, "container");
}

}  // namespace capsule
