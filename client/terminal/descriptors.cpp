#include "client/terminal/descriptors.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

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
        ::dup2(nothing, descriptor);
    if (nothing >= first_after_standard) ::close(nothing);
}

std::vector<int> terminals_among(const std::vector<int>& kept) {
    std::vector<int> descriptors{0, 1, 2};
    descriptors.insert(descriptors.end(), kept.begin(), kept.end());
    std::erase_if(descriptors, [](int descriptor) { return ::isatty(descriptor) == 0; });
    return descriptors;
}

Result<void> close_others(std::vector<int> kept) {
    for (const int descriptor : kept)
        if (::fcntl(descriptor, F_GETFD) < 0)
            return Error{ErrorCode::invalid_params, "--keep-fd " + std::to_string(descriptor) + ": it is not open",
                         "open it in the shell that starts capsulectl, as in: capsulectl exec … --keep-fd 5 5<file"};
    std::sort(kept.begin(), kept.end());
    int first = first_after_standard;
    for (const int descriptor : kept) {
        close_between(first, descriptor);
        ::fcntl(descriptor, F_SETFD, 0);
        first = std::max(first, descriptor + 1);
    }
    close_between(first, std::numeric_limits<int>::max());
    return {};
}

}  // namespace capsule
