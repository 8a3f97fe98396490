// What the terminal database says of the terminal.
#pragma once

namespace capsule {

/// Whether it knows the terminal on standard output by its type (TERM), and as one whose cursor can be placed.
bool can_place_cursor();

}  // namespace capsule
