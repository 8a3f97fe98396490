#include "client/picker/terminal_type.hpp"

#include <unistd.h>

// A file of its own, since term.h makes macros of hundreds of everyday words. It needs curses.h before it.
#include <curses.h>

#include <term.h>

#include "client/roots_environment.hpp"

namespace capsule {

void leave_out_types_of_others() {
    leave_out_places_of_others({"TERMINFO", "TERMINFO_DIRS", "HOME"});
}

bool can_place_cursor() {
    int found = 0;
    if (::setupterm(nullptr, STDOUT_FILENO, &found) != OK) return false;
    const bool can = ::tigetstr("cup") != nullptr && ::tigetstr("clear") != nullptr;
    ::del_curterm(::set_curterm(nullptr));
    return can;
}

}  // namespace capsule
