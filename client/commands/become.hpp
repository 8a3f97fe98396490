// From capsulectl to the agent: its user, its program, its terminal's title.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/common_messages.hpp"
#include "protocol/errors.hpp"
#include "protocol/spawn_messages.hpp"

namespace capsule {

/// Makes this process run as `user`, groups and all, for good, and verifies it. Root may become anyone; anybody else
/// only what they are already. Fails with access_denied or io_error.
Result<void> become_user(const SessionUser& user);

/// Gives up for good what a program of `user` could gain more than that user has: no_new_privs, so that neither sudo
/// nor a file's capabilities give it any; no inheritable and ambient capabilities; and an empty bounding set, where
/// this process may empty it (CAP_SETPCAP; without it, no_new_privs is what holds). Root's own session keeps its
/// capabilities. Then become_user(). `keep` leaves all of this out but become_user().
Result<void> become_without_privileges(const SessionUser& user, bool keep);

/// Zeroes this process's environment but for TERM and NO_COLOR, and what calls that have ended left on the stack: once
/// this process is another user's, that user may get to see its memory.
void forget_environment();

/// The program `name` in `path` (PATH's form), of which only absolute entries count; a `name` with a '/' is taken as it
/// is if it is absolute. Where this process is root, one that another user could change does not count. Fails with
/// io_error when there is no such executable file.
Result<std::string> find_program(const std::string& name, std::string_view path);

/// What sets a terminal's title (OSC 0), or "" for a terminal type that has none.
std::string title_sequence(std::string_view title, std::string_view terminal_type);

/// What execve() takes, as long as `words` is there and stays as it is.
std::vector<char*> pointers(const std::vector<std::string>& words);

/// Becomes the program: only returns when that fails.
Error become_program(const std::string& program, const SpawnResult& session);

}  // namespace capsule
