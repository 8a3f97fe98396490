"""One user's sessions leave places at the broker to others, whoever may use them: a user has sessions granted for as many
uids as it likes, and has many (subuid(5))."""

import ctypes
import os
import pwd
import select
import socket
import tempfile
import unittest
from pathlib import Path

from capsule import CAPSULED, Session, answer, read_reply, until
from remote import ROOT, Remote

STRANGER, FIRST = 4246, 2_000_000_000  # in no range of subuid(5)
BIN = pwd.getpwnam("bin").pw_uid
PLACES = 16


def silent_where_asked(peer, _):
    while b"held" not in peer.request()[1]:
        peer.send(answer())
    peer.more()


def connect_as(uid: int, session: Session) -> socket.socket:
    ctypes.CDLL(None).setfsuid(uid)  # of this thread alone: the provider has another one
    connection = socket.socket()  # whose it is from here on
    ctypes.CDLL(None).setfsuid(0)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", session.port))
    return connection


@unittest.skipUnless(ROOT, "only root can be two users")
class Shares(Remote):
    def session(self, asker, uid: int | None) -> Session:
        """`uid`: of who may use it; none: as this capsuled starts agents."""
        if uid is None:
            return Session(asker.call("spawn", agent="claude", provider="zai"))
        given = asker.call("grant", agent="claude", provider="zai", uid=uid, ends_with="connection")
        return Session({"session": given["session"], "env": {
            "ANTHROPIC_AUTH_TOKEN": given["token"], "ANTHROPIC_BASE_URL": given["base_urls"]["anthropic_messages"]}})  # fmt: skip

    def refused(self, capsule, provider, asker, uids, each: int = 2) -> list[bytes]:
        """What some requests are answered, so many for each of these, which the provider leaves waiting. Then there is a
        place for another user's."""
        others = capsule.connect()
        self.addCleanup(others.close)
        held = []
        mine = self.session(others, None if None in uids else 4250)
        for uid in uids:
            session = self.session(asker, uid)
            for _ in range(each):
                held.append(connect_as(uid or 0, session))
                self.addCleanup(held[-1].close)
                held[-1].sendall(session.request(b'{"model":"held"}'))
        answered = lambda: select.select(held, [], [], 0)[0]
        self.assertTrue(until(lambda: provider.bytes.count(b"held") + len(answered()) == len(held)), capsule.logged())
        with connect_as(0 if None in uids else 4250, mine) as connection:
            connection.sendall(mine.request())
            self.assertEqual(read_reply(connection).status, 200)
        return [read_reply(answer).raw for answer in answered()]

    def test_by_who_asked_for_them(self):
        provider = self.provider(silent_where_asked)
        keys = self.capsule(provider, f'[broker]\nuser = "daemon"\nconnections = {PLACES}\n[access]\nspawn = ["{STRANGER}"]\n')
        keys.socket.chmod(0o666)
        refused = self.refused(keys, provider, self.connection_of(STRANGER, keys), range(FIRST, FIRST + 12))
        self.assertGreaterEqual(len(refused), 12, refused)

    def test_of_few_descriptors(self):
        """A request has two, one to the provider."""
        provider = self.provider(silent_where_asked)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        program = Path(folder.name) / "capsuled"
        program.write_text(f'#!/bin/sh\nulimit -n 256\nexec {CAPSULED} "$@"\n')
        program.chmod(0o755)
        keys = self.capsule(provider, f'[broker]\nuser = "daemon"\n[access]\nspawn = ["{STRANGER}"]\n', program=str(program))
        keys.socket.chmod(0o666)
        refused = self.refused(keys, provider, self.connection_of(STRANGER, keys), range(FIRST, FIRST + 30), 5)
        self.assertEqual(len(refused), 30 * 5 - 48, "three quarters of a quarter of 256")
        self.assertIn("[broker] connections is 64 and not 1024: only 256 files may be open", keys.logged())

    def test_of_another_capsuled_by_who_asked_there(self):
        provider = self.provider(silent_where_asked)
        keys = self.keys_capsule(provider, broker=f'upstream_users = ["{os.geteuid()}"]\nconnections = {PLACES}\n')
        agents = self.agents_capsule(provider, keys.socket, f'[access]\nspawn = ["{STRANGER}"]\n')
        agents.socket.chmod(0o666)
        refused = self.refused(agents, provider, self.connection_of(STRANGER, agents), [None] * 12)
        self.assertGreaterEqual(len(refused), 12, refused)

    def test_what_is_granted_for_other_people_counts_for_them(self):
        """Who has sessions granted for many people need not be root: one who asks too much slows none of the others."""
        provider = self.provider(silent_where_asked)
        keys = self.capsule(provider, f'[broker]\nuser = "daemon"\nconnections = {PLACES}\n[access]\nspawn = ["{STRANGER}"]\n')
        keys.socket.chmod(0o666)
        refused = self.refused(keys, provider, self.connection_of(STRANGER, keys), [BIN] * 7)
        self.assertEqual(len(refused), 2, refused)  # as of one who has asked itself: three quarters, and not a part of these

    def test_of_root_each_is_a_user(self):
        """Who has sessions granted for many people: none of them takes another one's places."""
        provider = self.provider(silent_where_asked)
        keys = self.capsule(provider, f'[broker]\nuser = "daemon"\nconnections = {PLACES}\n')
        asker = keys.connect()
        self.addCleanup(asker.close)
        self.assertEqual(self.refused(keys, provider, asker, range(FIRST, FIRST + 7)), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
