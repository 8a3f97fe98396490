// What the terminal database says of the terminal.
#pragma once

namespace capsule {

/// Whether it knows the terminal on standard output by its type (TERM), and as one whose cursor can be placed.
bool can_place_cursor();

/// Has root's curses look for terminal types at no place that another user could change: what they say is written to
/// the terminal as it stands. Takes TERMINFO, TERMINFO_DIRS and HOME out of this process's environment where they name
/// one.
void leave_out_types_of_others();

}  // namespace capsule
