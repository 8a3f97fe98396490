#include "daemon/base/seen_directory.hpp"

namespace capsule {

std::optional<SeenDirectory> seen_directory(const struct stat& status) {
    constexpr time_t a_moment = 1;
    timespec now{};
    if (::clock_gettime(CLOCK_REALTIME, &now) != 0 || now.tv_sec - status.st_ctim.tv_sec <= a_moment)
        return std::nullopt;
    return SeenDirectory{status.st_dev, status.st_ino, status.st_ctim.tv_sec, status.st_ctim.tv_nsec};
}

}  // namespace capsule
