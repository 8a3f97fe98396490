#include "client/picker/terminal_type.hpp"

#include <unistd.h>

// A file of its own, since term.h makes macros of hundreds of everyday words. It needs curses.h before it.
#include <curses.h>

#include <term.h>

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

void leave_out_types_of_others() {
    if (::geteuid() != 0) return;
    for (const char* name : {"TERMINFO", "TERMINFO_DIRS", "HOME", "LOCPATH", "GCONV_PATH"})
        if (const char* value = std::getenv(name); value != nullptr && !all_are_roots(value)) ::unsetenv(name);
}

bool can_place_cursor() {
    int found = 0;
    if (::setupterm(nullptr, STDOUT_FILENO, &found) != OK) return false;
    const bool can = ::tigetstr("cup") != nullptr && ::tigetstr("clear") != nullptr;
    ::del_curterm(::set_curterm(nullptr));
    return can;
}

}  // namespace capsule
