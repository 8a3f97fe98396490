#include "client/roots_environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "protocol/safe_path.hpp"

namespace capsule {
namespace {

bool all_are_roots(std::string_view directories) {
    while (!directories.empty()) {
        const std::size_t end = std::min(directories.find(':'), directories.size());
        const std::string directory(directories.substr(0, end));
        directories.remove_prefix(std::min(end + 1, directories.size()));
        // Where a relative one leads depends, and "hex:…" is no directory.
        if (!directory.empty() && (directory.front() != '/' || who_else_can_change(directory, {}))) return false;
    }
    return true;
}

}  // namespace

void leave_out_places_of_others(std::initializer_list<const char*> names) {
    if (::geteuid() != 0) return;
    for (const char* name : names)
        if (const char* value = std::getenv(name); value != nullptr && !all_are_roots(value)) ::unsetenv(name);
}

void leave_out_locales_of_others() {
    leave_out_places_of_others({"LOCPATH", "GCONV_PATH"});
}

}  // namespace capsule
