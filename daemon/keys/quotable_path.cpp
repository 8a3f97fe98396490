#include "daemon/keys/quotable_path.hpp"

#include <unistd.h>

#include "daemon/config/quotable.hpp"

namespace capsule {

std::string without_arguments(const std::string& path) {
    const std::size_t end = path.find_first_of(" \t\r\n");
    return end == path.npos ? path : path.substr(0, end) + " " + std::string(not_quoted);
}

std::string quotable_path(const std::string& path) {
    const std::string shown = without_arguments(path);
    // Every path has "/" above it, and so has a key that begins with one.
    const std::string directory = shown.substr(0, shown.rfind('/'));
    return !directory.empty() && ::access(directory.c_str(), F_OK) == 0 ? shown : quotable(path);
}

}  // namespace capsule
