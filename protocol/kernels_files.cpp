#include "protocol/kernels_files.hpp"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace capsule {
namespace {

/// <linux/magic.h> lacks the last four: configfs, fusectl, rpc_pipefs, nfsd.
constexpr std::array made_by_the_kernel{
    std::uint32_t{PROC_SUPER_MAGIC}, std::uint32_t{SYSFS_MAGIC},          std::uint32_t{CGROUP_SUPER_MAGIC},
    std::uint32_t{BPF_FS_MAGIC},     std::uint32_t{CGROUP2_SUPER_MAGIC},  std::uint32_t{TRACEFS_MAGIC},
    std::uint32_t{DEBUGFS_MAGIC},    std::uint32_t{SECURITYFS_MAGIC},     std::uint32_t{SELINUX_MAGIC},
    std::uint32_t{SMACK_MAGIC},      std::uint32_t{AAFS_MAGIC},           std::uint32_t{PSTOREFS_MAGIC},
    std::uint32_t{EFIVARFS_MAGIC},   std::uint32_t{RDTGROUP_SUPER_MAGIC}, std::uint32_t{BINFMTFS_MAGIC},
    std::uint32_t{NSFS_MAGIC},       std::uint32_t{BINDERFS_SUPER_MAGIC}, std::uint32_t{0x62656570},
    std::uint32_t{0x65735543},       std::uint32_t{0x67596969},           std::uint32_t{0x6e667364}};

}  // namespace

bool is_of_the_kernels_files(int fd) {
    struct statfs system {};
    return ::fstatfs(fd, &system) == 0 &&
           std::ranges::find(made_by_the_kernel, static_cast<std::uint32_t>(system.f_type)) != made_by_the_kernel.end();
}

}  // namespace capsule
