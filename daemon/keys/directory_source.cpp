#include "daemon/keys/directory_source.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "daemon/base/trusted_path.hpp"
#include "daemon/keys/secret_file.hpp"
#include "daemon/keys/seen_directory.hpp"

namespace capsule {
namespace {

std::optional<SeenDirectory> look_at(const std::string& directory) {
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0) return std::nullopt;
    return seen_directory(status);
}

}  // namespace

// A tmpfs, as /run is one, remembers no name that is not there. To look for it waits for whoever holds the directory,
// and whoever may read it can do that; to look at the directory does not.
bool is_closed(const std::string& directory) {
    static std::map<std::string, SeenDirectory> missing;  // and in which directory; of the I/O thread
    const std::string above = directory.substr(0, directory.rfind('/') + 1);
    if (const auto known = missing.find(directory); known != missing.end()) {
        if (look_at(above) == known->second) return true;
        missing.erase(known);
    }
    if (untrusted_component(directory)) return false;
    const auto seen = look_at(above);
    if (::access(directory.c_str(), X_OK) == 0) return false;
    // What a link leads to may come without a change in the directory that the link is in.
    struct stat link {};
    if (seen && ::lstat(directory.c_str(), &link) != 0 && errno == ENOENT) missing.emplace(directory, *seen);
    return true;
}

std::optional<KeyFinding> directory_source(const std::string& directory, const std::string& variable,
                                           const std::string& source) {
    Result<std::optional<Secret>> read = read_secret_file(directory + "/" + variable);
    if (!read) return unusable(read.error(), source, "container");
    if (!*read) return std::nullopt;
    return found_key(std::move(**read), variable, source, "container");
}

}  // namespace capsule
