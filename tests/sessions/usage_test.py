"""usage: what is left of each plan, from providers that answer and from those that do not."""

import contextlib
import datetime
import json
import os
import pwd
import threading
import time
import unittest
from pathlib import Path

from capsule import BOUND, KEY, OTHER_KEY, Case, Refused, answer, until

KEYS = {"ZAI_API_KEY": KEY, "MINIMAX_API_KEY": "sk-cp-FAKE-usage-1", "KIMI_CODE_API_KEY": "sk-ki-FAKE-usage-1"}
LATER = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(hours=2)
RESETS = LATER.strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds(at: datetime.datetime) -> int:
    return int(at.timestamp() * 1000)


def zai(percent: int, at: datetime.datetime = LATER) -> bytes:
    limit = {"type": "TOKENS_LIMIT", "unit": 3, "number": 5, "percentage": percent, "nextResetTime": milliseconds(at)}
    return answer(json.dumps({"code": 200, "data": {"level": "pro", "limits": [limit]}}).encode())


def minimax(left: int) -> bytes:
    row = {"model_name": "general", "current_interval_remaining_percent": left, "end_time": milliseconds(LATER)}
    return answer(json.dumps({"model_remains": [row], "base_resp": {"status_code": 0}}).encode())


def kimi(ratio: float) -> bytes:
    return answer(json.dumps({"usages": {"limit_7d": {"used_ratio": ratio, "reset_time": RESETS}}}).encode())


