#include "client/commands/ask_key.hpp"

#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>

namespace capsule {
namespace {

volatile sig_atomic_t interrupted = 0;

/// While it lives, signals that would end the process end the reading instead, so that the echo comes back.
class Interruptible {
  public:
    Interruptible() {
        interrupted = 0;
        struct sigaction action {};
        action.sa_handler = [](int) { interrupted = 1; };  // no SA_RESTART: read() is to return
        for (std::size_t i = 0; i < signals.size(); ++i)
            ::sigaction(signals[i], &action, &before_[i]);
    }
    ~Interruptible() {
        for (std::size_t i = 0; i < signals.size(); ++i)
            ::sigaction(signals[i], &before_[i], nullptr);
    }
    Interruptible(const Interruptible&) = delete;
    Interruptible& operator=(const Interruptible&) = delete;

  private:
    static constexpr std::array signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    std::array<struct sigaction, signals.size()> before_{};
};

class NoEcho {
  public:
    explicit NoEcho(int descriptor) : descriptor_(descriptor) {
        ::tcgetattr(descriptor_, &before_);
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        silent.c_lflag |= ECHONL;  // the Enter shows, so that the next output has its own line
        ::tcsetattr(descriptor_, TCSAFLUSH, &silent);
    }
    ~NoEcho() { ::tcsetattr(descriptor_, TCSAFLUSH, &before_); }
    NoEcho(const NoEcho&) = delete;
    NoEcho& operator=(const NoEcho&) = delete;

  private:
    int descriptor_;
    termios before_{};
};

enum class Ended { at_line, at_end, by_signal, too_long, by_error };

/// Appends to `text` what is read, up to the end or (`one_line`) to the line's end.
Ended read_into(std::string& text, int descriptor, bool one_line) {
    text.reserve(longest_key + 1);  // no copy is left behind by growing
    std::array<char, 4096> chunk;
    for (;;) {
        const ssize_t count = ::read(descriptor, chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR && interrupted == 0) continue;
        if (count < 0) return interrupted != 0 ? Ended::by_signal : Ended::by_error;
        if (count == 0) return Ended::at_end;
        const auto size = static_cast<std::size_t>(count);
        if (text.size() + size > longest_key) return Ended::too_long;
        text.append(chunk.data(), size);
        ::explicit_bzero(chunk.data(), size);
        if (one_line && text.ends_with('\n')) return Ended::at_line;
    }
}

void drop_white_space_behind(std::string& text) {
    text.resize(text.find_last_not_of(" \t\r\n") + 1);
}

}  // namespace

PersonsAnswer<std::string> ask_key(int descriptor, const std::string& prompt) {
    const bool terminal = ::isatty(descriptor) != 0;
    std::string key;
    Ended ended = Ended::at_end;
    if (terminal) {
        const Interruptible interruptible;
        const NoEcho no_echo(descriptor);
        std::fputs(prompt.c_str(), stderr);
        ended = read_into(key, descriptor, true);
        if (ended != Ended::at_line) std::fputs("\n", stderr);
    } else {
        ended = read_into(key, descriptor, false);
    }
    if (ended == Ended::by_signal) return Cancelled{};
    if (ended == Ended::by_error)
        return Error{ErrorCode::io_error, "cannot read the key from standard input", "is it open? pipe the key in"};
    if (ended == Ended::too_long)
        return Error{ErrorCode::invalid_params, "that is too long for a key", "pipe only the key itself in"};
    drop_white_space_behind(key);
    if (key.empty())
        return Error{ErrorCode::invalid_params, "no key was given",
                     "type or paste it at the prompt, or pipe it in; \"auth unset\" removes a stored key"};
    return key;
}

}  // namespace capsule
