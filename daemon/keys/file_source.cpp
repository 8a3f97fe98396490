#include "daemon/keys/file_source.hpp"

#include <unistd.h>

#include <cerrno>

#include "daemon/base/known_missing.hpp"
#include "daemon/keys/quotable_path.hpp"
#include "daemon/keys/secret_file.hpp"

namespace capsule {

std::optional<KeyFinding> file_source(const std::map<std::string, Secret>& environment, const std::string& variable) {
    const std::string pointer = variable + "_FILE";
    const auto set = environment.find(pointer);
    if (set == environment.end() || set->second.empty()) return std::nullopt;
    const std::string path(set->second.reveal());
    const auto refuse = [&](Error error) { return unusable(std::move(error), pointer, "container"); };
    // Not shown: it may be the key itself.
    if (!path.starts_with('/'))
        return refuse({ErrorCode::key_error, pointer + " is not an absolute path",
                       "Set " + pointer + " to the whole path of the file with the key."});
    Result<std::optional<Secret>> read = read_secret_file(path);
    if (!read) return refuse(read.error());
    if (*read) return found_key(std::move(**read), variable, pointer, "container");
    if (is_known_missing(path) || ::access(path.c_str(), F_OK) != 0)
        return refuse({ErrorCode::key_error, pointer + " names " + quotable_path(path) + ", which is not there",
                       "Mount the key at " + quotable_path(path) + ", or unset " + pointer + "."});
    return std::nullopt;
}

}  // namespace capsule
