#include "client/terminal/user_terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

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

int find_output() {
    for (const int descriptor : {STDOUT_FILENO, STDERR_FILENO})
        if (::isatty(descriptor) != 0) return copy_of(descriptor);
    const int controlling = ::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (controlling >= 0) return controlling;
    return ::isatty(STDIN_FILENO) != 0 ? copy_of(STDIN_FILENO) : -1;
}

}  // namespace

UserTerminal::UserTerminal() : output_(find_output()) {
    if (::isatty(STDIN_FILENO) != 0 && !leads_to_another_program(STDOUT_FILENO)) keys_ = copy_of(STDIN_FILENO);
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
    return front < 0 || front == ::getpgrp();  // < 0: it is not the controlling terminal, and has no jobs
}

void UserTerminal::make_raw() {
    if (raw_ || keys_ < 0 || !is_in_foreground()) return;
    termios raw = found_;
    ::cfmakeraw(&raw);
    raw_ = ::tcsetattr(keys_, TCSADRAIN, &raw) == 0;
}

void UserTerminal::restore() {
    if (raw_) ::tcsetattr(keys_, TCSAFLUSH, &found_);
    raw_ = false;
}

bool UserTerminal::write(std::string_view text) const {
    while (!text.empty()) {
        const ssize_t count = ::write(output_, text.data(), text.size());
        if (count >= 0) {
            text.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno == EAGAIN) {  // somebody else made the terminal non-blocking
            pollfd writable{output_, POLLOUT, 0};
            ::poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

}  // namespace capsule
