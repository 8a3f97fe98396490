// A hostile program that traces the process it is started in and keeps that one's end to itself.
#pragma once

#include <string>

namespace capsule::test {

/// Shell text: from here on a process traces the shell, never reaps it, and writes "traced" into the current directory.
/// It ends when "let-go" is there, at the latest after five minutes.
inline const std::string traced_from_here = R"sh(
/usr/bin/python3 - $$ <<'PY'
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
PTRACE_SEIZE, PTRACE_CONT = 0x4206, 7
traced = int(sys.argv[1])
if os.fork() == 0:
    os.setsid()
    if libc.ptrace(PTRACE_SEIZE, traced, 0, 0) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    for descriptor in range(3):
        os.dup2(os.open("/dev/null", os.O_RDWR), descriptor)
    open("traced", "w").close()
    end = time.monotonic() + 300
    while not os.path.exists("let-go") and time.monotonic() < end:
        try:
            stopped = os.waitid(os.P_PID, traced, os.WSTOPPED | os.WNOHANG)
        except ChildProcessError:
            stopped = None
        if stopped:
            libc.ptrace(PTRACE_CONT, traced, 0, stopped.si_status & 0x7F)
        time.sleep(0.05)
    os._exit(0)
while not os.path.exists("traced"):
    time.sleep(0.01)
PY
)sh";

}  // namespace capsule::test
