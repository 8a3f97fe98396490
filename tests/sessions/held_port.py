"""Who has the broker's port, and other users who want it."""

import contextlib
import multiprocessing
import os
import signal
import socket
import unittest
from pathlib import Path

from capsule import Case, until

STRANGER = 4243
AS_ROOT = unittest.skipUnless(os.geteuid() == 0, "becoming another user takes root")


def listen(port: int, options: tuple[int, ...] = ()) -> socket.socket | None:
    taken = socket.socket()
    for option in options:
        taken.setsockopt(socket.SOL_SOCKET, option, 1)
    with contextlib.suppress(OSError):
        taken.bind(("127.0.0.1", port))
        taken.listen()
        return taken
    taken.close()
    return None


@contextlib.contextmanager
def bound_by_a_stranger(port: int):
    """It could listen as soon as nobody else does."""
    os.seteuid(STRANGER)
    try:
        theirs = socket.socket()
    finally:
        os.seteuid(0)
    with theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        def bound() -> bool:  # once those who had it have gone
            with contextlib.suppress(OSError):
                theirs.bind(("127.0.0.1", port))
                return True
            return False

        assert until(bound), f"port {port} is not free"
        yield


def take(port: int, tried, taken, stop):
    """Another user, who tries until the port is theirs."""
    os.setgroups([])
    os.setresgid(STRANGER, STRANGER, STRANGER)
    os.setresuid(STRANGER, STRANGER, STRANGER)
    mine = None
    while mine is None and not stop.is_set():
        for options in ((), (socket.SO_REUSEADDR,), (socket.SO_REUSEPORT,), (socket.SO_REUSEADDR, socket.SO_REUSEPORT)):
            mine = mine or listen(port, options)
        tried.value += 1
    if mine is not None:
        taken.set()
        stop.wait()


class HeldPort(Case):
    def holder(self, capsule) -> int:
        """Its pid, once it runs."""
        file = capsule.top / "state/sessions/port"

        def pid() -> int:
            words = file.read_text().split()
            if len(words) < 4 or not Path(f"/proc/{words[1]}/cmdline").exists():
                return 0
            return int(words[1]) if Path(f"/proc/{words[1]}/cmdline").read_bytes().startswith(b"capsule-port") else 0

        self.assertTrue(until(pid), capsule.logged())
        found = pid()
        self.addCleanup(self.end, found)
        return found

    def end(self, pid: int):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        # As a zombie it has no descriptor any more.
        self.assertTrue(until(lambda: not self.runs(pid)))

    def runs(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        return False

    def kill_all(self, capsule):
        broker = capsule.broker_pid()
        os.kill(capsule.process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(broker, signal.SIGKILL)
        capsule.process.wait()
        self.assertTrue(until(lambda: not self.runs(broker)))

    @contextlib.contextmanager
    def stranger(self, port: int):
        words = multiprocessing.get_context("fork")
        tried, taken, stop = words.Value("L", 0), words.Event(), words.Event()
        process = words.Process(target=take, args=(port, tried, taken, stop))
        process.start()
        try:
            yield tried, taken
        finally:
            stop.set()
            process.join()

    def row(self, capsule, session) -> dict:
        return next(each for each in capsule.call("sessions.list", all=True)["sessions"] if each["id"] == session.id)

    def not_taken(self, capsule, session, down):
        with self.stranger(session.port) as (tried, taken):
            self.assertTrue(until(lambda: tried.value > 10))
            down()
            before = tried.value
            self.assertTrue(until(lambda: tried.value > before + 1000), "it tried while nothing listened")
            self.assertFalse(taken.is_set())
            capsule.start()
            self.assertTrue(until(session.answered), capsule.logged())
            self.assertFalse(taken.is_set())
