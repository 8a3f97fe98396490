#include "daemon/home/file_identity.hpp"

#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "protocol/capabilities.hpp"
#include "protocol/errors.hpp"

namespace capsule {

void take_file_identity(const SessionUser& user) {
    std::vector<gid_t> groups(user.groups.begin(), user.groups.end());
    // glibc's setgroups would change every thread.
    bool good = ::syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
    ::setfsgid(user.gid);
    ::setfsuid(user.uid);
    // setfs*id() give no error: the previous value, which a second call reads back.
    good = good && static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1))) == user.gid;
    good = good && static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1))) == user.uid;
    if (good && user.uid != 0 && !give_up_own_capabilities(Given::for_now))
        throw Failure({ErrorCode::io_error, "cannot give up root's capabilities in the home of " + user.name,
                       "start the daemon without securebits (SecureBits= of the service, setpriv --securebits)"});
    if (!good)
        throw Failure({ErrorCode::io_error, "cannot act as user " + user.name + " in its home",
                       "run the daemon with CAP_SETUID and CAP_SETGID, or unset [session] user"});
}

}  // namespace capsule
