// Writes the log where others may keep a write waiting: to a pipe, a FIFO or a terminal. The kernel holds a pipe's lock
// while it copies what somebody else writes to it or reads from it, for as long as that one's memory makes it wait.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "protocol/unique_fd.hpp"

namespace capsule {

class LogThread {
  public:
    /// Which stays open.
    explicit LogThread(int descriptor);
    explicit LogThread(UniqueFd own);
    /// Waits a moment until all is written. What is not by then may still be, or never.
    ~LogThread();
    LogThread(const LogThread&) = delete;
    LogThread& operator=(const LogThread&) = delete;

    /// Never waits. False: there is no room for the line, or no thread to be had.
    bool put(std::string_view line);

    static constexpr std::size_t most_bytes = 64 * 1024;  ///< that wait to be written

  private:
    struct Shared;

    std::shared_ptr<Shared> shared_;  ///< whose thread may wait for longer than this lives
    bool is_started_ = false;
};

}  // namespace capsule
