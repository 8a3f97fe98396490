#!/usr/bin/env python3
"""Ctrl-C at an exec, where the session's foreground group has ended and its number is another process's.

    unshare --pid --fork --kill-child --mount-proc ended_group.py NOTES CAPSULECTL ARGUMENTS…

The namespace has numbers of its own, of which the next can be chosen. Exits with 0 when the other process lives.
"""

import fcntl
import os
import pathlib
import pty
import signal
import subprocess
import sys
import termios
import time


def main() -> int:
    notes, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
    relay, terminal = pty.fork()
    if relay == 0:
        os.dup2(os.pipe()[0], 0)  # a terminal's keys are then signals to capsulectl, not characters
        os.execve(command[0], command, dict(os.environ))
    note = wait_for(notes / "front")
    number = int(note)
    pathlib.Path("/proc/sys/kernel/ns_last_pid").write_text(str(number - 1))
    other = subprocess.Popen(["/usr/bin/sleep", "600"], start_new_session=True)
    if other.pid != number:
        raise SystemExit(f"the other process is {other.pid} and not {number}")
    fcntl.ioctl(terminal, termios.TIOCSIG if hasattr(termios, "TIOCSIG") else 0x40045436, signal.SIGINT)
    os.kill(relay, signal.SIGUSR1)  # which comes after SIGINT, and the agent notes
    wait_for(notes / "told")
    ended = other.poll()
    print("the other process", "lives" if ended is None else f"ended with {ended}")
    return 0 if ended is None else 1


def wait_for(note: pathlib.Path) -> str:
    for _ in range(1200):
        if note.exists() and note.read_text():
            return note.read_text()
        time.sleep(0.05)
    raise SystemExit(f"no {note}")


sys.exit(main())
