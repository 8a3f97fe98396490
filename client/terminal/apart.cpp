#include "client/terminal/apart.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "client/terminal/descriptors.hpp"

namespace capsule {

pid_t do_apart(const std::vector<int>& kept, const std::function<void()>& work) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::setsid();
    close_all_but(kept);
    work();
    ::_exit(0);
}

pid_t close_apart(int descriptor) {
    std::array<int, 2> closed{-1, -1};
    const bool can_tell = ::pipe2(closed.data(), O_CLOEXEC) == 0;
    const auto [told, teller] = closed;
    // The child's end closes it there.
    const auto wait = [told = told] {
        char nothing = 0;
        [[maybe_unused]] const auto count = ::read(told, &nothing, 1);
    };
    const pid_t child = can_tell ? do_apart({descriptor, told}, wait) : -1;
    for (const int each : {told, descriptor, teller})
        ::close(each);
    return child;
}

}  // namespace capsule
