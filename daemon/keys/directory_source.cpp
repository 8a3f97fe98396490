#include "daemon/keys/directory_source.hpp"

#include <unistd.h>

#include "daemon/base/known_missing.hpp"
#include "daemon/keys/secret_file.hpp"
#include "protocol/trusted_path.hpp"

namespace capsule {
// Nothing looks for what is known not to be there: in a tmpfs, as /run is one, that waits for whoever holds it.
bool is_closed(const std::string& directory) {
    if (is_known_missing(directory)) return true;
    return !untrusted_component(directory) && ::access(directory.c_str(), X_OK) != 0;
}

std::optional<KeyFinding> directory_source(const std::string& directory, const std::string& variable,
                                           const std::string& source) {
    Result<std::optional<Secret>> read = read_secret_file(directory + "/" + variable);
    if (!read) return unusable(read.error(), source, "container");
    if (!*read) return std::nullopt;
    return found_key(std::move(**read), variable, source, "container");
}

}  // namespace capsule
