#include "protocol/unique_fd.hpp"

#include <unistd.h>

namespace capsule {

UniqueFd::~UniqueFd() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace capsule