class Usage(Case):
    def begin(self, session: str = 'keys = "broker"', **answers: bytes):
        self.answers = {"zai": zai(42), "minimax": minimax(58), "kimi": kimi(0.1)} | answers
        self.asked: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.provided = self.provider(self.serve)
        tables = "".join(
            f'[providers.{each}.usage]\nurl = "http://127.0.0.1:{self.provided.port}/plan/{each}"\n' for each in self.answers
        )
        self.capsuled = self.capsule(self.provided, tables, keys=KEYS, session=session)

    def serve(self, peer, _):
        while True:
            head, _ = peer.request()
            path = head.split()[1].decode()
            if not path.startswith("/plan/"):
                peer.send(answer())
                continue
            self.gate.wait(BOUND)
            self.asked.append(path.removeprefix("/plan/"))
            peer.send(self.answers[path.split("/")[2]])

    def usage(self, **params) -> dict[str, dict]:
        return {row["id"]: row for row in self.capsuled.call("usage", **params)["providers"]}

    def warnings(self, method: str = "explain", **params) -> list[dict]:
        plan = self.capsuled.call(method, agent="claude", provider="zai", **params)
        return [each for each in plan["warnings"] if each["code"] == "usage.exhausted"]

    def known(self) -> dict | None:
        return next(each["usage"] for each in self.capsuled.call("status")["providers"] if each["id"] == "zai")

    def test_what_is_left_everywhere(self):
        self.begin()
        rows = self.usage()
        self.assertEqual(list(rows), ["zai", "minimax", "kimi"])
        window = {"label": "5 hours", "used_percent": 42, "resets_at": RESETS}
        self.assertEqual(rows["zai"]["windows"], [window])
        self.assertEqual(rows["minimax"]["windows"], [window])
        self.assertEqual(rows["kimi"]["windows"], [{"label": "week", "used_percent": 10, "resets_at": RESETS}])
        self.assertEqual([row["source"] for row in rows.values()], ["undocumented", "documented", "undocumented"])
        self.assertEqual([row["error"] for row in rows.values()], [None] * 3)
        self.assertEqual(rows["zai"]["plan"], "pro")
        self.assertIn(f"Bearer {KEY}".encode(), self.provided.bytes)
        self.assertEqual(self.known()["windows"], [window])
        choices = self.capsuled.call("providers.list", agent="claude")["choices"]
        self.assertEqual(next(each for each in choices if each["id"] == "zai")["usage"]["windows"], [window])
        self.assertEqual(self.warnings(), [])
        page = self.capsuled.ctl("usage").stdout
        self.assertIn("42 %", page)
        self.assertIn("Not documented by the provider, and so without any promise: Z.AI, Kimi.", page)
        self.assertIn("5 hours: 58 % left", self.capsuled.ctl("status").stdout)
        self.assertNotIn(KEY, self.capsuled.logged())

    def test_each_at_most_once_a_minute_however_many_ask(self):
        self.begin()
        self.gate.clear()
        threads = [threading.Thread(target=self.usage) for _ in range(5)]
        for each in threads:
            each.start()
        time.sleep(0.2)
        self.gate.set()
        for each in threads:
            each.join()
        for _ in range(3):
            self.usage()
            self.capsuled.call("providers.list", agent="claude")
        self.assertEqual(sorted(self.asked), ["kimi", "minimax", "zai"])

    def test_a_spawn_never_waits_for_it(self):
        self.begin()
        self.gate.clear()
        waiting = threading.Thread(target=self.usage)
        waiting.start()
        for _ in range(3):
            self.assertTrue(self.capsuled.call("spawn", agent="claude", provider="zai")["session"]["id"])
            self.assertIsNone(self.known())
        self.assertTrue(waiting.is_alive())
        self.assertEqual(self.asked, [])
        self.gate.set()
        waiting.join()

    def test_the_picker_learns_of_it_without_waiting(self):
        self.begin()
        self.assertTrue(until(lambda: (self.capsuled.call("status")["broker"] or {}).get("state") == "running"))
        self.gate.clear()
        self.capsuled.call("providers.list", agent="claude")
        self.gate.set()
        self.assertTrue(until(self.known))

    def test_nothing_left(self):
        self.begin(zai=zai(100))
        self.usage()
        for method in ("explain", "spawn"):
            [warning] = self.warnings(method)
            self.assertIn(f"of Z.AI's plan nothing is left for this window (5 hours); it begins anew at {RESETS}", warning["message"])
        self.assertIn("100 %", self.capsuled.ctl("usage").stdout)

    def test_a_window_that_has_begun_anew_is_not_known(self):
        self.begin(zai=zai(100, LATER - datetime.timedelta(hours=3)))
        self.assertEqual(self.usage()["zai"]["windows"][0]["used_percent"], 100)
        self.assertEqual(self.warnings(), [])
        self.assertIsNone(self.known())

    def test_it_is_of_the_key_of_no_workspace(self):
        self.begin(zai=zai(100))
        self.capsuled.call("auth.set", provider="zai", value=OTHER_KEY, scope={"workspace": "acme"})
        self.usage()
        self.assertEqual(self.warnings(workspace="acme"), [])
        self.assertNotIn(OTHER_KEY.encode(), self.provided.bytes)

    def test_errors_are_their_rows_own(self):
        self.begin(zai=answer(b'{"code":401,"msg":"token expired"}'), kimi=answer(b"<html>"))
        rows = self.usage()
        self.assertEqual(rows["zai"]["error"], "the key was refused (code 401)")
        self.assertEqual(rows["kimi"]["error"], "a web page came in the place of an answer")
        self.assertEqual(rows["minimax"]["error"], None)
        self.assertEqual(self.usage(provider="anthropic")["anthropic"]["error"], "it is not known how to ask Anthropic; see its own pages")
        with self.assertRaises(Refused) as refused:
            self.usage(provider="nobody")
        self.assertEqual(refused.exception.error["data"]["code"], "provider.unknown")
        done = self.capsuled.ctl("usage", "zai")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Z.AI: the key was refused", done.stdout)

    def test_without_sessions_that_need_a_broker_one_is_started(self):
        self.begin(session='keys = "env"')
        self.assertIsNone(self.capsuled.call("status")["broker"])
        self.capsuled.call("providers.list", agent="claude")
        self.assertIsNone(self.capsuled.call("status")["broker"])
        self.assertEqual(self.usage()["zai"]["windows"][0]["used_percent"], 42)
        self.assertEqual(self.capsuled.call("status")["broker"]["state"], "running")
        self.assertEqual(self.capsuled.call("spawn", agent="claude", provider="zai")["session"]["keys"], "env")

    @unittest.skipUnless(os.geteuid() == 0, "only a daemon that is root runs the broker as another user")
    def test_without_a_user_of_its_own_no_broker_is_started(self):
        self.begin(session='keys = "env"')
        self.capsuled.stop()
        file = self.capsuled.top / "capsule.toml"
        file.write_text(file.read_text().replace('[broker]\nuser = "daemon"\n', ""))
        self.capsuled.start()
        with contextlib.suppress(KeyError):
            pwd.getpwnam("capsule-broker")
            self.skipTest("this machine has the user that is looked for")
        self.assertIn('there is no user "capsule-broker"', self.usage()["zai"]["error"])
        self.assertIsNone(self.capsuled.call("status")["broker"])
        self.assertEqual(self.capsuled.call("spawn", agent="claude", provider="zai")["session"]["keys"], "env")

    def test_who_has_no_key_is_not_asked(self):
        self.begin()
        self.capsuled.stop()
        self.capsuled.keys = {"ZAI_API_KEY": KEY}
        self.capsuled.start()
        self.assertEqual(list(self.usage()), ["zai"])
        self.assertIn("there is no key for Kimi", self.usage(provider="kimi")["kimi"]["error"])

    def restart(self, providers: str):
        """With those providers alone."""
        self.capsuled.stop()
        file = self.capsuled.top / "capsule.toml"
        file.write_text(file.read_text().partition("[providers.")[0] + providers)
        self.capsuled.start()

    def test_the_key_of_another_host_is_not_sent_to_the_built_in_one(self):
        self.begin()
        there = f"127.0.0.1:{self.provided.port}"
        for agent, path in (("claude", ""), ("codex", "/v1"), ("opencode", "/v1")):
            self.restart(f'[providers.kimi]\n{agent}.base_url = "http://{there}/coding{path}"\n')
            row = self.usage(provider="kimi")["kimi"]
            self.assertIn(f"it is not known how to ask at {there}", row["error"])
            self.assertIn("set url in [providers.kimi.usage]", row["error"])
        self.capsuled.keys = {"KIMI_CODE_API_KEY": KEYS["KIMI_CODE_API_KEY"]}
        self.restart(f'[providers.kimi]\nclaude.base_url = "http://{there}/coding"\n')
        self.assertEqual(self.usage(), {"kimi": row | {"fetched_at": self.usage()["kimi"]["fetched_at"]}})
        page = self.capsuled.ctl("usage")
        self.assertEqual(page.returncode, 1)
        self.assertIn(f"it is not known how to ask at {there}", " ".join(page.stdout.split()))
        self.restart(f'[providers.kimi]\nclaude.base_url = "http://{there}/coding"\nusage.url = ""\n')
        self.assertEqual(self.usage(), {})
        self.assertEqual(self.asked, [])

    def test_the_guides_second_host_is_asked_there(self):
        self.begin()
        guide = (Path(__file__).parents[2] / "docs/guides/kimi.md").read_text()
        block = guide.partition("## An account on the second host")[2].partition("```toml\n")[2].partition("```")[0]
        self.assertEqual(block.count("https://api.kimi.ai/"), 4)
        self.assertNotIn("api.kimi.com", block)
        self.restart(block.replace("https://api.kimi.ai", f"http://127.0.0.1:{self.provided.port}/plan/kimi"))
        row = self.usage(provider="kimi")["kimi"]
        self.assertIsNone(row["error"])
        self.assertEqual(row["windows"][0]["used_percent"], 10)
        self.assertEqual(self.asked, ["kimi/coding/v1/usages"])
        self.assertIn(b"Bearer " + KEYS["KIMI_CODE_API_KEY"].encode(), self.provided.bytes)

    def test_an_operator_may_switch_it_off(self):
        self.begin()
        self.capsuled.stop()
        file = self.capsuled.top / "capsule.toml"
        file.write_text(file.read_text().replace(f"http://127.0.0.1:{self.provided.port}/plan/kimi", ""))
        self.capsuled.start()
        self.assertEqual(list(self.usage()), ["zai", "minimax"])


if __name__ == "__main__":
    unittest.main()
