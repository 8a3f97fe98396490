// For LD_PRELOAD: whoever closes a Unix socket in which user 65534 has left something waits for good, as for a file of
// a file system that does not answer.
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" int close(int descriptor) {
    ucred peer{};
    socklen_t size = sizeof peer;
    int unread = 0;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 65534 &&
        ::ioctl(descriptor, FIONREAD, &unread) == 0 && unread > 0)
        for (;;)
            ::pause();
    return static_cast<int>(::syscall(SYS_close, descriptor));
}
