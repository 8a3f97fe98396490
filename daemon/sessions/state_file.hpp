// Small files of the state directory, 0600: read and written without following a link.
//
// Nothing is synced to the disk: these files are for a daemon that was stopped or killed, whose writes the kernel has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "daemon/base/state_directory.hpp"
#include "protocol/errors.hpp"

namespace capsule {

/// None: it is not there, cannot be read, or has that many bytes or more.
std::optional<std::string> read_state_file(const std::string& path, std::size_t most_bytes);

/// The directory "sessions" of the state. Fails with io.error.
Result<void> make_state_files(StateDirectory& state);

/// Whether files could be written there, as far as it can be known without a change. Fails with io.error.
Result<void> foresee_state_files(const std::string& directory);

/// In the place of what was there, at once. Fails with io.error; then what was there stays.
Result<void> write_state_file(const std::string& path, const std::string& text);

/// What stays of it are the whole lines of its last so many bytes. Without memory of the heap. Gives how many bytes
/// they have; fails as write_state_file() does.
Result<std::uint64_t> keep_end_of_state_file(const std::string& path, std::uint64_t most_bytes);

/// Fails with io.error; then a part of it may be there.
Result<void> append_to_state_file(const std::string& path, const std::string& text);

}  // namespace capsule
