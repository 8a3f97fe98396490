// A thread whose open files are no other thread's.
#pragma once

namespace capsule {

/// From here on the calling thread has a table of open files of its own, and nothing in it but the first three and
/// `kept`. What another user's file system serves, this thread may then have open for as long as it does not answer:
/// the copy of it that each program begins with would have to be closed first, for which that server is asked, and
/// whoever starts the program waits. Nor does the thread keep open what the others close, or the daemon's sockets when
/// it is killed. Nothing is looked up for it: which files are open stands in /proc, where anybody can keep others
/// waiting. It takes no signal from then on but interrupting_signal(). False: this kernel, or a seccomp filter, does
/// not let it.
bool take_own_files(int kept);

}  // namespace capsule
