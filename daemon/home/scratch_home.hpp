// A directory for one run of an agent's program. All of it is done with the calling thread's identity, the session
// user's (HomeWorker), for from then on the directory is in that user's hands.
#pragma once

#include <string>
#include <string_view>

#include "protocol/errors.hpp"

namespace capsule {

/// What is removed of a scratch home at most; a user who has moved more into it keeps the rest.
inline constexpr int most_scratch_entries = 4096;
inline constexpr int deepest_scratch_directory = 32;

/// A new directory in `above` for the calling thread's user alone. io.error where there is no place for one.
Result<std::string> make_scratch_home(const std::string& above);

/// A new file in it, 0600. Fails with io.error where something is there already, be it a link.
Result<void> write_in_scratch_home(const std::string& home, const std::string& name, std::string_view text);

/// Removes it with what is in it, whatever modes that has. Follows no link, and ends at the limits above and at the
/// thread's time limit. io.error says why something of it is left.
Result<void> remove_scratch_home(const std::string& home);

}  // namespace capsule
