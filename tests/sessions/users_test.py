"""Whom no session is granted to: users whose servers get keys, by [broker] upstream_users or as the broker's own."""

import contextlib
import multiprocessing
import os
import pwd
import socket
import threading
import unittest

from capsule import Capsule, Session, answer, until
from remote import ROOT, Remote


def serve_as(user: int, listening: socket.socket):
    """A provider of another user's: whose a connection is, is whose process takes it."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    while True:
        with listening.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(answer())


class Users(Remote):
    @unittest.skipUnless(ROOT, "only root can be two users")
    def test_give_none_to_a_user_that_agents_run_as_though_it_is_named(self):
        """The side with the keys does not know the agents' user before it is asked."""
        provider = self.provider()
        uid = pwd.getpwnam("games").pw_uid
        keys = self.keys_capsule(provider, broker=f'upstream_users = ["{os.geteuid()}", "games"]\n')
        agents = self.agents_capsule(provider, keys.socket, session='keys = "broker"\nuser = "games"')
        error = self.raises(agents, "spawn", agent="claude", provider="zai")
        self.assertEqual(error["data"]["code"], "config.conflict")
        for word in (str(keys.socket), f"[broker] upstream_users names uid {uid}, as which the session's agent runs"):
            self.assertIn(word, error["message"])
        self.assertIn("name that one", error["data"]["hint"])
        self.assertEqual(self.states(keys), {})

    def test_one_that_is_named_later_has_no_key_any_more(self):
        provider = self.provider()
        broker = "[broker]\n" + ('user = "daemon"\n' if ROOT else "")
        keys = self.capsule(provider, broker)
        with contextlib.closing(keys.connect()) as connection:
            grant = lambda uid: connection.call("grant", agent="claude", provider="zai", uid=uid, ends_with="connection")["session"]["id"]
            for _ in range(4):
                grant(12346)  # with which nothing is wrong, whichever is looked at first
            session = grant(12345)
            named = f'{broker}upstream_users = ["12345"]\n'
            keys.config(provider.port, named)
            keys.call("reload")
            keys.call("reload")  # which looks at the keys once more
            [said] = [each["message"] for each in keys.call("status")["warnings"] if each["code"] == "session.no_key"]
            self.assertIn(session, said)
            self.assertIn("[broker] upstream_users names uid 12345", said)
            self.assertIn("no server of that user gets one until such sessions have ended and the configuration is loaded again", said)
            keys.config(provider.port, broker)
            keys.call("reload")
            self.assertNotIn("session.no_key", [each["code"] for each in keys.call("status")["warnings"]])

    @unittest.skipUnless(ROOT, "only root can be two users")
    def test_one_that_is_named_later_has_no_servers_key_either(self):
        os.seteuid(12345)
        try:
            listening = socket.create_server(("127.0.0.1", 0))
        finally:
            os.seteuid(0)
        self.addCleanup(listening.close)
        port = listening.getsockname()[1]
        server = multiprocessing.get_context("fork").Process(target=serve_as, args=(12345, listening))
        server.start()
        self.addCleanup(server.join)
        self.addCleanup(server.kill)
        broker, named = '[broker]\nuser = "daemon"\n', 'upstream_users = ["12345"]\n'
        keys = Capsule(port, broker + named)
        self.addCleanup(keys.close)
        with contextlib.closing(keys.connect()) as connection:
            given = connection.call("grant", agent="claude", provider="zai", uid=0, ends_with="connection")
            session = Session({"session": given["session"], "env": {
                "ANTHROPIC_AUTH_TOKEN": given["token"], "ANTHROPIC_BASE_URL": given["base_urls"]["anthropic_messages"]}})  # fmt: skip
            self.assertEqual(session.ask().status, 200)
            keys.config(port, broker)
            keys.call("reload")
            connection.call("grant", agent="claude", provider="zai", uid=12345, ends_with="connection")
            keys.config(port, broker + named)
            keys.call("reload")
            self.assertIn("sessions run as uid 12345, whose servers get no key until they have ended", keys.logged())
            self.assertTrue(until(lambda: session.ask().status == 502), (session.ask().raw, keys.logged()))
            self.assertIn("uid 12345 listens there", session.ask().error["message"])

    @unittest.skipUnless(ROOT, "only root can be two users")
    def test_give_none_to_the_brokers_user(self):
        provider = self.provider()
        uid, later = pwd.getpwnam("daemon").pw_uid, pwd.getpwnam("games").pw_uid
        keys = self.capsule(provider, '[broker]\nuser = "daemon"\n')
        error = self.raises(keys, "grant", agent="claude", provider="zai", uid=uid)
        self.assertEqual(error["data"]["code"], "config.conflict")
        self.assertIn(f"[broker] user names uid {uid}, as which the session's agent runs", error["message"])
        with contextlib.closing(keys.connect()) as connection:
            connection.call("grant", agent="claude", provider="zai", uid=later, ends_with="connection")
            keys.config(provider.port, '[broker]\nuser = "games"\n')
            keys.call("reload")
            down = lambda: [each["message"] for each in keys.call("status")["warnings"] if each["code"] == "broker.down"]
            self.assertTrue(until(down))
            self.assertIn(f"[broker] user: sessions run as uid {later}", down()[0])
        self.assertTrue(until(lambda: self.states(keys) == {}))
        keys.call("reload")
        self.assertTrue(until(lambda: not down()), keys.logged())

    def test_one_that_is_named_while_it_is_granted_is_refused(self):
        """Then no session told that its user runs agents: that user's servers would get keys."""
        provider = self.provider()
        broker = "[broker]\n" + ('user = "daemon"\n' if ROOT else "")
        keys = self.capsule(provider, broker, keys={})
        asked, gate, op = keys.top / "asked", keys.top / "gate", keys.top / "op"
        op.write_text(f"#!/bin/sh\n: >'{asked}'\nwhile [ ! -e '{gate}' ]; do sleep .05; done\necho FAKE-op-key-000000001\n")
        op.chmod(0o755)
        read = f'[keys]\nop = "{op}"\n[env]\nZAI_API_KEY = "op://a/b/c"\n'
        keys.config(provider.port, broker + read)
        keys.call("reload")
        refused: list[dict] = []
        waiting = threading.Thread(target=lambda: refused.append(self.raises(keys, "grant", agent="claude", provider="zai", uid=12345)))
        waiting.start()
        try:
            self.assertTrue(until(asked.exists))
            keys.config(provider.port, f'{broker}upstream_users = ["12345"]\n{read}')
            keys.call("reload")
        finally:
            gate.touch()
            waiting.join()
        self.assertEqual(refused[0]["data"]["code"], "config.conflict")
        self.assertIn("[broker] upstream_users names uid 12345", refused[0]["message"])
        self.assertEqual(self.states(keys), {})


if __name__ == "__main__":
    unittest.main(verbosity=2)
