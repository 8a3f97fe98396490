#include "client/terminal/descriptors.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace capsule {
namespace {

constexpr int first_after_standard = 3;

/// Closes those from `first` up to and without `end`.
void close_between(int first, int end) {
    if (first >= end || ::close_range(static_cast<unsigned>(first), static_cast<unsigned>(end) - 1, 0) == 0) return;
    // A kernel before 5.9 has no such call.
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    const rlim_t last = std::min<rlim_t>(limit.rlim_max, static_cast<rlim_t>(end));
    for (int descriptor = first; static_cast<rlim_t>(descriptor) < last; ++descriptor)
        ::close(descriptor);
}

std::vector<int> standard_and(const std::vector<int>& kept) {
    std::vector<int> descriptors{0, 1, 2};
    descriptors.insert(descriptors.end(), kept.begin(), kept.end());
    return descriptors;
}

/// By the kernel's list of devices, as no terminal's call is possible: consoles and serial ports, both sides of
/// pseudo-terminals, USB's, and a virtual machine's.
bool names_terminal(int descriptor) {
    struct stat status {};
    if ((::fcntl(descriptor, F_GETFL) & O_PATH) == 0 || ::fstat(descriptor, &status) != 0) return false;
    if (!S_ISCHR(status.st_mode)) return false;
    constexpr auto of_terminals = std::to_array<std::pair<unsigned, unsigned>>(
        {{2, 5}, {128, 143}, {166, 166}, {188, 188}, {204, 204}, {229, 229}});
    return std::ranges::any_of(of_terminals, [number = major(status.st_rdev)](const auto& range) {
        return range.first <= number && number <= range.second;
    });
}

}  // namespace

void fill_standard_descriptors() {
    int opened = 0;
    do
        opened = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    while (opened >= 0 && opened < first_after_standard && ::fcntl(opened, F_SETFD, 0) == 0);
    if (opened >= first_after_standard) ::close(opened);
}

void replace_with_nothing(const std::vector<int>& descriptors) {
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int descriptor : descriptors)
        nothing >= 0 ? ::dup2(nothing, descriptor) : ::close(descriptor);
    if (nothing >= first_after_standard) ::close(nothing);
}

Result<void> check_open(const std::vector<int>& kept) {
    for (const int descriptor : kept)
        if (::fcntl(descriptor, F_GETFD) < 0)
            return Error{ErrorCode::invalid_params, "--keep-fd " + std::to_string(descriptor) + ": it is not open",
                         "open it in the shell that starts capsulectl, as in: capsulectl exec … --keep-fd 5 5<file"};
    return {};
}

void replace_names_of_terminals(const std::vector<int>& kept) {
    std::vector<int> descriptors = standard_and(kept);
    std::erase_if(descriptors, [](int descriptor) { return !names_terminal(descriptor); });
    replace_with_nothing(descriptors);
}

std::vector<int> terminals_among(const std::vector<int>& kept) {
    std::vector<int> descriptors = standard_and(kept);
    std::erase_if(descriptors, [](int descriptor) { return ::isatty(descriptor) == 0; });
    return descriptors;
}

Result<void> check_sockets(const std::vector<int>& kept, std::uint32_t uid) {
    for (const int descriptor : standard_and(kept)) {
        int family = 0, listens = 0;
        socklen_t size = sizeof family;
        struct stat status {};
        if (::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) continue;
        ::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
        if (family == AF_UNIX && listens == 0) continue;
        if (::fstat(descriptor, &status) == 0 && status.st_uid == uid) continue;
        const bool local = family == AF_UNIX;
        return Error{
            ErrorCode::access_denied,
            "descriptor " + std::to_string(descriptor) + " is a " + (local ? "listening" : "network") +
                " socket of user " + std::to_string(status.st_uid) + ", and the session is user " +
                std::to_string(uid) +
                (local ? ", who would be taken for that user there" : ", who could listen with it as that user"),
            local ? "give the session a connection or a pipe instead (with systemd: Accept=yes)"
                  : "give the session a pipe instead, as in: socat TCP-LISTEN:… SYSTEM:\"capsulectl exec …\",pipes"};
    }
    return {};
}

void close_others(const std::vector<int>& kept) {
    for (const int descriptor : kept)
        ::fcntl(descriptor, F_SETFD, 0);
    close_all_but(standard_and(kept));
}

void close_all_but(std::vector<int> kept) {
    std::sort(kept.begin(), kept.end());
    int first = 0;
    for (const int descriptor : kept) {
        close_between(first, descriptor);
        first = std::max(first, descriptor + 1);
    }
    close_between(first, std::numeric_limits<int>::max());
}

}  // namespace capsule
