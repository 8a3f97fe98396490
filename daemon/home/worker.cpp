#include "daemon/home/worker.hpp"

#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <cerrno>
#include <future>
#include <system_error>

#include "protocol/errors.hpp"

namespace capsule {
namespace {

/// For this thread only, and for files only: the real and saved ids stay the daemon's, so that the user's processes
/// cannot signal or trace the thread. Leaving fsuid 0 also takes the capabilities that override permissions away.
void take_file_identity(const SessionUser& user) {
    std::vector<gid_t> groups(user.groups.begin(), user.groups.end());
    // glibc's setgroups would change every thread.
    bool good = ::syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
    ::setfsgid(user.gid);
    ::setfsuid(user.uid);
    // setfs*id() give no error: the previous value, which a second call reads back.
    good = good && static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1))) == user.gid;
    good = good && static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1))) == user.uid;
    if (!good)
        throw Failure({ErrorCode::io_error, "cannot act as user " + user.name + " in its home",
                       "run the daemon with CAP_SETUID and CAP_SETGID, or unset [session] user"});
}

}  // namespace

HomeWorker::HomeWorker(const SessionUser& user, bool same_user) {
    if (same_user) return;
    std::promise<void> taken;
    boost::asio::post(thread_, [&] {
        try {
            take_file_identity(user);
            taken.set_value();
        } catch (...) {
            taken.set_exception(std::current_exception());
        }
    });
    taken.get_future().get();
}

HomeWorker::~HomeWorker() { thread_.join(); }

}  // namespace capsule
