// Where the daemon keeps what outlives it. One daemon's at a time: two would end each other's sessions and overwrite
// each other's keys.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "protocol/errors.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {

/// Whoever could change root's state would say which sessions there are and which keys they have. Fails with io.error,
/// "PATH WHAT_FOLLOWS: …", where another user could. Of a daemon that is not root others may well own the directory (a
/// volume of root's): there nothing is asked.
Result<void> check_state_place(const std::string& path, std::string_view what_follows);

class StateDirectory {
  public:
    /// None: nothing is kept.
    StateDirectory() = default;
    explicit StateDirectory(std::string path) : path_(std::move(path)) {}

    const std::string& path() const noexcept { return path_; }

    /// Keeps other daemons away until this one has ended, however it ends. Nothing while the directory is not there.
    /// Blocks for up to `patience` for a daemon that is still ending. Fails with io.error where another one has the
    /// directory, or another user could put something else there.
    Result<void> lock(std::chrono::milliseconds patience = {});

    /// Makes what is missing of it, 0700, and locks it. For whoever is about to write there. Fails as lock() does, and
    /// with io.error where it cannot be made.
    Result<void> make();

  private:
    std::string path_;
    UniqueFd lock_;
};

}  // namespace capsule
