#include "protocol/capabilities.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace capsule {

bool give_up_own_capabilities(Given given) {
    const bool for_good = given == Given::for_good;
    if (for_good) ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);  // fails where the kernel has none
    __user_cap_header_struct own{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    // libc's wrapper of setuid and its like are for every thread; these calls are for this one.
    if (::syscall(SYS_capget, &own, sets.data()) != 0) return false;
    for (auto& set : sets) {
        set.effective = 0;
        // By an inheritable one a program whose file has it as well would get it back.
        if (for_good) set.permitted = set.inheritable = 0;
    }
    if (::syscall(SYS_capset, &own, sets.data()) != 0 || ::syscall(SYS_capget, &own, sets.data()) != 0) return false;
    for (const auto& set : sets)
        if (set.effective != 0 || (for_good && (set.permitted | set.inheritable) != 0)) {
            errno = EPERM;
            return false;
        }
    return true;
}

}  // namespace capsule
