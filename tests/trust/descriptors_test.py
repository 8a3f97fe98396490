"""Descriptors that a client sends along: the end of some of them waits, and nobody but that client may feel it."""

import contextlib
import json
import os
import select
import socket
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

LINGER = 3600  # seconds: who waits for that fails here by its own limit
STATUS = b'{"jsonrpc":"2.0","id":1,"method":"status"}\n'


def lingering() -> tuple[socket.socket, list]:
    """A socket whose last close waits for a reader that never comes; and what must live on for that."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    sender = socket.create_connection(listener.getsockname())
    receiver, _ = listener.accept()
    sender.setblocking(False)
    try:
        while True:
            sender.send(bytes(65536))
    except BlockingIOError:
        pass
    sender.setblocking(True)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, LINGER))
    return sender, [listener, receiver]


class Daemon:
    """It gets its listening socket as systemd gives it, so that a client can be there before it."""

    def __init__(self, folder: str):
        self.path = Path(folder) / "s"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(128)
        self.home = Path(folder) / "home"
        self.home.mkdir()
        (self.home / "capsule.toml").write_text("[limits]\nrequest_bytes = 4096\n")

    def start(self, preload: str = ""):
        given = self.listener.fileno()
        # The shell's pid is the daemon's.
        script = 'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" "$@" 3<&%d' % given
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", script, os.environ["CAPSULED"], "--config", str(self.home / "capsule.toml")],
            env={"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LD_PRELOAD": preload}, pass_fds=[given], stderr=subprocess.PIPE)  # fmt: skip
        self.listener.close()

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(60)
        client.connect(str(self.path))
        return client

    def status(self) -> dict:
        with self.connect() as client:
            client.sendall(STATUS)
            return json.loads(client.makefile().readline())["result"]

    def sockets(self) -> int:
        """Not all of its descriptors: what it runs when it starts has pipes."""
        kinds = []
        for each in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                kinds.append(os.readlink(each))
        return sum(kind.startswith("socket:") for kind in kinds)

    def stop(self) -> str:
        self.process.terminate()
        return self.process.communicate(timeout=60)[1].decode()


def attack(client: socket.socket, before: bytes, kept: list, flags: int = 0, after: bytes = b""):
    """The last reference to such a socket, with a byte of its own between `before` and `after`."""
    sender, others = lingering()
    kept += others + [client]
    if before:
        client.sendall(before)
    try:
        # Not with socket.send_fds, which leaves out the flags.
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", sender.fileno()))
        client.sendmsg([b"{"], [rights], flags)
    except OSError:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
        raise
    finally:
        sender.close()
    if after:
        client.sendall(after)


def of_an_idle_daemon() -> int:
    """How many sockets it has."""
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(folder)
        daemon.start()
        try:
            daemon.status()
            return daemon.sockets()
        finally:
            daemon.stop()


class Descriptors(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.daemon = Daemon(self.folder.name)
        Path(self.folder.name).chmod(0o711)
        self.daemon.path.chmod(0o666)
        self.kept: list = []
        self.addCleanup(self.folder.cleanup)

    def wait_until_it_keeps(self, most: int):
        until = time.monotonic() + 120
        while self.daemon.sockets() > most:
            self.assertLess(time.monotonic(), until, "the end of each is given up after a while: none is kept")
            time.sleep(0.05)

    def end(self):
        for each in self.kept:
            each.close()

    def test_those_of_earlier_connections_hold_nobody_up(self):
        idle = of_an_idle_daemon()
        for before, flags, after in ((b"", 0, b""), (STATUS, 0, b""), (STATUS * 50, 0, b""),
                                     # Whoever reads past an urgent byte drops it, and what it carries.
                                     (b"", socket.MSG_OOB, b""), (STATUS, socket.MSG_OOB, b""), (b"", socket.MSG_OOB, STATUS),
                                     # Refused before the byte is read: it goes with the connection.
                                     (b"{" + b"x" * 20_000, 0, b"")):  # fmt: skip
            attack(self.daemon.connect(), before, self.kept, flags, after)
        gone = self.daemon.connect()
        attack(gone, b"", self.kept)
        gone.close()
        self.daemon.start()
        self.addCleanup(self.daemon.process.kill)
        for _ in range(20):
            self.assertIn("version", self.daemon.status())
        self.wait_until_it_keeps(idle + 1)
        self.assertIn("it sends descriptors", self.daemon.stop(), "the log says who did it")
        self.end()

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
    def test_what_waits_at_its_end_for_good_is_that_users_alone(self):
        """A file system that does not answer is not interrupted."""
        (self.daemon.home / "capsule.toml").write_text("[limits]\nconnections = 16\n")
        with contextlib.ExitStack() as stack:
            kept = [self.descriptor_of(65534), self.descriptor_of(65534), self.descriptor_of(0)]
            for end in kept:
                stack.callback(os.close, end)
            self.daemon.start(os.environ["HELD_CLOSE"])
            self.addCleanup(self.daemon.process.kill)
            for _ in range(40):
                self.assertIn("version", self.daemon.status(), "each connection's place is free when it has ended")
            self.assertTrue(select.select([kept[2]], [], [], 60)[0], "root's descriptor has come to its end")
            self.assertFalse(select.select(kept[:2], [], [], 0)[0], "the other user's still wait")
        self.daemon.stop()

    def descriptor_of(self, uid: int) -> int:
        """That user sends the one end of a pipe and goes. The other end."""
        stays, sent = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setresuid(uid, uid, uid)
            with self.daemon.connect() as client:
                socket.send_fds(client, [b"{"], [sent])
            os._exit(0)
        os.close(sent)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        return stays

    def test_the_daemons_own_listener_takes_none(self):
        self.daemon.start()
        self.addCleanup(self.daemon.process.kill)
        self.daemon.status()
        before = self.daemon.sockets()
        refused = 0
        for _ in range(100):
            try:
                attack(self.daemon.connect(), STATUS, self.kept)
            except PermissionError:  # Linux 6.16 and later refuses it to the sender
                refused += 1
        self.assertIn("version", self.daemon.status())
        if refused < 100:
            self.assertEqual(refused, 0)
        self.end()
        self.wait_until_it_keeps(before + 1)
        self.daemon.stop()


if __name__ == "__main__":
    unittest.main()
