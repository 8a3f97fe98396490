// One file put in another's place, with somebody else writing there at the same time. Every step works on one open
// directory, with the lock among our own runs held.
//
// The new text is written to a temporary file beside the target, which is then exchanged with it. What comes out of the
// exchange says whether the target still was what had been read. Until that is certain our file has the sticky bit. A
// run that is killed therefore leaves one of these, which the next run tells apart:
//
//   temporary file   target     what happened                             what clear_leftover() does
//   sticky           any        ours, never put in place                  deletes it
//   not sticky       sticky     exchanged, and not looked at any more     exchanges back, deletes ours
//   not sticky       none       taken away, and not looked at any more    puts it back
//   not sticky       not sticky somebody wrote the target since           nothing: an error that names both
#pragma once

#include "daemon/write/atomic_file.hpp"
#include "daemon/write/file_access.hpp"

namespace capsule {

/// again: the file is not what it was when `base` was read, or a program has it open to write. Nothing was done; look
/// anew.
enum class Outcome { done, again };

/// io.error where something has that name and is not provably ours.
Result<void> clear_leftover(const Place& place);

/// For these, clear_leftover() comes first.
Result<Outcome> create(const Place& place, const std::string& text, mode_t mode);
/// The same under another name of that directory.
Result<Outcome> create_as(const Place& place, const std::string& name, const std::string& text, mode_t mode);
/// When it is done, `not_copied` says which of the file's extended attributes and its group's rights are lost.
Result<Outcome> replace(const Place& place, const Snapshot& base, const std::string& text, mode_t mode,
                        std::string& not_copied);
Result<Outcome> remove(const Place& place, const Snapshot& base);

}  // namespace capsule
