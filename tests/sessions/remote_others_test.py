"""What else could listen where [broker] remote leads to: this capsuled itself, one of another version, a stranger."""

import json
import subprocess
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from capsule import Capsule, Refused, until
from remote import ROOT, Beside, Remote

STRANGER = 4246


class WithoutKeys(Remote):
    def test_its_own_socket_is_no_place_of_keys(self):
        provider = self.provider()
        agents = self.agents_capsule(provider, Path("/nonexistent/before"))
        agents.stop()
        link, folder = agents.top / "link.sock", agents.top / "folder"
        link.symlink_to(agents.socket)
        folder.symlink_to(agents.top)
        for remote in (agents.socket, link, folder / "capsule.sock", agents.top / "home" / ".." / "capsule.sock"):
            agents.config(provider.port, f'[broker]\nremote = "{remote}"\n')
            said = agents.start_fails()
            self.assertIn(f"capsule.toml:4:10: [broker] remote: {remote}: it is this daemon's own socket", said)
            self.assertIn("write the socket of the capsuled that has the keys", said)

    def test_a_socket_that_becomes_its_own_is_told(self):
        agents = self.agents_capsule(self.provider(), Path("/nonexistent/before"))
        link = agents.top / "later.sock"
        self.move(agents, link)
        link.symlink_to(agents.socket)
        self.assertTrue(until(lambda: "it is this daemon's own socket" in agents.logged()))
        self.assertIn("own socket", agents.call("status")["broker"]["error"])
        error = self.raises(agents, "spawn", agent="claude", provider="zai")
        self.assertEqual(error["data"]["code"], "config.conflict")
        self.assertIn("write the socket", error["data"]["hint"])

    def test_two_that_name_each_other_are_told(self):
        provider = self.provider()
        one = self.agents_capsule(provider, Path("/nonexistent/before"))
        other = self.agents_capsule(provider, one.socket)
        self.move(one, other.socket)
        for capsule in (one, other):
            self.assertTrue(until(lambda capsule=capsule: f"its own [broker] remote is {capsule.socket}" in capsule.logged()))
        with ThreadPoolExecutor() as at_once:  # each waits its 10 s for another one to come
            for error in at_once.map(lambda capsule: self.raises(capsule, "spawn", agent="claude", provider="zai"), (one, other)):
                self.assertEqual(error["data"]["code"], "config.conflict")


class OtherUsers(Remote):
    @unittest.skipUnless(ROOT, "only root can be two users")
    def test_one_takes_no_others_place_where_the_keys_are(self):
        """There all of them are one user, that of this capsuled."""
        provider = self.provider()
        keys = self.keys_capsule(provider, more="[limits]\nsessions_per_user = 3\n")
        agents = self.agents_capsule(provider, keys.socket, f'[access]\nspawn = ["{STRANGER}"]\n')
        agents.socket.chmod(0o666)
        victim = self.spawn(agents)
        connection = self.connection_of(STRANGER, agents)
        ids = [connection.call("spawn", agent="claude", provider="zai")["session"]["id"] for _ in range(5)]
        self.assertEqual(victim.ask().status, 200, keys.logged())
        agents.call("status")  # which looks at what became of them
        alive = [each["id"] for each in agents.call("sessions.list")["sessions"]]
        self.assertEqual(sorted(alive), sorted([victim.id, *ids[2:]]))
        why = {each["id"]: each["ended"] for each in agents.call("sessions.list", all=True)["sessions"]}
        for id in ids[:2]:
            self.assertIn("the capsuled that has the keys has ended it: uid", why[id])
            self.assertIn(f"uid {STRANGER} has asked for more than 3 sessions", why[id])

    @unittest.skipUnless(ROOT, "only root can be two users")
    def test_sessions_of_each_user_are_granted_anew_in_turns(self):
        provider = self.provider()
        keys = self.keys_capsule(provider)
        agents = self.agents_capsule(provider, keys.socket, f'[access]\nspawn = ["{STRANGER}"]\n')
        agents.socket.chmod(0o666)
        connection = self.connection_of(STRANGER, agents)
        for _ in range(30):
            connection.call("spawn", agent="claude", provider="zai")
        for _ in range(3):
            self.spawn(agents)
        keys.stop()
        keys.start()
        self.assertTrue(until(lambda: agents.logged().count("session_granted_anew") == 33), agents.logged())
        first = [line for line in agents.logged().splitlines() if "session_granted_anew" in line][:6]
        self.assertEqual(sum(" asked_by=0" in line for line in first), 3, first)

    @unittest.skipUnless(ROOT, "only root can be two users")
    def test_nobody_has_more_places_by_naming_others(self):
        """Root's capsuled has many users. One that says so, and is not root, is one user all the same."""
        keys = self.keys_capsule(self.provider(), more=f'spawn = ["{STRANGER}"]\n[limits]\nsessions_per_user = 3\n')
        keys.socket.chmod(0o666)
        asked = {"agent": "claude", "provider": "zai", "uid": 4247, "ends_with": "connection"}
        strangers, ours = self.connection_of(STRANGER, keys), keys.connect()
        self.addCleanup(ours.close)
        for connection in (strangers, ours):
            for asker in range(1, 8):
                connection.call("grant", asked_by=asker, **asked)
        self.assertEqual(len(keys.call("sessions.list")["sessions"]), 3 + 7)


