"""Sessions whose tokens another capsuled grants."""

import contextlib
import datetime
import json
import os
import re
import unittest

from capsule import KEY, OTHER_KEY, Session, until
from remote import ROOT, Remote, free_port


class Agents(Remote):
    """The one that has the sessions."""

    def test_a_session_has_a_token_of_the_other_one(self):
        keys, agents, provider = self.two()
        session = self.spawn(agents)
        self.assertEqual(session.plan["session"]["keys"], "broker")
        self.assertNotIn(KEY, json.dumps(session.plan))
        self.assertEqual(session.ask().status, 200)
        self.assertIn(f"Bearer {KEY}".encode(), provider.bytes)
        self.assertNotIn(session.token.encode(), provider.bytes)
        [row] = agents.call("sessions.list")["sessions"]
        self.assertTrue(until(lambda: agents.call("sessions.list")["sessions"][0]["requests"]["total"] == 1))
        self.assertEqual((row["id"], row["keys"]), (session.id, "broker"))
        self.assertEqual(list(self.states(keys).values()), ["live"])
        for file in (agents.top / "state").rglob("*"):
            if file.is_file():
                self.assertNotIn(session.token, file.read_text())
        self.assertNotIn(session.token, keys.logged() + agents.logged())

    def test_every_agent_is_given_one(self):
        _, agents, provider = self.two()
        for agent in ("codex", "opencode"):
            plan = agents.call("spawn", agent=agent, provider="zai")
            self.assertEqual(plan["session"]["keys"], "broker", plan["warnings"])
            self.assertTrue(plan["env"]["ZAI_API_KEY"].startswith("cst_"))
            self.assertNotIn(KEY, json.dumps(plan))

    def test_says_what_the_other_one_has(self):
        keys, agents, _ = self.two()
        self.assertEqual(agents.call("auth.list")["rows"], keys.call("auth.list")["rows"])
        self.assertEqual([each["id"] for each in agents.call("providers.list", agent="codex")["choices"]],
                         [each["id"] for each in keys.call("providers.list", agent="codex")["choices"]])  # fmt: skip
        status = agents.call("status")
        zai = next(each for each in status["providers"] if each["id"] == "zai")
        self.assertEqual((zai["key"]["state"], zai["cells"]["claude"]), ("present", "ready"))
        self.assertEqual(status["broker"]["remote"], str(keys.socket))
        self.assertEqual(status["broker"]["state"], "running")
        self.assertNotIn("keys.none", [each["code"] for each in status["warnings"]])

    def test_keeps_no_keys(self):
        _, agents, _ = self.two()
        for method, params in (("auth.set", {"value": OTHER_KEY}), ("auth.unset", {})):
            error = self.raises(agents, method, provider="zai", **params)
            self.assertEqual(error["data"]["code"], "config.conflict")
            self.assertIn("capsulectl --socket", error["data"]["hint"])
        self.assertEqual(self.raises(agents, "grant", agent="claude", provider="zai")["data"]["code"], "config.conflict")

    def test_uses_no_key_of_its_own_and_says_that_it_has_one(self):
        provider = self.provider()
        keys = self.keys_capsule(provider)
        agents = self.capsule(provider, f'[broker]\nremote = "{keys.socket}"\n', keys={"ZAI_API_KEY": OTHER_KEY})
        session = self.spawn(agents)
        self.assertNotIn(OTHER_KEY, json.dumps(session.plan))
        self.assertEqual(session.ask().status, 200)
        self.assertNotIn(OTHER_KEY.encode(), provider.bytes)
        self.assertIn("keys.unused", [each["code"] for each in agents.call("status")["warnings"]])

    def test_what_no_token_fits_is_refused_or_the_homes(self):
        _, agents, _ = self.two(keys={"ZAI_API_KEY": KEY, "ANTHROPIC_API_KEY": "sk-ant-FAKE-sessions-000000003"})
        plan = agents.call("spawn", agent="claude", provider="anthropic")
        self.assertEqual(plan["session"]["keys"], "home")
        self.assertNotIn("FAKE-", json.dumps(plan))
        error = self.raises(agents, "spawn", agent="claude", provider="kimi")
        self.assertIn("key", error["data"]["code"])

    def test_the_grant_ends_with_the_session_and_with_explain(self):
        keys, agents, _ = self.two()
        session = self.spawn(agents)
        agents.call("sessions.end", id=session.id)
        self.assertTrue(until(lambda: self.states(keys) == {}))
        self.refused(session.ask(), 401, "capsule_session_ended")
        agents.call("explain", agent="claude", provider="zai")
        self.assertTrue(until(lambda: self.states(keys) == {}))

    def test_none_changes_from_this_ones_keys_to_the_other_ones(self):
        """And none back, though it is at the port of the last broker here."""
        provider = self.provider()
        keys = self.keys_capsule(provider)
        user = 'user = "daemon"\n' if ROOT else ""
        own = f'[broker]\n{user}upstream_users = ["{os.geteuid()}"]\n'
        agents = self.capsule(provider, own, keys={"ZAI_API_KEY": OTHER_KEY})
        remote = f'[broker]\nremote = "{keys.socket}"\n'
        for config, whose in ((remote, "this capsuled's, and the keys are another one's"),
                              (own, "another capsuled's, and the keys are this one's")):  # fmt: skip
            session = self.spawn(agents)
            self.assertEqual(session.ask().status, 200)
            self.assertEqual(agents.stop(), 0)
            agents.config(provider.port, config)
            sent = provider.bytes.count(b"FAKE-")
            agents.start()
            [row] = [each for each in agents.call("sessions.list", all=True)["sessions"] if each["id"] == session.id]
            self.assertEqual(row["state"], "ended")
            self.assertIn(whose, row["ended"])
            for capsule in (agents, keys):
                self.assertNotIn(session.id, self.states(capsule))
            self.assertEqual(keys.call("sessions.list")["sessions"], [])
            with contextlib.suppress(OSError):
                self.assertNotEqual(session.ask().status, 200)
            self.assertEqual(provider.bytes.count(b"FAKE-"), sent)
        self.assertEqual(self.spawn(agents).ask().status, 200)

    def test_one_whose_workspace_is_gone_meanwhile_gets_no_other_key(self):
        """Where no workspace is configured any name passes, and would get the global key."""
        self.one_whose_workspace_is_gone("")

    def test_nor_does_it_where_any_name_passes(self):
        self.one_whose_workspace_is_gone('unknown_scopes = "allow"\n')

    def one_whose_workspace_is_gone(self, of_session: str):
        provider, port = self.provider(), free_port()
        acme = f'[workspaces.acme.env]\nZAI_API_KEY = "{OTHER_KEY}"\n'
        keys = self.keys_capsule(provider, port, acme)
        keys.stop()
        file = keys.top / "capsule.toml"
        text = file.read_text().replace("[session]\n", f"[session]\n{of_session}")
        file.write_text(text)
        keys.start()
        agents = self.agents_capsule(provider, keys.socket)
        session, of_a_role = self.spawn(agents, workspace="acme"), self.spawn(agents, workspace="acme", role="dev")
        for each in session, of_a_role:
            self.assertEqual(each.ask().status, 200)
        keys.kill()
        file.write_text(text.replace(acme, ""))
        keys.start()
        self.assertEqual(self.spawn(agents, workspace="acme").ask().status, 200, "a new one is told that it has the global key")
        before = provider.bytes.count(KEY.encode())
        told = re.compile(rf"session={session.id} .*cannot be granted anew yet: .*the key of workspace \W+acme\W+ is gone")
        self.assertTrue(until(lambda: told.search(agents.logged())), agents.logged())
        self.assertFalse(session.answered())
        self.assertFalse(of_a_role.answered())
        self.assertEqual(provider.bytes.count(KEY.encode()), before)
        warned = self.keyless(agents)
        self.assertIn(session.id, warned)
        self.assertRegex(warned, r"the key of workspace \W+acme\W+ is gone")
        keys.kill()
        file.write_text(text)
        keys.start()
        self.assertTrue(until(session.answered), agents.logged())
        self.assertEqual(self.keyless(agents), "")
        self.assertEqual(provider.bytes.count(KEY.encode()), before)

    def test_nor_does_one_that_an_older_daemon_kept(self):
        provider, port = self.provider(), free_port()
        acme = f'[workspaces.acme.env]\nZAI_API_KEY = "{OTHER_KEY}"\n'
        keys = self.keys_capsule(provider, port, acme)
        agents = self.agents_capsule(provider, keys.socket)
        session = self.spawn(agents, workspace="acme")
        self.assertEqual(agents.stop(), 0)
        file = agents.top / f"state/sessions/{session.id}.json"
        kept = json.loads(file.read_text())
        self.assertEqual(kept["session"].pop("key_scope"), "workspace")
        file.write_text(json.dumps(kept))
        agents.start()
        self.assertTrue(until(session.answered), agents.logged())
        text = (keys.top / "capsule.toml").read_text()
        keys.kill()
        (keys.top / "capsule.toml").write_text(text.replace(acme, ""))
        keys.start()
        told = re.compile(rf"session={session.id} .*cannot be granted anew yet: .*the key of workspace \W+acme\W+ is gone")
        self.assertTrue(until(lambda: told.search(agents.logged())), agents.logged())
        self.assertFalse(session.answered())
        self.assertNotIn(KEY.encode(), provider.bytes)

    def test_a_key_that_is_rotated_is_used_by_the_next_request(self):
        provider = self.provider()
        keys = self.keys_capsule(provider, keys={})
        secret = keys.top / "secrets" / "zai"
        secret.write_text(KEY)
        secret.chmod(0o400)
        keys.stop()
        keys.keys = {"ZAI_API_KEY_FILE": str(secret)}
        keys.start()
        agents = self.agents_capsule(provider, keys.socket)
        session = self.spawn(agents)
        self.assertEqual(session.ask().status, 200)
        secret.chmod(0o600)
        secret.write_text(OTHER_KEY)
        self.assertTrue(until(lambda: session.answered() and f"Bearer {OTHER_KEY}".encode() in provider.bytes))

    def test_a_session_without_a_grant_holds_no_other_up(self):
        provider = self.provider()
        cell = f'[providers.minimax.claude]\nbase_url = "http://127.0.0.1:{provider.port}/m"\n'
        both = {"ZAI_API_KEY": KEY, "MINIMAX_API_KEY": OTHER_KEY}
        keys = self.keys_capsule(provider, more=cell, keys=both)
        agents = self.agents_capsule(provider, keys.socket, more=cell)
        refused = Session(agents.call("spawn", agent="claude", provider="minimax"))
        other = self.spawn(agents)
        took = []
        for _ in range(3):
            told = agents.logged().count("cannot be granted anew yet")
            keys.stop()
            keys.keys = {"ZAI_API_KEY": KEY}
            keys.start()
            self.assertTrue(until(lambda: agents.logged().count("cannot be granted anew yet") > told), agents.logged())
            self.assertTrue(until(other.answered))
            keys.stop()
            keys.keys = both
            keys.start()
            granted = agents.logged().count("session_granted_anew")
            self.assertTrue(until(lambda: agents.logged().count("session_granted_anew") == granted + 2), agents.logged())
            lines = agents.logged().splitlines()
            [connected] = [line for line in lines if "connected to the capsuled" in line][-1:]
            [last] = [line for line in lines if "session_granted_anew" in line][-1:]
            took.append((self.time_of(last) - self.time_of(connected)).total_seconds())
        self.assertTrue(refused.answered())
        self.assertLess(min(took), 3, f"a connection wakes whoever waits for the next try: {took}")

    def time_of(self, line: str) -> datetime.datetime:
        return datetime.datetime.fromisoformat(line.split()[0].removesuffix("Z"))

    def test_a_reload_cannot_move_the_keys(self):
        _, agents, provider = self.two()
        agents.config(provider.port)
        self.assertIn("restart capsuled", self.raises(agents, "reload")["data"]["hint"])
        self.assertEqual(self.spawn(agents).ask().status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
