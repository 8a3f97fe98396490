"""The capsuled that has the keys takes connections and does not answer, or takes its time for one of many."""

import contextlib
import json
import os
import signal
import threading
import time
import unittest
from pathlib import Path

from capsule import BOUND, Capsule, Connection, Refused, answer, until
from remote import ROOT, Beside, Remote, Server

STRANGER = 4245


class Silent(Remote):
    def test_others_are_answered_while_it_hangs(self):
        keys, agents, _ = self.two()
        self.spawn(agents)
        os.kill(keys.process.pid, signal.SIGSTOP)
        try:
            waiting = threading.Thread(target=self.try_spawn, args=(agents,))
            waiting.start()
            began = time.monotonic()
            for _ in range(20):
                agents.call("rpc.discover")
            status = agents.call("status")
            self.assertLess(time.monotonic() - began, 8)
            self.assertIn("keys.unreachable", [each["code"] for each in status["warnings"]])
        finally:
            os.kill(keys.process.pid, signal.SIGCONT)
        waiting.join()

    def try_spawn(self, agents: Capsule):
        with contextlib.suppress(Refused):
            self.spawn(agents)

    def test_one_that_takes_connections_and_never_answers_is_told(self):
        agents = self.agents_capsule(self.provider(), Path("/nonexistent/before"))
        silent = Server(agents.top / "silent.sock", answers_at_all=False)
        self.addCleanup(silent.close)
        self.move(agents, agents.top / "silent.sock")
        self.assertTrue(until(lambda: "it takes connections, but has not answered for 5 s" in agents.logged()))
        broker = agents.call("status")["broker"]
        self.assertEqual(broker["state"], "failed")
        self.assertIn("has not answered for 5 s", broker["error"])
        self.assertIn("has not answered for 5 s", agents.ctl("status").stdout.replace("\n  ", " "))

    def test_one_that_answers_no_more_is_told(self):
        keys, agents, _ = self.two()
        self.spawn(agents)
        self.assertEqual(agents.call("status")["broker"]["state"], "running")
        os.kill(keys.process.pid, signal.SIGSTOP)
        try:
            self.try_spawn(agents)
            self.assertIn("does not answer: 15 s for", agents.logged())
            broker = agents.call("status")["broker"]
            self.assertEqual((broker["state"], broker["error"]), ("failed", "it does not answer"))
        finally:
            os.kill(keys.process.pid, signal.SIGCONT)
        self.assertTrue(until(lambda: agents.call("status")["broker"]["state"] == "running"))