class OtherVersions(Beside):
    def test_another_protocol_is_told(self):
        error = self.against(status={"protocol": 2, "version": "9.0.0"})
        self.assertIn("another protocol (capsuled 9.0.0, protocol 2, here 1)", error["message"])
        self.assertEqual(error["data"]["hint"], "run the same version of capsuled on both sides")

    def test_an_older_one_without_the_method_is_told(self):
        error = self.against(status={**self.SAME, "version": "0.0.9"}, auth_list={"rows": [self.ROW]})
        self.assertEqual(error["data"]["code"], "config.conflict")
        self.assertIn("0.0.9", error["message"])
        self.assertIn("same version", error["data"]["hint"])

    def test_an_older_one_that_would_refuse_what_is_asked_is_told_before_anything_is(self):
        """What it did not know was left out without a word: what sessions did stayed 0, and they ended for being idle."""
        agents = self.beside(status={"protocol": 1, "version": "0.0.9"}, auth_list={"rows": [self.ROW]}, grant=self.GIVEN)
        said = "it is older than this one (capsuled 0.0.9), and does not know all that this one asks"
        self.assertTrue(until(lambda: said in agents.logged()), agents.logged())
        error = self.raises(agents, "spawn", agent="claude", provider="zai")
        self.assertEqual(error["data"]["code"], "config.conflict")
        self.assertIn(said, error["message"])
        self.assertIn("both sides must be the same version of capsuled", error["data"]["hint"])
        status = agents.call("status")
        self.assertEqual(status["broker"]["state"], "failed")
        [warning] = [each["message"] for each in status["warnings"] if each["code"] == "keys.unreachable"]
        self.assertIn(said, warning)
        self.assertIn("same version", warning)
        self.assertEqual(agents.logged().count(said), 1, "it is tried again every second")

    def test_sessions_of_which_nothing_is_known_are_not_idle(self):
        answers = {"sessions_list": {"error": {"code": -32602, "message": "params.ids: unknown member"}}}
        agents = self.beside(status={**self.SAME, "version": "1.0.0"}, auth_list={"rows": [self.ROW]}, grant=self.GIVEN,
                             sessions_list=lambda _: answers["sessions_list"])  # fmt: skip
        self.spawn(agents)
        agents.stop()
        [file] = (agents.top / "state/sessions").glob("*.json")
        kept = json.loads(file.read_text())
        kept["session"]["used_s"] -= 48 * 3600
        file.write_text(json.dumps(kept))
        agents.start()
        self.assertTrue(until(lambda: agents.call("status")["broker"]["state"] == "running"))
        self.assertTrue(until(lambda: "session_granted_anew" in agents.logged()), agents.logged())
        for _ in range(3):
            self.assertEqual(len(agents.call("sessions.list")["sessions"]), 1, agents.logged())
        said = "what the sessions do is not known, so none ends for being idle"
        self.assertEqual(agents.logged().count(said), 1, agents.logged())
        self.assertIn("params.ids: unknown member", agents.logged())
        answers["sessions_list"] = {"sessions": []}
        self.assertEqual(len(agents.call("sessions.list")["sessions"]), 1, "from now on it has 24 hours again")

    def test_a_newer_ones_members_are_ignored_and_a_wrong_address_is_not(self):
        given = {"session": {"id": "abc", "keys": "broker", "ends_with": "connection", "more": 1}, "token": None,
                 "key_scope": "container", "base_urls": {"anthropic_messages": "http://192.0.2.1:80/api/anthropic"}, "warnings": [], "more": {}}  # fmt: skip
        error = self.against(status={"protocol": 1, "remote_protocol": 99, "version": "1.9.0", "more": []},
                             auth_list={"rows": [self.ROW | {"more": 1}]}, grant=given)  # fmt: skip
        self.assertEqual(error["data"]["code"], "config.conflict")
        self.assertIn("192.0.2.1", error["message"])

    def test_what_is_no_daemon_is_told(self):
        error = self.against(status={"error": {"code": -32001, "message": "no", "data": {"code": "access.denied"}}})
        self.assertEqual(error["data"]["code"], "io.error")

    def stranger(self, code: str, place: Path, **members) -> subprocess.Popen:
        place.mkdir()
        place.chmod(0o777)
        stranger = subprocess.Popen(["/usr/bin/python3", "-c", code, str(place / "s")], stdout=subprocess.PIPE, text=True, **members)
        self.addCleanup(stranger.communicate)
        self.addCleanup(stranger.kill)
        self.assertTrue(until((place / "s").exists))
        return stranger

    @unittest.skipUnless(ROOT, "only root can be two users")
    def test_a_strangers_socket_is_not_trusted(self):
        code = ("import socket,sys,time\ns=socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()\n"
                "while True:\n c=s.accept()[0]\n print(len(c.recv(1)),flush=True)")  # fmt: skip
        agents = self.agents_capsule(self.provider(), Path("/nonexistent/before"))
        stranger = self.stranger(code, agents.top / "open", user=12345, group=12345)
        self.move(agents, agents.top / "open/s")
        error = self.raises(agents, "spawn", agent="claude", provider="zai")
        self.assertIn("user 12345's and is not trusted", error["message"])
        self.assertEqual(stranger.stdout.readline(), "0\n", "nothing is sent to it")

    @unittest.skipUnless(ROOT, "only root can be two users")
    def test_a_stranger_who_answers_at_roots_socket_is_not_trusted(self):
        """systemd makes sockets for services, and the service's user may take such a one."""
        code = ("import os,socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()\nos.setuid(12345)\n"
                "while True:\n c=s.accept()[0]\n f=c.makefile('rw')\n print(f.readline(),end='',flush=True)\n"
                " f.write('{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocol\":1,\"remote_protocol\":4,\"version\":\"1\"}}\\n')\n"
                " f.flush()\n print(f.readline(),end='',flush=True)\n print('closed',flush=True)")  # fmt: skip
        agents = self.agents_capsule(self.provider(), Path("/nonexistent/before"))
        stranger = self.stranger(code, agents.top / "open")
        self.move(agents, agents.top / "open/s")
        error = self.raises(agents, "spawn", agent="claude", provider="zai")
        self.assertIn("user 12345's and is not trusted", error["message"])
        self.assertEqual(json.loads(stranger.stdout.readline())["method"], "status")
        self.assertEqual(stranger.stdout.readline(), "closed\n", "nothing else is sent to it")


if __name__ == "__main__":
    unittest.main(verbosity=2)
