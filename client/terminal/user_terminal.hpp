// The terminal of the person who started capsulectl: its modes, its size, who is in its foreground.
#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include <cstddef>
#include <optional>
#include <string_view>

namespace capsule {

class UserTerminal {
  public:
    /// Finds it among 0, 1, 2 and this process's controlling terminal; exists() says whether there is one. Keys are
    /// read from it if 0 is a terminal and 1 is none of a pipeline's: there the keyboard is its next program's.
    UserTerminal();
    ~UserTerminal();
    UserTerminal(const UserTerminal&) = delete;
    UserTerminal& operator=(const UserTerminal&) = delete;

    bool exists() const noexcept { return output_ >= 0; }
    /// What keys are read from, or -1.
    int keys() const noexcept { return keys_; }
    /// What write() writes to, or -1.
    int output() const noexcept { return output_; }
    /// Its settings as they were found.
    const termios& settings() const noexcept { return found_; }
    winsize size() const noexcept;
    /// Whether keys are this process's to read now: it is its session's terminal, and no other job is in front. True of
    /// one that is gone, which a read tells.
    bool is_in_foreground() const noexcept;

    /// Hands each key through as it is. Nothing without keys() or in the background. `anew`: whoever had the terminal
    /// meanwhile, a shell, has set it as it likes.
    void make_raw(bool anew = false);
    /// The settings that were found. What was typed, or sent by the terminal, and not read yet is dropped. Nothing in
    /// the background, where both are another job's.
    void restore();
    /// Writes what the terminal takes now, and gives how many bytes that is; none: the terminal is gone. Waits for no
    /// reader, but for the one of a terminal that could not be opened anew. Without a terminal all of it is dropped.
    std::optional<std::size_t> write(std::string_view text) const;

  private:
    int keys_ = -1;
    int output_ = -1;
    termios found_{};
    bool raw_ = false;
};

}  // namespace capsule
