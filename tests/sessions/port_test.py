"""The broker's port is in the environment of sessions, which go on without daemon and broker: nobody else gets it, or they end."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import unittest
from pathlib import Path

from capsule import CAPSULED, Capsule, Refused, until
from held_port import AS_ROOT, HeldPort, bound_by_a_stranger, listen


class Systemd:
    """What the daemon tells it, and gives it to keep."""

    def __init__(self, top: Path):
        self.path = top / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.setblocking(False)
        self.kept: list[int] = []
        self.asked = ""

    def listen(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                text, descriptors, _, _ = socket.recv_fds(self.socket, 4096, 4)
                if text.startswith(b"FDSTOREREMOVE=1"):
                    self.forget()
                if descriptors:
                    self.asked = text.decode()
                self.kept += descriptors

    def forget(self):
        for descriptor in self.kept:
            os.close(descriptor)
        self.kept = []

    def close(self):
        self.forget()
        self.socket.close()


class UnderSystemd(Capsule):
    def start(self):
        self.systemd = getattr(self, "systemd", None) or Systemd(self.top)
        kept = self.systemd.kept[0] if self.systemd.kept else None

        def pass_on():
            if kept is not None:
                os.dup2(kept, 3)

        variables = {"NOTIFY_SOCKET": str(self.systemd.path)}
        command = [CAPSULED]
        if kept is not None:
            variables |= {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "capsule-kept"}
            command = ["/bin/sh", "-c", f"LISTEN_PID=$$ exec {CAPSULED}"]
        self.process = subprocess.Popen(command, env=self.environment | variables, stdout=self.log, stderr=self.log,
                                        pass_fds=(3,) if kept is not None else (), preexec_fn=pass_on)  # fmt: skip
        assert until(self.answers), self.logged()

    def close(self):
        super().close()
        self.systemd.close()


class Port(HeldPort):
    @AS_ROOT
    def test_no_other_user_gets_it_while_daemon_and_broker_are_dead(self):
        capsule, _ = self.pair()
        session = self.spawn(capsule)
        self.assertEqual(session.ask().status, 200)
        first = self.holder(capsule)
        for _ in range(2):
            self.not_taken(capsule, session, lambda: self.kill_all(capsule))
        second = self.holder(capsule)
        self.assertNotEqual(first, second)
        self.assertTrue(until(lambda: not self.runs(first)), "there is one at a time")

    @AS_ROOT
    def test_nor_while_it_is_stopped(self):
        capsule, _ = self.pair()
        session = self.spawn(capsule)
        self.holder(capsule)
        self.not_taken(capsule, session, lambda: self.assertEqual(capsule.stop(), 0))
        self.holder(capsule)

    @AS_ROOT
    def test_systemd_has_it_while_the_service_is_started_again(self):
        capsule = UnderSystemd(self.provider().port)
        self.addCleanup(capsule.close)
        session = self.spawn(capsule)
        self.assertEqual(session.ask().status, 200)
        capsule.systemd.listen()
        self.assertEqual(capsule.systemd.asked, "FDSTORE=1\nFDPOLL=0\nFDNAME=capsule-kept")
        self.assertEqual(len(capsule.systemd.kept), 1)
        self.not_taken(capsule, session, lambda: self.kill_all(capsule))
        capsule.systemd.listen()

    @AS_ROOT
    def test_a_manager_that_keeps_nothing_is_not_relied_on(self):
        capsule = UnderSystemd(self.provider().port)
        self.addCleanup(capsule.close)
        session = self.spawn(capsule)
        self.assertEqual(session.ask().status, 200)
        self.holder(capsule)
        self.not_taken(capsule, session, lambda: self.kill_all(capsule))

    @AS_ROOT
    def test_one_that_another_user_has_a_socket_on_is_not_used(self):
        capsule, _ = self.pair()
        first = self.spawn(capsule)
        capsule.call("sessions.end", id=first.id)
        self.assertEqual(capsule.stop(), 0)
        with bound_by_a_stranger(first.port):
            capsule.start()
            second = self.spawn(capsule)
            self.assertEqual(second.ask().status, 200)
            self.assertNotEqual(second.port, first.port)
            self.holder(capsule)

    def takes(self, port: int) -> bool:
        """By a socket that root made: it may be another user's standard input, which can be bound anew."""
        for each in (b"", b"lo"):
            with socket.socket() as made:
                for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                    made.setsockopt(socket.SOL_SOCKET, option, 1)
                made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, each)
                with contextlib.suppress(OSError):
                    made.bind(("127.0.0.1", port))
                    return True
        return False

    @AS_ROOT
    def test_no_socket_that_root_made_for_another_user_shares_it(self):
        capsule, _ = self.pair()
        session = self.spawn(capsule)
        self.assertEqual(session.ask().status, 200)
        self.holder(capsule)
        self.assertFalse(self.takes(session.port), "beside the broker")
        self.kill_all(capsule)
        self.assertFalse(self.takes(session.port), "beside what holds the port")
        capsule.start()
        self.assertTrue(until(session.answered), capsule.logged())
        self.assertFalse(self.takes(session.port))

    def held_by_root(self, capsule, session) -> socket.socket:
        """As an older version held it."""
        held = self.holder(capsule)
        self.kill_all(capsule)
        self.end(held)
        roots = socket.socket()
        self.addCleanup(roots.close)
        roots.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)

        def bound() -> bool:
            with contextlib.suppress(OSError):
                roots.bind(("127.0.0.1", session.port))
                return True
            return False

        self.assertTrue(until(bound))
        return roots

    @AS_ROOT
    def test_one_that_an_older_version_held_is_its_sessions_over_an_update(self):
        capsule, _ = self.pair()
        session = self.spawn(capsule)
        self.held_by_root(capsule, session)
        file = capsule.top / "state/sessions/port"
        file.write_text(" ".join(file.read_text().split()[:5]) + "\n")
        capsule.start()
        self.assertTrue(until(session.answered), capsule.logged())
        self.holder(capsule)

    @AS_ROOT
    def test_one_that_this_version_lost_to_such_a_socket_is_not_shared(self):
        capsule, _ = self.pair()
        session = self.spawn(capsule)
        self.held_by_root(capsule, session)
        capsule.start()
        self.assertTrue(until(lambda: self.row(capsule, session)["state"] == "ended"), capsule.logged())
        self.assertNotEqual(self.spawn(capsule).port, session.port)
        self.holder(capsule)

    def test_who_holds_it_is_confined_and_comes_back(self):
        capsule, _ = self.pair()
        self.spawn(capsule)
        first = self.holder(capsule)
        status = Path(f"/proc/{first}/status").read_text()
        self.assertIn("NoNewPrivs:\t1", status)
        self.assertIn("CapPrm:\t0000000000000000", status)
        if not os.environ.get("CAPSULE_SANITIZE"):
            self.assertIn("Seccomp:\t2", status)
        if os.geteuid() == 0:
            self.assertNotIn("Uid:\t0\t", status)
        os.kill(first, signal.SIGKILL)
        self.assertTrue(until(lambda: not self.runs(first)))
        self.assertNotEqual(self.holder(capsule), first)

    def test_nobody_holds_it_after_the_last_session(self):
        capsule, _ = self.pair()
        session = self.spawn(capsule)
        held = self.holder(capsule)
        capsule.call("sessions.end", id=session.id)
        self.assertEqual(capsule.stop(), 0)
        self.assertTrue(until(lambda: not self.runs(held)))

    def test_where_it_is_lost_sessions_end_and_that_is_told(self):
        capsule, _ = self.pair()
        session = self.spawn(capsule)
        held = self.holder(capsule)
        self.kill_all(capsule)
        self.end(held)
        taken = []  # the last thread of a killed broker may still have it for a moment
        self.assertTrue(until(lambda: taken.append(listen(session.port, (socket.SO_REUSEADDR,))) or taken[-1] is not None))
        with taken[-1]:
            capsule.start()
            self.assertTrue(until(lambda: self.row(capsule, session)["state"] == "ended"), capsule.logged())
            why = self.row(capsule, session)["ended"]
            self.assertIn(f"another program took 127.0.0.1:{session.port} ", why)
            self.assertIn(f'why="{why}"', capsule.logged())
            self.assertIn(f"cannot listen on 127.0.0.1:{session.port}", capsule.logged())
            other = self.spawn(capsule)
            self.assertNotEqual(other.port, session.port)
            self.assertEqual(other.ask().status, 200)

    def free_port(self) -> int:
        with listen(0) as found:
            return found.getsockname()[1]

    def fixed(self, port: int) -> str:
        user = 'user = "daemon"\n' if os.geteuid() == 0 else ""
        return f'[broker]\n{user}listen = "127.0.0.1:{port}"\n'

    def test_a_configured_one_that_is_taken_is_told_and_had_later(self):
        port = self.free_port()
        with listen(port):
            capsule, _ = self.pair(config=self.fixed(port))
            begun = time.monotonic()
            with self.assertRaises(Refused) as refused:
                self.spawn(capsule)
            self.assertLess(time.monotonic() - begun, 30)
            self.assertIn(f"127.0.0.1:{port}", str(refused.exception))
            self.assertTrue(until(lambda: capsule.call("status")["broker"]["state"] == "failed"))
            self.assertIn(f"127.0.0.1:{port}", capsule.call("status")["broker"]["error"])
            self.assertEqual(capsule.logged().count("cannot listen"), 1)
        self.assertTrue(until(lambda: capsule.call("status")["broker"]["state"] == "running"), capsule.logged())
        self.assertEqual(self.spawn(capsule).ask().status, 200)
        self.holder(capsule)

    def test_sessions_of_another_configured_one_end(self):
        first, second = self.free_port(), self.free_port()
        capsule, provider = self.pair(config=self.fixed(first))
        session = self.spawn(capsule)
        self.holder(capsule)
        self.assertEqual(session.port, first)
        self.assertEqual(capsule.stop(), 0)
        capsule.config(provider.port, self.fixed(second))
        capsule.start()
        row = self.row(capsule, session)
        self.assertEqual(row["state"], "ended")
        self.assertIn(f"127.0.0.1:{first}", row["ended"])
        self.assertEqual(self.spawn(capsule).port, second)
        self.holder(capsule)

    def test_two_daemons_do_not_share_one(self):
        port = self.free_port()
        one, provider = self.pair(config=self.fixed(port))
        self.assertEqual(self.spawn(one).ask().status, 200)
        self.holder(one)
        two = self.capsule(provider, self.fixed(port))
        with self.assertRaises(Refused):
            self.spawn(two)


if __name__ == "__main__":
    unittest.main()
