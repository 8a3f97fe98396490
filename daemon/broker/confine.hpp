// What the broker gives up before the first byte of anybody arrives.
#pragma once

#include <cstdint>
#include <optional>

namespace capsule::broker {

/// Becomes that user for good, without any other group. Both are numbers: this program looks nobody up. Throws Failure.
void become(std::uint32_t uid, std::uint32_t gid);

/// No capability, and a filter of system calls: no program can be run, no file opened to be written, no
/// socket made but for TCP and netlink, no memory made executable. Call when all libraries are loaded. What the filter
/// does not allow fails with ENOSYS, at which a newer libc takes its older way. Throws Failure when the kernel refuses.
void confine();

}  // namespace capsule::broker
