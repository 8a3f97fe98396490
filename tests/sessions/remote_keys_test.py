"""The capsuled that has the keys of another one's sessions: what it gives and does, and what it knows of plans."""

import contextlib
import json
import os
import shutil
import threading
import time
import unittest
from pathlib import Path

from capsule import BOUND, KEY, OTHER_KEY, Refused, Session, answer, until
from remote import ROOT, Beside, Remote

TOKEN = "f" * 64


class Keys(Remote):
    """The one that has them."""

    def test_starts_no_session_and_gives_no_key(self):
        provider = self.provider()
        keys = self.keys_capsule(provider, keys={"ZAI_API_KEY": KEY, "CLAUDE_CODE_OAUTH_TOKEN": OTHER_KEY})
        planted = keys.top / "planted"
        planted.mkdir()
        for agent in ("claude", "codex", "opencode"):
            (planted / agent).write_text(f"#!/bin/sh\ntouch {keys.top}/ran\n")
            (planted / agent).chmod(0o755)
        for agent, on in (("claude", "zai"), ("claude", "anthropic"), ("codex", "zai"), ("opencode", "zai")):
            for method in ("spawn", "explain"):
                error = self.raises(keys, method, agent=agent, provider=on, env={"PATH": str(planted)})
                self.assertEqual(error["data"]["code"], "access.denied", (agent, on, method))
                self.assertIn("grant", error["data"]["hint"])
        for method, params in (("config.write", {"agent": "codex"}), ("reload", {}),
                               ("auth.set", {"provider": "zai", "value": OTHER_KEY}),
                               ("auth.unset", {"provider": "zai"})):  # fmt: skip
            self.assertEqual(self.raises(keys, method, **params)["data"]["code"], "access.denied", method)
        self.assertFalse((keys.top / "ran").exists(), "a program of the caller's")
        said = json.dumps([keys.call("status"), keys.call("auth.list"), keys.call("grant", agent="claude", provider="zai")])
        self.assertNotIn(KEY, said)
        self.assertNotIn(OTHER_KEY, said)

    def test_give_none_to_a_server_that_could_be_an_agents(self):
        """Agents are of the same user, on the same loopback: they can have the port of a provider that is away."""
        provider = self.provider()
        keys = self.keys_capsule(provider, broker="")
        session = self.spawn(self.agents_capsule(provider, keys.socket))
        reply = session.ask()
        self.refused(reply, 502, "capsule_upstream_unreachable")
        for word in (f"uid {os.geteuid()} listens there. Agents may run as that user", "[access] own_user", "[broker] upstream_users"):
            self.assertIn(word, reply.error["message"])
        self.assertEqual(provider.bytes, b"")

    @unittest.skipUnless(ROOT, "only root can be two users")
    def test_give_none_to_roots_server_either_whoever_sessions_here_run_as(self):
        """[session] user is of sessions that start here: those that are granted elsewhere may be root's."""
        provider = self.provider()
        keys = self.keys_capsule(provider, broker="", session='keys = "broker"\nuser = "games"')
        with contextlib.closing(keys.connect()) as connection:
            given = connection.call("grant", agent="claude", provider="zai", ends_with="connection", uid=0)
            self.assertTrue(given["token"].startswith("cst_"))
        session = self.spawn(self.agents_capsule(provider, keys.socket))
        reply = session.ask()
        self.refused(reply, 502, "capsule_upstream_unreachable")
        self.assertIn("uid 0 listens there. Agents may run as that user ([access] own_user)", reply.error["message"])
        self.assertEqual(provider.bytes, b"")

    def test_need_no_home(self):
        provider = self.provider()
        keys = self.keys_capsule(provider)
        keys.stop()
        shutil.rmtree(keys.top / "home")
        keys.keys = {"ZAI_API_KEY": KEY, "HOME": "/", "STATE_DIRECTORY": str(keys.top / "nothing") if ROOT else ""}
        keys.start()
        with contextlib.closing(keys.connect()) as connection:
            given = connection.call("grant", agent="claude", provider="zai", ends_with="connection")
            self.assertTrue(given["token"].startswith("cst_"))

    def test_idle_connections_make_room_but_not_those_that_sessions_end_with(self):
        keys = self.keys_capsule(self.provider(), more="[limits]\nconnections_per_user = 16\n")
        with contextlib.ExitStack() as open_ones:
            first = open_ones.enter_context(contextlib.closing(keys.connect()))
            given = first.call("grant", agent="claude", provider="zai", ends_with="connection")
            for _ in range(64):
                open_ones.enter_context(contextlib.closing(keys.connect()))
            self.assertEqual(keys.ctl("status", "--quiet").returncode, 0, keys.logged())
            self.assertIn(given["session"]["id"], self.states(keys))
            self.assertEqual(first.call("status")["protocol"], 1)
            self.assertIn("it is idle, and another one of its user needs the place", keys.logged())

    def test_runs_no_agent_to_ask_for_its_version(self):
        keys = self.keys_capsule(self.provider())
        planted = keys.top / "planted"
        planted.mkdir()
        for agent in ("claude", "codex", "opencode"):
            (planted / agent).write_text(f"#!/bin/sh\ntouch {keys.top}/ran\nexit 1\n")
            (planted / agent).chmod(0o755)
        keys.stop()
        keys.keys = {"ZAI_API_KEY": KEY, "PATH": f"{planted}:/usr/bin:/bin"}
        keys.start()
        agents = {each["id"]: each for each in keys.call("status")["agents"]}
        self.assertEqual(agents["claude"]["binary"], str(planted / "claude"))
        time.sleep(0.5)  # it would be run just after the answer
        self.assertFalse((keys.top / "ran").exists())
        self.assertNotIn("agent.version_unknown", keys.logged())

    def test_a_token_may_be_the_callers_own(self):
        keys = self.keys_capsule(self.provider())
        with contextlib.closing(keys.connect()) as connection:
            given = connection.call("grant", agent="claude", provider="zai", token_sha256=TOKEN, ends_with="connection")
            self.assertIsNone(given["token"])
            again = connection.call("grant", agent="claude", provider="zai", token_sha256=TOKEN, ends_with="connection")
        self.assertNotEqual(given["session"]["id"], again["session"]["id"])
        self.assertNotIn(given["session"]["id"], self.states(keys))
        for bad in ("f" * 63, "F" * 64, "g" * 64, ""):
            error = self.raises(keys, "grant", agent="claude", provider="zai", token_sha256=bad)
            self.assertEqual(error["code"], -32602)
            self.assertIn("token_sha256", error["message"])
        error = self.raises(keys, "grant", agent="claude", provider="zai", key_scope="rolle")
        self.assertEqual(error["code"], -32602)
        self.assertIn("role, workspace, global, container", error["message"])

    def test_nobody_is_no_user_that_a_token_is_good_for(self):
        """Everybody whom the user namespace does not have looks like that one."""
        keys = self.keys_capsule(self.provider())
        number = int(Path("/proc/sys/kernel/overflowuid").read_text())
        error = self.raises(keys, "grant", agent="claude", provider="zai", uid=number)
        self.assertEqual(error["code"], -32602)
        self.assertIn(f"params.uid: uid {number} cannot be used here: the kernel shows any user", error["message"])
        self.assertEqual(self.states(keys), {})

    @unittest.skipUnless(ROOT, "only root can be two users")
    def test_a_token_is_good_for_the_user_that_the_caller_names(self):
        keys = self.keys_capsule(self.provider())
        with contextlib.closing(keys.connect()) as connection:
            for uid, status in ((os.getuid(), 200), (12345, 403)):
                given = connection.call("grant", agent="claude", provider="zai", uid=uid, ends_with="connection")
                url = given["base_urls"]["anthropic_messages"]
                plan = {"session": given["session"],
                        "env": {"ANTHROPIC_AUTH_TOKEN": given["token"], "ANTHROPIC_BASE_URL": url}}  # fmt: skip
                self.assertEqual(Session(plan).ask().status, status, uid)


