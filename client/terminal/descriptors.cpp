#include "client/terminal/descriptors.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

namespace capsule {
namespace {

constexpr int first_after_standard = 3;

/// For kernels before 5.11, whose close_range() knows no such flag.
void mark_each() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    const auto end = static_cast<int>(std::min<rlim_t>(limit.rlim_max, std::numeric_limits<int>::max()));
    for (int descriptor = first_after_standard; descriptor < end; ++descriptor)
        ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
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

Result<void> close_others_at_exec(const std::vector<int>& kept) {
    for (const int descriptor : kept)
        if (::fcntl(descriptor, F_GETFD) < 0)
            return Error{ErrorCode::invalid_params, "--keep-fd " + std::to_string(descriptor) + ": it is not open",
                         "open it in the shell that starts capsulectl, as in: capsulectl exec … --keep-fd 5 5<file"};
    if (::close_range(first_after_standard, ~0U, CLOSE_RANGE_CLOEXEC) != 0) mark_each();
    for (const int descriptor : kept)
        ::fcntl(descriptor, F_SETFD, 0);
    return {};
}

}  // namespace capsule