class OneConnection(Remote):
    """All that is asked goes over one connection, whose requests are answered one after the other."""

    def provider_with_a_silent_page(self):
        """Also an event that says when the page is asked for, and one that has it answer."""
        asked, gate = threading.Event(), threading.Event()
        self.addCleanup(gate.set)

        def serve(peer, _):
            while True:
                if b"/silent" in peer.request()[0]:
                    asked.set()
                    gate.wait(BOUND)
                peer.send(answer())

        return self.provider(serve), asked, gate

    def test_usage_holds_up_no_spawn(self):
        provider, asked, gate = self.provider_with_a_silent_page()
        plans = "".join(f'[providers.{id}.usage]\nurl = "http://127.0.0.1:{provider.port}/{page}"\n' for id, page in (("zai", "silent"), ("kimi", "quick")))  # fmt: skip
        keys = self.keys_capsule(provider, more=plans, keys={"ZAI_API_KEY": "FAKE-zai-key-000000001", "KIMI_CODE_API_KEY": "FAKE-kimi-key-00000001"})  # fmt: skip
        agents = self.agents_capsule(provider, keys.socket, plans)
        self.spawn(agents)
        rows: list[dict] = []
        waiting = threading.Thread(target=lambda: rows.extend(agents.call("usage", provider="zai")["providers"]))
        waiting.start()
        self.assertTrue(asked.wait(BOUND))
        self.spawn(agents)
        status = agents.call("status")
        self.assertEqual(status["broker"]["state"], "running")
        self.assertNotIn("keys.unreachable", [each["code"] for each in status["warnings"]])
        if ROOT:
            self.assertEqual([row["id"] for row in self.usage_as(STRANGER, agents, "kimi")], ["kimi"])
        self.assertEqual(rows, [], "the provider has not answered yet")
        gate.set()
        waiting.join()
        self.assertEqual([row["id"] for row in rows], ["zai"])
        self.assertEqual(agents.logged().count("connected to the capsuled that has the keys"), 1)

    def test_a_key_that_is_being_read_holds_up_no_spawn(self):
        provider = self.provider()
        keys, asked, gate = self.keys_with_a_slow_key(provider)
        agents = self.agents_capsule(provider, keys.socket, "[workspaces.slow]\n")
        given: list[dict] = []
        waiting = threading.Thread(target=lambda: given.append(agents.call("spawn", agent="claude", provider="zai", workspace="slow")))
        waiting.start()
        try:
            self.assertTrue(until(asked.exists))
            self.spawn(agents)
            self.assertEqual(given, [], "its key has not been read yet")
        finally:
            gate.touch()
            waiting.join()
        self.assertEqual(given[0]["session"]["keys"], "broker")
        self.assertEqual(asked.read_text(), "x\n", "it is read once")
        alive = lambda: [each["workspace"] for each in keys.call("sessions.list")["sessions"]]
        self.assertTrue(until(lambda: sorted(alive(), key=str) == [None, "slow"]), alive())

    def test_a_session_whose_key_is_read_again_holds_up_no_spawn(self):
        """What a password manager said is forgotten with the process that asked it."""
        provider = self.provider()
        keys, asked, gate = self.keys_with_a_slow_key(provider)
        agents = self.agents_capsule(provider, keys.socket, "[workspaces.slow]\n")
        gate.touch()
        plain, slow, another = self.spawn(agents), self.spawn(agents, workspace="slow"), self.spawn(agents, workspace="slow")
        gate.unlink()
        keys.stop()
        asked.unlink()
        keys.start()
        try:
            self.assertTrue(until(asked.exists), agents.logged())
            self.spawn(agents)
            self.assertTrue(until(plain.answered))
            self.assertFalse(slow.answered() or another.answered(), "its key has not been read yet")
        finally:
            gate.touch()
        self.assertTrue(until(slow.answered) and until(another.answered), agents.logged())
        self.assertEqual(asked.read_text(), "x\n", "it is read once")
        self.assertEqual(len(keys.call("sessions.list")["sessions"]), 4)

    def test_nor_does_one_that_a_reload_forgets_while_it_is_read(self):
        provider = self.provider()
        keys, asked, gate = self.keys_with_a_slow_key(provider)
        op = keys.top / "op"
        op.write_text(op.read_text().replace(f"'{gate}'", f"'{gate}'$(wc -l <'{asked}')"))
        agents = self.agents_capsule(provider, keys.socket, "[workspaces.slow]\n")
        given: list[dict] = []
        waiting = threading.Thread(target=lambda: given.append(agents.call("spawn", agent="claude", provider="zai", workspace="slow")))
        waiting.start()
        first, second = keys.top / "gate1", keys.top / "gate2"
        try:
            self.assertTrue(until(asked.exists))
            os.kill(keys.process.pid, signal.SIGHUP)
            self.assertTrue(until(lambda: "configuration loaded" in keys.logged()), keys.logged())
            first.touch()
            self.assertTrue(until(lambda: asked.read_text() == "x\nx\n"), "what was read before the reload is not used")
            self.spawn(agents)
            self.assertEqual(given, [], "its key is being read again")
        finally:
            first.touch()
            second.touch()
            waiting.join()
        self.assertEqual(given[0]["session"]["keys"], "broker")

    def test_a_session_whose_key_cannot_be_read_again_is_told_of(self):
        provider = self.provider()
        keys, asked, gate = self.keys_with_a_slow_key(provider)
        agents = self.agents_capsule(provider, keys.socket, "[workspaces.slow]\n")
        gate.touch()
        session = self.spawn(agents, workspace="slow")
        keys.stop()
        op, works = keys.top / "op", (keys.top / "op").read_text()
        op.write_text("#!/bin/sh\necho '[ERROR] not signed in' >&2\nexit 1\n")
        keys.start()
        self.assertTrue(until(lambda: "session_not_granted" in agents.logged()), agents.logged())
        self.assertFalse(session.answered())
        self.assertIn("it cannot be granted anew yet", json.dumps(agents.call("status")["warnings"]))
        op.write_text(works)
        os.kill(keys.process.pid, signal.SIGHUP)
        self.assertTrue(until(session.answered), agents.logged())

    def keys_with_a_slow_key(self, provider) -> tuple[Capsule, Path, Path]:
        """Also a file that says when `op` is asked for the key of a workspace, and one that has it answer."""
        keys = self.keys_capsule(provider)
        asked, gate, op = keys.top / "asked", keys.top / "gate", keys.top / "op"
        op.write_text(f"#!/bin/sh\necho x >>'{asked}'\nwhile [ ! -e '{gate}' ]; do sleep .05; done\necho FAKE-op-key-000000001\n")
        op.chmod(0o755)
        keys.stop()
        with (keys.top / "capsule.toml").open("a") as config:
            config.write(f'[keys]\nop = "{op}"\n[workspaces.slow.env]\nZAI_API_KEY = "op://a/b/c"\n')
        keys.start()
        return keys, asked, gate

    @unittest.skipUnless(ROOT, "only root can be several users")
    def test_usage_of_many_users_holds_up_no_spawn(self):
        """Each has a request under way where the keys are, and that one works on four of this capsuled's at a time."""
        provider, asked, gate = self.provider_with_a_silent_page()
        plan = f'[providers.zai.usage]\nurl = "http://127.0.0.1:{provider.port}/silent"\n'
        keys = self.keys_capsule(provider, more=plan)
        agents = self.agents_capsule(provider, keys.socket, plan)
        self.spawn(agents)
        connections = [self.connection_of(STRANGER + each, agents) for each in range(6)]

        def ask(connection: Connection):
            with contextlib.suppress(Refused):  # whose turn has not come for 10 s
                connection.call("usage", provider="zai")

        waiting = [threading.Thread(target=ask, args=(each,)) for each in connections]
        for each in waiting:
            each.start()
        self.assertTrue(asked.wait(BOUND))
        held = lambda: keys.call("status")["connections"]["open"] >= 3
        self.assertTrue(until(held))
        self.spawn(agents)
        self.assertTrue(any(each.is_alive() for each in waiting), "the provider has not answered yet")
        self.assertNotIn("keys.unreachable", [each["code"] for each in agents.call("status")["warnings"]])
        gate.set()
        for each in waiting:
            each.join()

    def usage_as(self, user: int, agents: Capsule, provider: str) -> list[dict]:
        return self.connection_of(user, agents).call("usage", provider=provider)["providers"]

    def test_counts_are_asked_for_once_for_all_who_want_them(self):
        provider = self.provider()
        keys = self.keys_capsule(provider)
        agents = self.agents_capsule(provider, keys.socket, "[limits]\nrequests_per_user = 64\n")
        sessions = 260  # two questions of 256 at most
        for _ in range(sessions):
            self.spawn(agents)
        asking = [agents.connect() for _ in range(20)]
        for each in asking:
            self.addCleanup(each.close)
        before = keys.call("status")["requests"]["total"]
        os.kill(keys.process.pid, signal.SIGSTOP)
        try:
            os.kill(agents.process.pid, signal.SIGSTOP)
            for each in asking:
                self.send(each, "sessions.list")
            os.kill(agents.process.pid, signal.SIGCONT)
            for _ in range(10):
                agents.call("rpc.discover")
        finally:
            os.kill(keys.process.pid, signal.SIGCONT)
        for each in asking:
            self.assertEqual(len(self.received(each)["result"]["sessions"]), sessions)
        asked = keys.call("status")["requests"]["total"] - before - 1
        self.assertLessEqual(asked, 2 * 2 + 2, "once, and once more for those who came later")

    def send(self, connection: Connection, method: str):
        connection.socket.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode() + b"\n")

    def received(self, connection: Connection) -> dict:
        return json.loads(connection.lines.readline())


