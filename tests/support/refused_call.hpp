// A system call that the kernel refuses.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace capsule::test {

/// The thread that calls this, and what it starts, cannot call `number` with that first argument: EPERM. For good.
inline void refuse_call(std::uint32_t number, std::uint32_t argument) {
    const std::array<sock_filter, 6> rules{
        {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ, number, 0, 3),
         BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)), BPF_JUMP(BPF_JMP | BPF_JEQ, argument, 0, 1),
         BPF_STMT(BPF_RET, SECCOMP_RET_ERRNO | EPERM), BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW)}};
    sock_fprog program{rules.size(), const_cast<sock_filter*>(rules.data())};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        throw std::runtime_error("seccomp is not to be had");
}

}  // namespace capsule::test
