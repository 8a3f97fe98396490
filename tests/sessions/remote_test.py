"""Two capsuleds: one has the keys and starts no sessions, one has the sessions and no keys ([broker] remote)."""

import contextlib
import datetime
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest
from pathlib import Path

from capsule import BOUND, KEY, OTHER_KEY, Capsule, Case, Refused, Session, answer, until

ROOT = os.geteuid() == 0
TOKEN = "f" * 64


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Server:
    """A capsuled of another version: one answer for each method, by a thread of its own."""

    def __init__(self, path: Path, answers_at_all: bool = True, **answers):
        self.answers = answers
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(path))
        self.listening.listen()
        if answers_at_all:
            threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                with contextlib.suppress(OSError), connection, connection.makefile("rw") as lines:
                    for line in lines:
                        request = json.loads(line)
                        unknown = {"error": {"code": -32601, "message": f'no method "{request["method"]}"'}}
                        outcome = self.answers.get(request["method"].replace(".", "_"), unknown)
                        if callable(outcome):
                            outcome = outcome(request.get("params", {}))
                        if "error" not in outcome:
                            outcome = {"result": outcome}
                        lines.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], **outcome}) + "\n")
                        lines.flush()

    def close(self):
        self.listening.close()


class Remote(Case):
    def keys_capsule(self, provider, port: int | None = None, more: str = "", broker: str | None = None, **members) -> Capsule:
        user = 'user = "daemon"\n' if ROOT else ""
        provider_is_ours = f'upstream_users = ["{os.geteuid()}"]\n'
        config = (f'[broker]\n{user}listen = {port or free_port()}\n{provider_is_ours if broker is None else broker}'
                  f'[access]\nown_user = "spawn"\n{more}')  # fmt: skip
        return self.capsule(provider, config, **members)

    def agents_capsule(self, provider, remote: Path, more: str = "", **members) -> Capsule:
        return self.capsule(provider, f'[broker]\nremote = "{remote}"\n{more}', keys={}, **members)

    def two(self, serve=None, **members):
        provider = self.provider(serve)
        keys = self.keys_capsule(provider, **members)
        return keys, self.agents_capsule(provider, keys.socket), provider

    def raises(self, capsule: Capsule, method: str, **params) -> dict:
        with self.assertRaises(Refused) as refused:
            capsule.call(method, **params)
        return refused.exception.error


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
        for word in (f"it is served by uid {os.geteuid()}, which agents may be", "[access] own_user", "[broker] upstream_users"):
            self.assertIn(word, reply.error["message"])
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

    def test_the_grants_end_with_the_connection(self):
        keys, agents, _ = self.two()
        session = self.spawn(agents)
        agents.kill()
        self.assertTrue(until(lambda: self.states(keys) == {}))
        self.refused(session.ask(), 401, "capsule_session_ended")

    def test_its_own_restart_ends_no_session(self):
        keys, agents, _ = self.two()
        session = self.spawn(agents)
        agents.kill()
        agents.start()
        self.assertTrue(until(session.answered), agents.logged())
        self.assertEqual(len(self.states(keys)), 1)

    def test_one_that_is_not_up_yet_is_waited_for(self):
        provider = self.provider()
        keys = self.keys_capsule(provider)
        keys.stop()
        agents = self.agents_capsule(provider, keys.socket)
        started = threading.Timer(1, keys.start)
        started.start()
        session = self.spawn(agents)
        started.join()
        self.assertEqual(session.ask().status, 200)

    def test_one_that_never_comes_is_an_error_with_the_cure(self):
        provider = self.provider()
        agents = self.agents_capsule(provider, Path("/nonexistent/capsule.sock"))
        began = time.monotonic()
        error = self.raises(agents, "spawn", agent="claude", provider="zai")
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(error["data"]["code"], "io.error")
        for word in ("10 s", "/nonexistent/capsule.sock", "No such file"):
            self.assertIn(word, error["message"])
        self.assertIn("[broker] remote", error["data"]["hint"])
        status = agents.call("status")
        self.assertIn("keys.unreachable", [each["code"] for each in status["warnings"]])
        self.assertEqual(status["broker"]["state"], "failed")

    def test_sessions_go_on_when_it_comes_back_with_nothing_kept(self):
        keys, agents, provider = self.two()
        sessions = [self.spawn(agents) for _ in range(3)]
        for _ in range(3):
            keys.kill()
            self.assertTrue(until(lambda: not sessions[0].answered()), "the broker ends with its daemon")
            shutil.rmtree(keys.top / "state")
            keys.start()
            for session in sessions:
                self.assertTrue(until(session.answered), agents.logged())
        agents.call("sessions.end", id=sessions[0].id)
        self.assertTrue(until(lambda: not sessions[0].answered()))
        self.assertTrue(sessions[1].answered())
        self.assertEqual(len(self.states(keys)), 2)

    def test_no_agent_is_told_that_its_session_has_ended_meanwhile(self):
        keys, agents, _ = self.two()
        session = self.spawn(agents)
        for end in (keys.kill, keys.stop):
            end()
            shutil.rmtree(keys.top / "state")
            keys.start()
            seen = []
            self.assertTrue(until(lambda: self.status_of(session, seen) == 200), agents.logged())
            self.assertLessEqual(set(seen), {0, 200, 503}, "an agent asks again after these")

    def status_of(self, session: Session, seen: list[int]) -> int:
        try:
            seen.append(session.ask().status)
        except OSError:
            seen.append(0)
        return seen[-1]

    def test_a_session_that_ended_meanwhile_does_not_come_back(self):
        keys, agents, _ = self.two()
        session, other = self.spawn(agents), self.spawn(agents)
        keys.kill()
        agents.call("sessions.end", id=session.id)
        keys.start()
        self.assertTrue(until(other.answered), agents.logged())
        self.assertTrue(until(lambda: session.ask().status == 401), "after the seconds in which a token may be granted anew")
        self.refused(session.ask(), 401, "capsule_session_ended")

    def test_a_broker_at_another_address_ends_them(self):
        provider = self.provider()
        keys = self.keys_capsule(provider)
        agents = self.agents_capsule(provider, keys.socket)
        session = self.spawn(agents)
        keys.kill()
        user = 'user = "daemon"\n' if ROOT else ""
        keys.config(provider.port, f'[broker]\n{user}listen = {free_port()}\n[access]\nown_user = "spawn"\n')
        keys.start()
        self.assertTrue(until(lambda: self.states(agents) == {}), agents.logged())
        [ended] = agents.call("sessions.list", all=True)["sessions"]
        self.assertEqual(ended["id"], session.id)
        self.assertIn("[broker] listen", ended["ended"])

    def keyless(self, agents) -> str:
        return "\n".join(each["message"] for each in agents.call("status")["warnings"] if each["code"] == "session.no_key")

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
        session = self.spawn(agents, workspace="acme")
        self.assertEqual(session.ask().status, 200)
        keys.kill()
        file.write_text(text.replace(acme, ""))
        keys.start()
        self.assertEqual(self.spawn(agents, workspace="acme").ask().status, 200, "a new one is told that it has the global key")
        before = provider.bytes.count(KEY.encode())
        told = re.compile(rf"session={session.id} .*cannot be granted anew yet: .*there is no workspace \W+acme\W+ any more")
        self.assertTrue(until(lambda: told.search(agents.logged())), agents.logged())
        self.assertFalse(session.answered())
        self.assertEqual(provider.bytes.count(KEY.encode()), before)
        warned = self.keyless(agents)
        self.assertIn(session.id, warned)
        self.assertRegex(warned, r"there is no workspace \W+acme\W+ any more")
        keys.kill()
        file.write_text(text)
        keys.start()
        self.assertTrue(until(session.answered), agents.logged())
        self.assertEqual(self.keyless(agents), "")
        self.assertEqual(provider.bytes.count(KEY.encode()), before)

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

    def test_a_health_check_tells_that_no_session_can_be_started(self):
        keys, agents, _ = self.two()
        self.assertTrue(until(lambda: agents.ctl("status", "--quiet").returncode == 0), agents.logged())
        keys.stop()
        self.assertTrue(until(lambda: agents.ctl("status", "--quiet").returncode == 1))
        self.assertEqual(agents.ctl("status", "--alive").returncode, 0, "a restart of the agents' side would help nobody")
        page = agents.ctl("status").stdout.replace("\n  ", " ")
        self.assertIn("the capsuled that has the keys is not there", page)
        self.assertIn("; see whether its container runs and shares that directory", page)
        self.assertIn("the keys' side is away", page)
        for word in ("No provider has a key yet", "absent", "no key"):
            self.assertNotIn(word, page, "nobody knows")
        keys.start()
        self.assertTrue(until(lambda: agents.ctl("status", "--quiet").returncode == 0))
        agents.stop()
        self.assertEqual(agents.ctl("status", "--alive").returncode, 3)

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

    def move(self, capsule: Capsule, remote: Path):
        capsule.stop()
        capsule.config(self.provider().port, f'[broker]\nremote = "{remote}"\n')
        capsule.start()

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
        for capsule, path in ((one, one.socket), (other, other.socket)):
            self.assertTrue(until(lambda capsule=capsule, path=path: f"its own [broker] remote is {path}" in capsule.logged()))
            self.assertEqual(self.raises(capsule, "spawn", agent="claude", provider="zai")["data"]["code"], "config.conflict")

    def test_a_reload_cannot_move_the_keys(self):
        _, agents, provider = self.two()
        agents.config(provider.port)
        self.assertIn("restart capsuled", self.raises(agents, "reload")["data"]["hint"])
        self.assertEqual(self.spawn(agents).ask().status, 200)


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
        self.next = answer(b'{"model":"glm-4.7","usage":{"input_tokens":1,"output_tokens":1}}')
        session.ask()
        self.assertTrue(until(lambda: "session.model_differs" in [each["code"] for each in self.agents.call("status")["warnings"]]))
        self.assertIn("session.model_differs", self.agents.logged())

    def test_what_the_keys_side_says_of_the_key_is_said_here(self):
        self.keys.stop()
        self.keys.keys = {"ZAI_API_KEY": "'FAKE-quoted-key-000000001'"}
        self.keys.start()
        self.assertTrue(until(lambda: "key.shape" in self.warned()))
        self.assertTrue(self.zai()["key"]["doubtful"])


