// What root's environment says of places: one that another user could change is not looked into.
#pragma once

#include <initializer_list>

namespace capsule {

/// Takes those of `names` out of root's environment whose value lists a directory that another user could change, or a
/// relative one. Another user's environment stays as it is.
void leave_out_places_of_others(std::initializer_list<const char*> names);

/// The same of a locale, and of code that knows its characters: LOCPATH and GCONV_PATH. (The C library looks for a path
/// in LC_ALL and its like below its own directory.) A locale says how text is shown, and whoever opens a FIFO in its
/// place waits. To be called before any text is measured or shown.
void leave_out_locales_of_others();

}  // namespace capsule