class Plans(Remote):
    """What is left, and what was refused, is known where the keys are."""

    LIMIT = "Usage limit reached for 5 hour. Your limit will reset at 2026-11-26 05:44:44"
    PLAN = {"code": 200, "data": {"level": "pro", "limits": [{"type": "TOKENS_LIMIT", "unit": 3, "number": 5, "percentage": 100,
                                                             "nextResetTime": 4070908800000}]}}  # fmt: skip

    def setUp(self):
        self.next = answer()
        self.gate = threading.Event()
        self.gate.set()
        provider = self.provider(self.serve)
        plan = f'[providers.zai.usage]\nurl = "http://127.0.0.1:{provider.port}/plan"\n'
        self.keys = self.keys_capsule(provider, more=plan)
        self.agents = self.agents_capsule(provider, self.keys.socket)

    def serve(self, peer, _):
        while True:
            head, _ = peer.request()
            if head.split()[1] == b"/plan":
                self.gate.wait(BOUND)
                peer.send(answer(json.dumps(self.PLAN).encode()))
            else:
                peer.send(self.next)

    def zai(self) -> dict:
        return next(each for each in self.agents.call("status")["providers"] if each["id"] == "zai")

    def choice(self) -> dict:
        choices = self.agents.call("providers.list", agent="claude")["choices"]
        return next(each for each in choices if each["id"] == "zai")

    def warned(self, method: str = "explain") -> dict[str, str]:
        plan = self.agents.call(method, agent="claude", provider="zai")
        return {each["code"]: each["message"] for each in plan["warnings"]}

    def test_what_is_left_is_told_on_the_agents_side(self):
        [row] = self.agents.call("usage")["providers"]
        self.assertEqual((row["id"], row["plan"], row["windows"][0]["used_percent"]), ("zai", "pro", 100))
        self.assertEqual(self.zai()["usage"]["windows"], row["windows"])
        self.assertEqual(self.choice()["usage"]["windows"], row["windows"])
        for method in ("explain", "spawn"):
            self.assertIn("of Z.AI's plan nothing is left", self.warned(method)["usage.exhausted"])
        self.assertIn("100 %", self.agents.ctl("usage").stdout)
        self.assertIn("5 hours: 0 % left", self.agents.ctl("status").stdout)
        self.assertEqual(self.raises(self.agents, "usage", provider="nobody")["data"]["code"], "provider.unknown")

    def test_the_picker_has_it_asked_for_and_nobody_waits_for_it(self):
        self.assertTrue(self.spawn(self.agents).answered(), "a broker runs")
        self.gate.clear()
        began = time.monotonic()
        self.assertIsNone(self.choice()["usage"])
        self.assertNotIn("usage.exhausted", self.warned("spawn"))
        self.assertIsNone(self.zai()["usage"])
        self.assertLess(time.monotonic() - began, BOUND / 2)
        self.gate.set()
        self.assertTrue(until(lambda: self.choice()["usage"]))
        self.assertIn("usage.exhausted", self.warned("spawn"))

    def told(self, watching, method: str) -> dict:
        while True:
            line = json.loads(watching.lines.readline())
            if line.get("method") == method:
                return line["params"]

    def test_a_refusal_is_told_on_the_agents_side(self):
        watching = self.agents.connect()
        self.addCleanup(watching.close)
        watching.call("subscribe")
        session = self.spawn(self.agents)
        refused = json.dumps({"error": {"code": "1308", "message": self.LIMIT}}).encode()
        self.next = answer(refused, "429 Too Many Requests")
        session.ask()
        self.assertTrue(until(lambda: self.zai()["limit"]))
        limit = {"kind": "window", "message": self.LIMIT, "resets_at": "2026-11-26 05:44:44", "model": None}
        self.assertEqual(self.zai()["limit"], limit)
        self.assertEqual(self.choice()["limit"], limit)
        self.assertEqual(self.agents.call("sessions.list")["sessions"][0]["limit"], limit)
        self.assertEqual(self.told(watching, "session.limit")["session"]["limit"], limit)
        for method in ("explain", "spawn"):
            self.assertIn("the quota of these hours is used up", self.warned(method)["provider.limit"])
        self.assertIn("the quota of these hours is used up", self.agents.ctl("status").stdout)
        self.next = answer()
        session.ask()
        self.assertTrue(until(lambda: self.zai()["limit"] is None))
        self.assertNotIn("provider.limit", self.warned())

    def test_another_model_than_was_asked_is_a_warning_of_status(self):
        session = self.spawn(self.agents)
        self.next = answer(b'{"model":"glm-5.2","usage":{"input_tokens":1,"output_tokens":1}}')
        session.ask("glm-5.2")
        self.next = answer(b'{"model":"glm-4.7","usage":{"input_tokens":1,"output_tokens":1}}')
        session.ask("glm-5.2")
        self.assertTrue(until(lambda: "session.model_differs" in [each["code"] for each in self.agents.call("status")["warnings"]]))
        self.assertIn("session.model_differs", self.agents.logged())
        models = lambda capsuled, **params: [(each["answered"], each["count"]) for each in capsuled.call("sessions.list", **params)["sessions"][0]["models"]]  # fmt: skip
        self.agents.call("status")
        self.assertEqual(models(self.agents), [("glm-5.2", 1), ("glm-4.7", 1)])
        self.assertEqual(models(self.keys), [("glm-5.2", 1), ("glm-4.7", 1)])
        self.assertEqual(models(self.keys, brief=True), [("glm-4.7", 1)])
        self.assertEqual(models(self.agents, brief=True), [("glm-4.7", 1)])

    def test_what_the_keys_side_says_of_the_key_is_said_here(self):
        self.keys.stop()
        self.keys.keys = {"ZAI_API_KEY": "'FAKE-quoted-key-000000001'"}
        self.keys.start()
        self.assertTrue(until(lambda: "key.shape" in self.warned()))
        self.assertTrue(self.zai()["key"]["doubtful"])