class OtherVersions(Remote):
    ROW = {"provider": "zai", "label": "Z.AI", "variable": "ZAI_API_KEY", "mode": "api_key", "state": "present",
           "source": "environment", "scope": "container", "masked": "…", "subscribe_url": None, "key_url": None,
           "notes": None, "warnings": []}  # fmt: skip

    def beside(self, **answers) -> Capsule:
        provider = self.provider()
        agents = self.agents_capsule(provider, Path("/nonexistent/before"))
        agents.stop()
        path = agents.top / "other.sock"
        server = Server(path, **answers)
        self.addCleanup(server.close)
        agents.config(provider.port, f'[broker]\nremote = "{path}"\n')
        agents.start()
        return agents

    def against(self, **answers) -> dict:
        agents = self.beside(**answers)
        with self.assertRaises(Refused) as refused:
            self.spawn(agents)
        return refused.exception.error

    def test_what_its_sessions_did_is_asked_in_parts(self):
        """All rows at once are more than is read of one answer, and the connection would end, and every grant with it."""
        rows = {}

        def grant(_):
            id = f"there{len(rows)}"
            models = [{"asked": "a" * 128, "answered": f"{i:0>128}", "count": 1} for i in range(64)]
            rows[id] = {"id": id, "agent": "claude", "provider": "zai", "label": "Z.AI", "model": None, "user": "root", "keys": "broker",
                        "ends_with": "connection", "started_at": "2026-11-27T00:00:00Z", "pid": None, "state": "live", "ended": None,
                        "because": None, "base_url": None, "key_source": None, "workspace": None, "role": None, "settings": None,
                        "requests": {"total": 7, "failed": 0}, "streams": 0, "active_at": None,
                        "tokens": {"input": 0, "output": 0, "cached": 0}, "models": models, "last": None, "limit": None}  # fmt: skip
            return {"session": {"id": id, "keys": "broker", "ends_with": "connection"}, "token": None, "warnings": [],
                    "base_urls": {"anthropic_messages": "http://127.0.0.1:9/api/anthropic"}}  # fmt: skip

        agents = self.beside(status={"protocol": 1, "version": "1.0.0"}, auth_list={"rows": [self.ROW]}, grant=grant,
                             sessions_list=lambda params: {"sessions": [rows[id] for id in params.get("ids", rows)]})  # fmt: skip
        for _ in range(250):
            self.spawn(agents)
        self.assertGreater(len(json.dumps(list(rows.values()))), 4 * 1024 * 1024)
        seen = agents.call("sessions.list")["sessions"]
        self.assertEqual([each["requests"]["total"] for each in seen], [7] * 250)
        self.assertEqual(len(rows), 250)  # none was granted anew

    def test_another_protocol_is_told(self):
        error = self.against(status={"protocol": 2, "version": "9.0.0"})
        self.assertIn("another protocol (capsuled 9.0.0, protocol 2, here 1)", error["message"])
        self.assertEqual(error["data"]["hint"], "run the same version of capsuled on both sides")

    def test_an_older_one_without_the_method_is_told(self):
        error = self.against(status={"protocol": 1, "version": "0.0.9"}, auth_list={"rows": [self.ROW]})
        self.assertEqual(error["data"]["code"], "config.conflict")
        self.assertIn("0.0.9", error["message"])
        self.assertIn("same version", error["data"]["hint"])

    def test_a_newer_ones_members_are_ignored_and_a_wrong_address_is_not(self):
        given = {"session": {"id": "abc", "keys": "broker", "ends_with": "connection", "more": 1}, "token": None,
                 "base_urls": {"anthropic_messages": "http://192.0.2.1:80/api/anthropic"}, "warnings": [], "more": {}}  # fmt: skip
        error = self.against(status={"protocol": 1, "version": "1.9.0", "more": []},
                             auth_list={"rows": [self.ROW | {"more": 1}]}, grant=given)  # fmt: skip
        self.assertEqual(error["data"]["code"], "config.conflict")
        self.assertIn("192.0.2.1", error["message"])

    def test_what_is_no_daemon_is_told(self):
        error = self.against(status={"error": {"code": -32001, "message": "no", "data": {"code": "access.denied"}}})
        self.assertEqual(error["data"]["code"], "io.error")

    @unittest.skipUnless(ROOT, "only root can be two users")
    def test_a_strangers_socket_is_not_trusted(self):
        provider = self.provider()
        agents = self.agents_capsule(provider, Path("/nonexistent/before"))
        agents.stop()
        place = agents.top / "open"
        place.mkdir()
        place.chmod(0o777)
        code = ("import socket,sys,time\ns=socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()\n"
                "while True:\n c=s.accept()[0]\n print(len(c.recv(1)),flush=True)")  # fmt: skip
        stranger = subprocess.Popen(["/usr/bin/python3", "-c", code, str(place / "s")], user=12345, group=12345,
                                    stdout=subprocess.PIPE, text=True)  # fmt: skip
        self.addCleanup(stranger.communicate)
        self.addCleanup(stranger.kill)
        self.assertTrue(until((place / "s").exists))
        agents.config(provider.port, f'[broker]\nremote = "{place}/s"\n')
        agents.start()
        error = self.raises(agents, "spawn", agent="claude", provider="zai")
        self.assertIn("user 12345's and is not trusted", error["message"])
        self.assertEqual(stranger.stdout.readline(), "0\n", "nothing is sent to it")


if __name__ == "__main__":
    unittest.main(verbosity=2)
