"""A user who has a range of subuid(5) is one user, whichever of these uids connects: it needs no root to be any of them."""

import os
import shlex
import socket
import unittest
from pathlib import Path

from capsule import CAPSULED, Capsule, Connection, Refused
from remote import ROOT, Remote

OWNER, VICTIM, GROUP, FIRST = 4246, 4250, 4260, 100_000
LP, FIRST_OF_LP = 7, 200_000  # of every Debian's password file


@unittest.skipUnless(ROOT and Path("/etc/subuid").exists(), "only root can be two users, and there is no file to cover")
class Subuids(Remote):
    def daemon(self, config: str, session: str = 'keys = "env"') -> Capsule:
        """It sees a file of ranges in which OWNER and LP have one."""
        provider = self.provider()
        capsule = self.capsule(provider, "", session='keys = "env"')
        capsule.stop()
        (capsule.top / "subuid").write_text(f"{OWNER}:{FIRST}:65536\n{LP}:{FIRST_OF_LP}:65536\n")
        capsule.program = str(capsule.top / "bin" / "inside")
        place = f"mount --bind {shlex.quote(str(capsule.top))}/subuid /etc/subuid && exec {shlex.quote(CAPSULED)}"
        capsule.install("inside", f"#!/bin/sh\nexec unshare --mount --propagation private sh -c {shlex.quote(place)}\n")
        capsule.config(provider.port, f'[access]\nspawn = ["{VICTIM}", "@{GROUP}"]\n{config}', session)
        capsule.start()
        capsule.socket.chmod(0o666)
        return capsule

    def connection_of(self, user: int, capsule: Capsule) -> Connection:
        before = os.getgroups()
        os.setgroups([GROUP])
        try:
            return super().connection_of(user, capsule)
        finally:
            os.setgroups(before)

    def test_have_the_places_of_one_user(self):
        capsule = self.daemon("[limits]\nconnections = 32\nconnections_per_user = 8\n")
        for uid in range(FIRST, FIRST + 5):
            for _ in range(8):
                connection = self.connection_of(uid, capsule)
                try:
                    connection.socket.sendall(b"{")
                except BrokenPipeError:
                    pass
        self.assertTrue(self.connection_of(VICTIM, capsule).call("status"))
        self.assertEqual(capsule.call("status")["connections"]["open"], 8 + 2)

    def test_have_the_sessions_of_one_user(self):
        capsule = self.daemon("[limits]\nsessions_per_user = 2\n")
        for uid in range(FIRST, FIRST + 5):
            self.connection_of(uid, capsule).call("spawn", agent="claude", provider="zai", ends_with="connection")
        victim = self.connection_of(VICTIM, capsule)
        victim.call("spawn", agent="claude", provider="zai", ends_with="connection")
        self.assertEqual(len(victim.call("sessions.list")["sessions"]), 2 + 1)

    def test_run_no_programs_as_that_user(self):
        """That user can become any of them, and none of them that user."""
        capsule = self.daemon("", f'keys = "env"\nuser = "{LP}"')
        ran, theirs = capsule.top / "ran", capsule.top / "theirs"
        ran.touch()
        ran.chmod(0o666)
        theirs.mkdir()
        (theirs / "codex").write_text(f"#!/bin/sh\nid -u >>{shlex.quote(str(ran))}\n")
        (theirs / "codex").chmod(0o755)
        for user, seen in ((FIRST_OF_LP, set()), (LP, {str(LP)})):
            self.connection_of(user, capsule).call("spawn", agent="codex", provider="zai",
                                                   env={"PATH": f"{theirs}:/usr/bin:/bin"})  # fmt: skip
            self.assertEqual(set(ran.read_text().split()), seen)


if __name__ == "__main__":
    unittest.main(verbosity=2)
