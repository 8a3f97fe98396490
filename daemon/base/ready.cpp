#include "daemon/base/ready.hpp"

#include <poll.h>

#include <cerrno>

namespace capsule {

bool is_ready_to_read(int descriptor) noexcept {
    pollfd asked{descriptor, POLLIN, 0};
    int ready = 0;
    do
        ready = ::poll(&asked, 1, 0);
    while (ready < 0 && errno == EINTR);
    return ready != 0;  // an error is for the read to say
}

}  // namespace capsule