class GrantsTooLate(Beside):
    def test_and_has_it_given_back(self):
        """The session may have ended meanwhile, or never begun: nobody here could end its token."""
        gate, ended = threading.Event(), []

        def grant(_):
            self.assertTrue(gate.wait(3 * BOUND))
            return self.GIVEN

        def end(params):
            ended.append(params)
            return {"session": self.row("there")}

        agents = self.beside(status=self.SAME, auth_list={"rows": [self.ROW]}, grant=grant, sessions_end=end)
        self.addCleanup(gate.set)
        with self.assertRaises(Refused):
            self.spawn(agents)
        gate.set()
        self.assertTrue(until(lambda: ended), agents.logged())
        self.assertEqual(ended, [{"id": "there"}])
        self.assertTrue(self.spawn(agents), "it is asked again over the same connection")
        self.assertEqual(len(ended), 1)


class AskedOfItsStatus(Beside):
    """Its own `status` waits for its session user's home, and every grant is behind it."""

    def test_nothing_that_waits_for_a_home_and_one_at_a_time(self):
        asked, gate = [], threading.Event()
        gate.set()

        def status(params):
            asked.append(params)
            self.assertTrue(gate.wait(BOUND))
            return answer

        answer = {**self.SAME, "version": "1.0.0"}
        agents = self.beside(status=status, auth_list={"rows": [self.ROW]}, grant=self.GIVEN)
        self.addCleanup(gate.set)
        self.spawn(agents)
        self.assertEqual(asked, [{"home": False}], "to learn which version it is")
        answer.update({key: value for key, value in agents.call("status").items() if key not in answer})
        answer["broker"] = None
        asked.clear()
        gate.clear()
        waiting = [agents.connect() for _ in range(3)]
        for each in waiting:
            self.addCleanup(each.close)
            each.socket.sendall(b'{"jsonrpc":"2.0","id":1,"method":"status"}\n')
        for each in waiting:
            self.assertIn("keys.unreachable", each.lines.readline())
        for _ in range(3):
            self.assertIn('did not answer \\"status\\"', json.dumps(agents.call("status")["warnings"]))
        gate.set()
        looked = []

        def has_answered():
            looked.append(json.dumps(agents.call("status")["warnings"]))
            return "keys.unreachable" not in looked[-1]

        self.assertTrue(until(has_answered), looked[-1])
        self.assertEqual([each for each in asked if each != {"home": False}], [])
        self.assertLessEqual(len(asked), 2 + len(looked), "one, and one for all who came before that was answered")

    def test_a_daemon_asked_so_looks_for_no_agents(self):
        capsule = self.capsule(self.provider())
        self.assertTrue(all(each["binary"] for each in capsule.call("status")["agents"]), capsule.call("status"))
        self.assertEqual([each["binary"] for each in capsule.call("status", home=False)["agents"]], [None] * 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