class UnreadKeys(Beside):
    def test_are_read_with_a_token_that_nobody_has(self):
        """Whoever asks with the session's own would end that one, if it is there already."""
        asked = []

        def grant(params):
            asked.append(params)
            return self.GIVEN | ({"key_is_unread": True} if len(asked) == 1 else {})

        agents = self.beside(status={**self.SAME, "version": "1.0.0"}, auth_list={"rows": [self.ROW]}, grant=grant)
        self.spawn(agents)
        self.assertEqual([each.get("key_is_read", False) for each in asked], [True, False, True])
        self.assertEqual([each["ends_with"] for each in asked], ["connection"] * 3)
        first, read, last = [each["token_sha256"] for each in asked]
        self.assertEqual(first, last)
        self.assertNotEqual(first, read)

    def test_a_session_whose_token_the_caller_made_is_not_kept(self):
        keys = self.keys_capsule(self.provider())
        with contextlib.closing(keys.connect()) as connection:
            kept = connection.call("grant", agent="claude", provider="zai", ends_with="connection")["session"]["id"]
            connection.call("grant", agent="claude", provider="zai", token_sha256=TOKEN, ends_with="connection")
            keys.kill()
            self.assertEqual([path.stem for path in (keys.top / "state/sessions").glob("*.json")], [kept])


if __name__ == "__main__":
    unittest.main(verbosity=2)
