// The kernel's own file systems: /proc, /sys and the like. A lookup there alone may wait for another user's process.
#pragma once

namespace capsule {

/// Whether what is open (which may be O_PATH) is such a file system's.
bool is_of_the_kernels_files(int fd);

}  // namespace capsule
