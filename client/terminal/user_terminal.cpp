#include "client/terminal/user_terminal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace capsule {
namespace {

constexpr int past_standard = 3;

int copy_of(int descriptor) {
    return ::fcntl(descriptor, F_DUPFD_CLOEXEC, past_standard);
}

bool leads_to_another_program(int descriptor) {
    struct stat status {};
    return ::fstat(descriptor, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

int open_output(const std::string& path) {
    return ::open(path.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

bool are_one_terminal(int one, int other) {
    unsigned first = 0, second = 0;
    return ::ioctl(one, TIOCGDEV, &first) == 0 && ::ioctl(other, TIOCGDEV, &second) == 0 && first == second;
}

/// The terminal `descriptor`, opened anew: whoever shares the descriptor, a shell, is not to find it non-blocking. A
/// copy where that cannot be done, of a terminal that is another process's alone (TIOCEXCL).
int opened_anew(int descriptor) {
    for (const std::string& path : {"/proc/self/fd/" + std::to_string(descriptor), std::string("/dev/tty")}) {
        const int anew = open_output(path);
        if (are_one_terminal(anew, descriptor)) return anew;
        if (anew >= 0) ::close(anew);  // the other side of a new one, where `descriptor` is such a side
    }
    return copy_of(descriptor);
}

int find_output() {
    for (const int descriptor : {STDOUT_FILENO, STDERR_FILENO})
        if (::isatty(descriptor) != 0) return opened_anew(descriptor);
    if (const int controlling = open_output("/dev/tty"); controlling >= 0) return controlling;
    return ::isatty(STDIN_FILENO) != 0 ? opened_anew(STDIN_FILENO) : -1;
}

}  // namespace

UserTerminal::UserTerminal() : output_(find_output()) {
    if (::isatty(STDIN_FILENO) != 0 && !leads_to_another_program(STDOUT_FILENO)) keys_ = copy_of(STDIN_FILENO);
    // Of a session without a terminal, where this one is nobody's yet. Another session's stays that one's.
    if (keys_ >= 0 && ::tcgetpgrp(keys_) < 0) ::ioctl(keys_, TIOCSCTTY, 0);
    if (exists()) ::tcgetattr(keys_ >= 0 ? keys_ : output_, &found_);
}

UserTerminal::~UserTerminal() {
    restore();
    for (const int descriptor : {keys_, output_})
        if (descriptor >= 0) ::close(descriptor);
}

winsize UserTerminal::size() const noexcept {
    winsize size{};
    ::ioctl(keys_ >= 0 ? keys_ : output_, TIOCGWINSZ, &size);
    return size;
}

bool UserTerminal::is_in_foreground() const noexcept {
    const pid_t front = ::tcgetpgrp(keys_ >= 0 ? keys_ : output_);
    // ENOTTY: it is not this session's terminal, so somebody else's shell may be in front. Else it is gone.
    return front < 0 ? errno != ENOTTY : front == ::getpgrp();
}

void UserTerminal::make_raw(bool anew) {
    raw_ = raw_ && !anew;
    if (raw_ || keys_ < 0 || !is_in_foreground()) return;
    termios raw = found_;
    ::cfmakeraw(&raw);
    raw_ = ::tcsetattr(keys_, TCSANOW, &raw) == 0;
}

void UserTerminal::restore() {
    // Not TCSAFLUSH, which would wait for the terminal's reader.
    if (raw_ && is_in_foreground() && ::tcsetattr(keys_, TCSANOW, &found_) == 0) ::tcflush(keys_, TCIFLUSH);
    raw_ = false;
}

std::optional<std::size_t> UserTerminal::write(std::string_view text) const {
    if (!exists()) return text.size();
    const ssize_t count = ::write(output_, text.data(), text.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EAGAIN || errno == EINTR) return 0;
    return std::nullopt;
}

}  // namespace capsule
