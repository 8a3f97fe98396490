// Who writes in a directory: this process' threads by turns, other daemons by a lock.
#pragma once

#include <sys/types.h>

#include <optional>
#include <utility>

#include "daemon/write/file_access.hpp"
#include "protocol/errors.hpp"

namespace capsule {

/// Gives the turn back. (What the lock is on is the place's, and closed with it.)
class Turn {
  public:
    using Directory = std::pair<dev_t, ino_t>;

    explicit Turn(const Directory& directory) : directory_(directory) {}
    Turn(Turn&& other) noexcept : directory_(std::exchange(other.directory_, std::nullopt)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn();

  private:
    std::optional<Directory> directory_;
};

/// The turn in the place's directory, which is open; sets Place::has_lock. Waits two seconds for a thread of this
/// process, and fails with io.error then; 100 ms for another daemon, and goes on without the lock.
Result<Turn> take_turn(Place& place);

}  // namespace capsule
