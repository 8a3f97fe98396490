"""What a session with a token is given, what its requests become, and which cells have the key as before."""

import contextlib
import json
import os
import pty
import stat
import unittest
from pathlib import Path

from capsule import CAPSULECTL, KEY, Case, Refused, Session, until

NOTHING_SECRET = ("FAKE-sessions",)


class Spawning(Case):
    def test_the_agent_has_a_token_and_the_provider_gets_the_key(self):
        capsule, provider = self.pair()
        session = self.spawn(capsule)
        self.assertEqual(session.plan["session"]["keys"], "broker")
        self.assertRegex(session.token, r"^cst_[A-Za-z0-9_-]{43}$")
        self.assertEqual(session.path, "/api/anthropic")
        self.assertNotIn(KEY, json.dumps(session.plan))
        self.assertEqual(session.ask().status, 200)
        self.assertIn(f"Bearer {KEY}".encode(), provider.bytes)
        self.assertNotIn(session.token.encode(), provider.bytes)
        self.assertIn(b"POST /api/anthropic/v1/messages ", provider.bytes)
        self.assertNotIn(session.token, capsule.logged())

    def test_every_agent_is_told_the_brokers_address_and_nothing_else(self):
        capsule, provider = self.pair(config='[opencode]\napi_key = "inline"\n')
        for agent, path in (("codex", "/api/v1"), ("opencode", "/api/coding/paas/v4")):
            plan = capsule.call("spawn", agent=agent, provider="zai")
            self.assertEqual(plan.pop("base_url"), f"http://127.0.0.1:{provider.port}{path}")  # what the launcher is told
            whole = json.dumps(plan)
            address = capsule.call("status")["broker"]["address"]
            self.assertIn(f"http://{address}{path}", whole.replace("\\", ""))
            self.assertNotIn(f":{provider.port}/", whole)
            self.assertNotIn(KEY, whole)
            self.assertTrue(plan["env"]["ZAI_API_KEY"].startswith("cst_"))
        for file in (capsule.top / "home").rglob("*"):
            if file.is_file():
                text = file.read_text()
                self.assertNotIn(KEY, text, file)
                self.assertNotIn("cst_", text, file)

    def test_what_is_kept_is_private_and_opens_nothing(self):
        capsule, _ = self.pair()
        session = self.spawn(capsule)
        files = [file for file in (capsule.top / "state").rglob("*") if file.is_file()]
        self.assertTrue(any(session.id in file.name for file in files))
        for file in files:
            self.assertEqual(stat.S_IMODE(file.stat().st_mode) & 0o077, 0, file)
            text = file.read_text()
            self.assertNotIn(session.token, text)
            self.assertNotIn(KEY, text)

    def test_explain_shows_the_way_and_begins_nothing(self):
        capsule, provider = self.pair()
        plan = capsule.call("explain", agent="claude", provider="zai", ends_with="caller")
        env = {each["name"]: each for each in plan["env"]}
        self.assertIn("127.0.0.1", env["ANTHROPIC_BASE_URL"]["value"])
        self.assertIn("[session] keys", env["ANTHROPIC_BASE_URL"]["from"])
        self.assertIn("token", env["ANTHROPIC_AUTH_TOKEN"]["from"])
        self.assertEqual(plan["session"], {"id": None, "keys": "broker", "ends_with": "caller"})
        self.assertEqual(self.states(capsule), {})

    def test_cells_that_no_token_fits_start_as_before_and_say_so(self):
        capsule, _ = self.pair(keys={"ZAI_API_KEY": KEY, "ANTHROPIC_API_KEY": "sk-ant-FAKE-sessions-000000003"})
        plan = capsule.call("spawn", agent="claude", provider="anthropic")
        self.assertEqual(plan["session"]["keys"], "env")
        self.assertIn("session.not_brokered", [each["code"] for each in plan["warnings"]])
        self.assertEqual(plan["env"]["ANTHROPIC_API_KEY"], "sk-ant-FAKE-sessions-000000003")
        plan = capsule.call("spawn", agent="codex", provider="openai")
        self.assertEqual(plan["session"]["keys"], "home")
        self.assertIn("session.not_brokered", [each["code"] for each in plan["warnings"]])

    def test_without_a_broker_in_the_configuration_nothing_runs(self):
        capsule, _ = self.pair(session='keys = "env"')
        session = self.spawn_env(capsule)
        self.assertEqual(session["session"], {"id": None, "keys": "env", "ends_with": None})
        self.assertEqual(session["env"]["ANTHROPIC_AUTH_TOKEN"], KEY)
        self.assertIsNone(capsule.call("status")["broker"])

    def spawn_env(self, capsule):
        return capsule.call("spawn", agent="claude", provider="zai")

    def test_an_agent_that_does_not_start_is_told(self):
        capsule, _ = self.pair()
        capsule.install("codex", "#!/bin/sh\necho 'Error: Missing optional dependency' >&2\nexit 1\n")
        said = f"Codex does not start: {capsule.top}/bin/codex --version: it ended with 1: Error: Missing optional dependency"
        self.assertTrue(until(lambda: said in [each["message"] for each in capsule.call("status")["warnings"]]))
        self.assertIn("Codex does not start", " ".join(capsule.ctl("status").stdout.split()))

    def test_a_proxy_is_not_between_the_agent_and_the_broker(self):
        capsule, _ = self.pair()
        env = capsule.call("spawn", agent="claude", provider="zai",
                           env={"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "intranet.example"})["env"]  # fmt: skip
        self.assertEqual(env["NO_PROXY"], "intranet.example,127.0.0.1")
        self.assertEqual(env["no_proxy"], "127.0.0.1")
        env = capsule.call("spawn", agent="claude", provider="zai")["env"]
        self.assertNotIn("NO_PROXY", env)

    def test_a_grant_is_a_token_alone(self):
        capsule, provider = self.pair()
        granted = capsule.call("grant", agent="claude", provider="zai")
        url = granted["base_urls"]["anthropic_messages"]
        session = Session({"session": granted["session"],
                           "env": {"ANTHROPIC_AUTH_TOKEN": granted["token"], "ANTHROPIC_BASE_URL": url}})  # fmt: skip
        self.assertEqual(session.ask().status, 200)
        self.assertIn(KEY.encode(), provider.bytes)
        self.assertFalse((capsule.top / "home" / ".claude.json").exists())
        with self.assertRaises(Refused) as refused:
            capsule.call("grant", agent="claude", provider="anthropic")
        self.assertEqual(refused.exception.error["data"]["code"], "cell.unsupported")

    def test_another_end_is_refused_by_name(self):
        capsule, _ = self.pair()
        for method in ("spawn", "explain", "grant"):
            with self.assertRaises(Refused) as refused:
                capsule.call(method, agent="claude", provider="zai", ends_with="never")
            self.assertEqual(refused.exception.error["code"], -32602)
            self.assertIn("ends_with", refused.exception.error["message"])

    @unittest.skipUnless(os.geteuid() == 0, "becomes other users")
    def test_a_token_is_of_no_use_to_another_user(self):
        capsule, provider = self.pair()
        session = self.spawn(capsule)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.setresuid(12345, 12345, 12345)
            os.write(write, json.dumps(session.ask().error).encode())
            os._exit(0)
        os.close(write)
        os.waitpid(child, 0)
        with os.fdopen(read) as told:
            self.assertEqual(json.load(told)["code"], "capsule_not_this_session")
        self.assertEqual(provider.bytes, b"")

    def test_what_a_session_did_is_listed(self):
        capsule, _ = self.pair()
        session = self.spawn(capsule)
        session.ask()
        rows = lambda: {row["id"]: row for row in capsule.call("sessions.list")["sessions"]}  # noqa: E731
        self.assertTrue(until(lambda: rows()[session.id]["requests"]["total"] == 1), rows())
        row = rows()[session.id]
        self.assertEqual(row["tokens"], {"input": 7, "output": 3, "cached": 0})
        self.assertEqual(row["models"], [{"asked": "m-1", "answered": "m-1", "count": 1}])
        self.assertEqual(row["last"]["status"], 200)
        self.assertEqual((row["agent"], row["provider"], row["keys"], row["state"]), ("claude", "zai", "broker", "live"))
        status = capsule.call("status")
        self.assertEqual(status["broker"]["sessions"], 1)
        self.assertNotIn("session.model_differs", [each["code"] for each in status["warnings"]])
        with session.open(b'{"model":"asked-for"}') as connection:
            connection.recv(1)
        codes = lambda: [each["code"] for each in capsule.call("status")["warnings"]]  # noqa: E731
        self.assertTrue(until(lambda: "session.model_differs" in codes()))
        self.assertTrue(until(lambda: "asked-for" in capsule.logged()))

    def test_the_example_of_the_help_leaves_the_agent_the_terminal(self):
        capsule, _ = self.pair(session='keys = "env"', keys={"MINIMAX_API_KEY": KEY})
        capsule.install("codex", "#!/bin/sh\n[ -t 0 ] && echo has-the-terminal\n")
        said = capsule.ctl("spawn", "--help").stdout
        [example] = [line.strip() for line in said.splitlines() if "--format shell" in line]
        capsulectl = str(Path(CAPSULECTL).parent)
        environment = {"PATH": f"{capsulectl}:{capsule.top}/bin:/usr/bin:/bin", "CAPSULE_SOCKET": str(capsule.socket),
                       "HOME": str(capsule.top / "home")}  # fmt: skip
        child, terminal = pty.fork()
        if child == 0:
            os.execve("/bin/sh", ["sh", "-c", f'eval "$({example})"'], environment)
        shown = b""
        with contextlib.suppress(OSError):  # the end of a terminal that nobody has open
            while chunk := os.read(terminal, 4096):
                shown += chunk
        os.close(terminal)
        os.waitpid(child, 0)
        self.assertIn(b"has-the-terminal", shown)


if __name__ == "__main__":
    unittest.main()
