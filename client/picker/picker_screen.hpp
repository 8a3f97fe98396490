// The picker on a terminal, by ncurses.
#pragma once

#include <string>

#include "client/commands/persons_answer.hpp"
#include "client/picker/picker_list.hpp"

namespace capsule {

/// Whether there is somebody to ask: standard input and output are both terminals.
bool can_ask();

struct WentBack {};  ///< to the page before
using Picked = std::variant<std::string, WentBack, Cancelled, Error>;

/// Shows the page on standard output and gives the id of the entry that was picked. Escape and Ctrl-C cancel, and so
/// does the end of the input. However it ends, the terminal is as it was. Fails with io_error when TERM names no
/// terminal that can show it.
Picked pick(const PickerPage& page);

}  // namespace capsule
