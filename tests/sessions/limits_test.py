"""What providers refuse, in the providers' own shapes: named at the session, the provider, the next spawn and in the log."""

import calendar
import contextlib
import json
import os
import time
import unittest

from capsule import BOUND, KEY, OTHER_KEY, Case, Session, answer, read_reply, until

ZAI_5_HOURS = "Usage limit reached for 5 hour. Your limit will reset at 2099-11-26 05:44:44"  # in Beijing
ZAI_RESETS_AT = "2099-11-25T21:44:44Z"
MINIMAX_5_HOURS = "usage limit exceeded, 5-hour usage limit reached for Token Plan Plus, resets at 2099-11-26T15:00:00Z (2056)"
KIMI_USER_AGENT = "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI, Claude Code, Roo Code."


def error(status: str, **members) -> bytes:
    return answer(json.dumps({"type": "error", "error": members}).encode(), status)


def base_resp(code: int, message: str) -> bytes:
    return answer(json.dumps({"base_resp": {"status_code": code, "status_msg": message}}).encode())


def stream(event: dict) -> bytes:
    text = b"event: error\ndata: " + json.dumps(event).encode() + b"\n\n"
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(text) + text


def words_of(reply: bytes) -> str:
    body = json.loads(reply[reply.index(b"{") : reply.rindex(b"}") + 1])
    inner = body.get("error") or body.get("base_resp") or body
    if isinstance(inner, str):
        return inner
    return next(inner[name] for name in ("message", "status_msg", "msg", "detail") if name in inner)


# (provider, answer, kind, reset time)
REFUSALS = [
    ("zai", error("429 Too Many Requests", code="1308", message=ZAI_5_HOURS), "window", ZAI_RESETS_AT),
    ("zai", error("429 Too Many Requests", type="1308", message=ZAI_5_HOURS), "window", ZAI_RESETS_AT),
    ("zai", error("429 Too Many Requests", code="1310", message="Weekly/Monthly Limit Exhausted"), "week", None),
    ("zai", error("429 Too Many Requests", code="1309", message="Your plan has expired"), "plan", None),
    ("zai", error("429 Too Many Requests", code="1311", message="The plan does not include glm-9"), "model", None),
    ("zai", error("429 Too Many Requests", code="1113", message="Insufficient balance"), "balance", None),
    ("zai", error("401 Unauthorized", code="1000", message="Authentication failed"), "key", None),
    ("zai", error("429 Too Many Requests", code="1302", message="High concurrency"), "busy", None),
    ("zai", error("400 Bad Request", code="1261", message="Prompt exceeds max length"), None, None),
    # What the error itself says counts before the status.
    ("zai", error("429 Too Many Requests", code="1261", message="Prompt exceeds max length"), None, None),
    ("zai", error("401 Unauthorized", code="1308", message=ZAI_5_HOURS), "window", ZAI_RESETS_AT),
    ("zai", error("429 Too Many Requests", code="1112", message="Your account has been locked"), "key", None),
    ("zai", error("429 Too Many Requests", code="9999", message="?"), "busy", None),
    # Words that stand beside everything else.
    ("zai", answer(json.dumps({"code": 1310, "msg": "Weekly limit", "success": False}).encode()), "week", None),
    ("zai", answer(json.dumps({"message": ZAI_5_HOURS}).encode(), "429 Too Many Requests"), "window", ZAI_RESETS_AT),
    ("zai", answer(json.dumps({"detail": ZAI_5_HOURS}).encode(), "429 Too Many Requests"), "window", ZAI_RESETS_AT),
    ("zai", answer(json.dumps({"error": ZAI_5_HOURS}).encode()), "window", ZAI_RESETS_AT),
    ("zai", stream({"type": "error", "code": "1308", "message": ZAI_5_HOURS, "sequence_number": 2}), "window", ZAI_RESETS_AT),
    ("zai", error("429 Too Many Requests", code="1308", message="已达到5小时使用上限, 2099-11-26 05:44:44 重置"), "window", ZAI_RESETS_AT),
    ("minimax", error("429 Too Many Requests", type="rate_limit_error", message=MINIMAX_5_HOURS), "window", "2099-11-26T15:00:00Z"),
    ("minimax", base_resp(2056, "usage limit exceeded"), "window", None),
    ("minimax", base_resp(1008, "insufficient balance"), "balance", None),
    ("minimax", base_resp(1004, "invalid api key"), "key", None),
    ("minimax", base_resp(1002, "rate limit"), "busy", None),
    ("minimax", base_resp(1039, "token limit"), None, None),
    ("minimax", error("401 Unauthorized", type="error", message="insufficient balance (1008)"), "balance", None),
    ("minimax", error("429 Too Many Requests", type="bad_request_error", message="context window exceeds limit (2013)"), None, None),
    ("kimi", error("429 Too Many Requests", type="rate_limit_error", message="You've reached your usage limit for this period."),
     "window", None),
    ("kimi", error("403 Forbidden", type="access_terminated_error", message="You've reached your usage limit for this billing cycle."),
     "window", None),
    ("kimi", error("403 Forbidden", type="access_terminated_error", message="You've reached your weekly (7-day) usage limit."),
     "week", None),
    ("kimi", error("403 Forbidden", type="access_terminated_error", message=KIMI_USER_AGENT), None, None),
    ("kimi", error("402 Payment Required", message="We're unable to verify your membership benefits"), "plan", None),
    ("kimi", error("429 Too Many Requests", type="rate_limit_reached_error", message="The engine is overloaded"), "busy", None),
]  # fmt: skip

KEYS = {"ZAI_API_KEY": KEY, "MINIMAX_API_KEY": "sk-cp-FAKE-limits-1", "KIMI_CODE_API_KEY": "sk-ki-FAKE-limits-1"}


class Limits(Case):
    def setUp(self):
        self.next = answer()
        self.cut = False  # the connection, after the answer
        self.provided = self.provider(self.serve)
        cells = "".join(
            f'[providers.{each}.claude]\nbase_url = "http://127.0.0.1:{self.provided.port}/{each}"\n' for each in ("minimax", "kimi")
        )
        self.capsuled = self.capsule(self.provided, cells, keys=KEYS)

    def serve(self, peer, _):
        while True:
            peer.request()
            peer.send(self.next)
            if self.cut:
                return

    def start(self, provider: str, **params) -> Session:
        return Session(self.capsuled.call("spawn", agent="claude", provider=provider, **params))

    def row(self, session: Session) -> dict:
        return next(row for row in self.capsuled.call("sessions.list")["sessions"] if row["id"] == session.id)

    def ask(self, session: Session, reply: bytes) -> dict:
        """Gives the session's row once that request has ended."""
        before = self.row(session)["requests"]["total"]
        self.next = reply
        session.ask()

        def ended():
            row = self.row(session)
            return (row["requests"]["total"], row["streams"]) == (before + 1, 0)

        self.assertTrue(until(ended, BOUND))
        return self.row(session)

    def provider_row(self, provider: str) -> dict:
        return next(each for each in self.capsuled.call("status")["providers"] if each["id"] == provider)

    def choice(self, provider: str) -> dict:
        choices = self.capsuled.call("providers.list", agent="claude")["choices"]
        return next(each for each in choices if each["id"] == provider)

    def warned(self, provider: str) -> list[str]:
        plan = self.capsuled.call("explain", agent="claude", provider=provider)
        return [each["message"] for each in plan["warnings"] if each["code"] == "provider.limit"]

    def test_each_refusal_has_its_kind_and_the_next_fine_answer_ends_it(self):
        sessions = {provider: self.start(provider) for provider in ("zai", "minimax", "kimi")}
        for provider, reply, kind, resets_at in REFUSALS:
            with self.subTest(f"{provider} {reply[-90:]}"):
                limit = self.ask(sessions[provider], reply)["limit"]
                if kind is None:
                    self.assertIsNone(limit)
                    self.assertIsNone(self.provider_row(provider)["limit"])
                    continue
                self.assertEqual((limit["kind"], limit["resets_at"]), (kind, resets_at))
                words = words_of(reply)
                self.assertEqual(limit["message"], words)
                self.assertEqual(self.provider_row(provider)["limit"], limit)
                self.assertEqual(self.choice(provider)["limit"], limit)
                [warning] = self.warned(provider)
                self.assertIn(words, warning)
                # What is an error and no limit takes none back.
                self.assertEqual(self.ask(sessions[provider], error("500 Internal Server Error", message="?"))["limit"], limit)
                self.assertIsNone(self.ask(sessions[provider], answer())["limit"])
                self.assertIsNone(self.provider_row(provider)["limit"])
                self.assertIsNone(self.choice(provider)["limit"])
                self.assertEqual(self.warned(provider), [])

    def test_it_is_said_once_in_the_log_and_on_the_pages(self):
        session = self.start("zai")
        for _ in range(3):
            self.ask(session, error("429 Too Many Requests", code="1308", message=ZAI_5_HOURS))
        lines = [line for line in self.capsuled.logged().splitlines() if "provider.limit" in line]
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("kind=window", lines[0])
        page = self.capsuled.ctl("status").stdout
        self.assertIn("Z.AI refused a request, and has answered none since: the quota of these hours is used up", page)
        self.assertIn(f"until {ZAI_RESETS_AT}", page)
        self.assertIn("used up", self.capsuled.ctl("providers", "claude").stdout)

    def test_the_log_says_whose_a_session_is_and_who_asked_for_it(self):
        """By whoever asked its lines are limited."""
        session = self.start("zai")
        self.ask(session, error("429 Too Many Requests", code="1308", message=ZAI_5_HOURS))
        self.ask(session, answer(b'{"model":"glm-4.7","usage":{"input_tokens":1,"output_tokens":1}}'))
        self.capsuled.call("auth.set", provider="zai", value=OTHER_KEY)
        self.assertTrue(until(lambda: "session_key " in self.capsuled.logged()))
        self.capsuled.call("sessions.end", id=session.id)
        for kind in ("provider.limit", "session.model_differs", "session_key", "session_ended"):
            with self.subTest(kind):
                [line] = [each for each in self.capsuled.logged().splitlines() if f" {kind} " in each]
                self.assertIn(f" {kind} session={session.id} uid={os.geteuid()} asked_by={os.geteuid()} ", line)

    def test_a_failure_that_is_no_limit_is_said_by_status(self):
        def said() -> list[str]:
            return [each["message"] for each in self.capsuled.call("status")["warnings"] if each["code"] == "session.failing"]

        session = self.start("zai")
        self.ask(session, error("401 Unauthorized", code="1000", message="Authentication failed"))
        self.assertEqual(said(), [])  # that is a limit, which has its line
        row = self.ask(session, error("500 Internal Server Error", message="We are sorry"))
        self.assertEqual((row["limit"]["kind"], row["last"]["status"]), ("key", 500))
        page = self.capsuled.ctl("sessions").stdout
        self.assertIn("the last answer was 500: We are sorry", page)
        self.ask(session, answer())
        self.ask(session, error("500 Internal Server Error", message="We are sorry"))
        self.assertEqual(said(), [f"session {session.id} (claude on zai): its last answer was 500: We are sorry"])
        self.ask(session, answer())
        self.assertEqual(said(), [])
        for _ in range(5):
            self.ask(self.start("zai"), error("500 Internal Server Error", message="We are sorry"))
        self.assertEqual(len(said()), 4)
        self.assertIn("2 more", said()[-1])

    def test_an_error_in_a_200_is_one_and_takes_no_limit_back(self):
        session = self.start("zai")
        events = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: "
        overloaded = b'data: {"type":"error","error":{"type":"overloaded_error"}}\n\n'
        limit = self.ask(session, error("429 Too Many Requests", code="1308", message=ZAI_5_HOURS))["limit"]
        row = self.ask(session, events + str(len(overloaded)).encode() + b"\r\n\r\n" + overloaded)
        self.assertEqual((row["limit"], row["requests"]["failed"]), (limit, 2))
        self.assertEqual(row["last"]["message"], "overloaded_error")
        # One that is cut says nothing.
        cut = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99\r\n\r\ndata: {}\n\n"
        self.cut = True
        with contextlib.suppress(OSError, EOFError, AssertionError):
            self.ask(session, cut)
        self.cut = False
        self.assertTrue(until(lambda: self.row(session)["requests"]["failed"] == 3))
        self.assertEqual(self.row(session)["limit"], limit)
        self.assertIsNone(self.ask(session, answer())["limit"])

    def test_only_a_models_answer_takes_a_limit_back(self):
        session, other = self.start("zai"), self.start("zai")
        limit = self.ask(session, error("429 Too Many Requests", code="1308", message=ZAI_5_HOURS))["limit"]
        free = (answer(b'{"data":[{"id":"glm-5.3"}]}'), answer(b'{"input_tokens":9}'), answer(b"<html>", "302 Found"))
        for reply in free:
            with self.subTest(reply[-40:]):
                self.ask(other, reply)
                self.assertEqual(self.ask(session, reply)["limit"], limit)
                self.assertEqual(self.provider_row("zai")["limit"], limit)
                self.assertNotEqual(self.warned("zai"), [])
        self.ask(other, answer())
        self.assertIsNone(self.provider_row("zai")["limit"])

    def test_words_that_only_name_a_tool_are_no_limit(self):
        session = self.start("kimi")
        for status in ("400 Bad Request", "500 Internal Server Error"):
            row = self.ask(session, error(status, message="tools.3.name 'weekly_report' over the usage limit of names"))
            self.assertIsNone(row["limit"])

    def test_a_restart_forgets_no_providers_limit(self):
        session = self.start("zai")
        limit = self.ask(session, error("429 Too Many Requests", code="1308", message=ZAI_5_HOURS))["limit"]
        self.capsuled.stop()
        self.capsuled.start()
        self.assertTrue(until(lambda: self.provider_row("zai")["limit"] == limit, BOUND))
        self.assertEqual(self.row(session)["limit"], limit)
        self.assertEqual(self.choice("zai")["limit"], limit)
        self.assertNotEqual(self.warned("zai"), [])

    def test_a_refusal_is_read_whatever_it_is_called(self):
        session = self.start("zai")
        body = b'{"error":{"code":"1308","message":"used up"}}'
        for kind in (b"", b"Content-Type: text/plain\r\n", b"Content-Type: text/event-stream\r\n"):
            reply = b"HTTP/1.1 429 Too Many Requests\r\n" + kind + b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
            self.assertEqual(self.ask(session, reply)["limit"]["kind"], "window")

    def test_a_replaced_keys_refusal_is_not_the_providers(self):
        session = self.start("zai")
        self.ask(session, error("401 Unauthorized", code="1000", message="Authentication failed"))
        self.assertEqual(self.provider_row("zai")["limit"]["kind"], "key")
        self.capsuled.call("auth.set", provider="zai", value=OTHER_KEY)
        self.assertTrue(until(lambda: self.provider_row("zai")["limit"] is None))

    def test_what_is_no_text_ends_no_stream(self):
        session = self.start("zai")
        body = b'{"error":{"code":"1308","message":"used up \xff\xc3(\x1b"}}'
        row = self.ask(session, answer(body, "429 Too Many Requests"))
        self.assertEqual(row["limit"]["message"], "used up ??( ")
        self.assertIsNone(self.ask(session, answer())["limit"])
        self.assertEqual(self.capsuled.logged().count("capsule-broker ready"), 1, self.capsuled.logged())

    def test_what_the_broker_refuses_a_session_is_the_sessions(self):
        session = self.start("zai")
        before = self.row(session)["requests"]
        right, session.path = session.path, "/elsewhere"
        self.assertGreaterEqual(session.ask().status, 400)
        self.assertTrue(until(lambda: self.row(session)["requests"]["failed"] == before["failed"] + 1))
        self.assertIn("path", self.row(session)["last"]["message"])
        self.assertEqual(self.capsuled.call("metrics")["strangers"], {})
        session.path, session.token = right, "FAKE-nobodys-token"
        self.assertEqual(session.ask().status, 401)
        self.assertTrue(until(lambda: self.capsuled.call("metrics")["strangers"] == {"capsule_session_ended": 1}))
        self.assertIn(f"broker_refused uid={os.geteuid()} code=capsule_session_ended count=1\n", self.capsuled.logged())

    def test_it_is_the_keys_and_not_the_providers(self):
        self.capsuled.call("auth.set", provider="zai", value=OTHER_KEY, scope={"workspace": "acme"})
        acme = self.start("zai", workspace="acme")
        self.ask(acme, error("401 Unauthorized", code="1000", message="Authentication failed"))
        self.assertEqual(self.warned("zai"), [])
        self.assertIsNone(self.choice("zai")["limit"])
        plan = self.capsuled.call("explain", agent="claude", provider="zai", workspace="acme")
        self.assertIn("provider.limit", [each["code"] for each in plan["warnings"]])
        self.assertEqual(self.provider_row("zai")["limit"]["kind"], "key")

    def test_what_ends_a_session_is_known_of_its_provider(self):
        connection = self.capsuled.connect()
        session = Session(connection.call("spawn", agent="claude", provider="zai", ends_with="connection"))
        self.next = error("429 Too Many Requests", code="1308", message=ZAI_5_HOURS)
        session.ask()
        connection.close()
        self.assertTrue(until(lambda: self.provider_row("zai")["limit"] is not None, BOUND))
        [row] = self.capsuled.call("sessions.list", all=True)["sessions"]
        self.assertEqual((row["state"], row["requests"]["failed"], row["limit"]["kind"]), ("ended", 1, "window"))

    def test_a_200_that_repeats_the_key_leaves_it_nowhere(self):
        session = self.start("minimax")
        row = self.ask(session, base_resp(1004, f"invalid api key {KEYS['MINIMAX_API_KEY']}"))
        self.assertEqual(row["limit"]["kind"], "key")
        for text in (json.dumps(row), json.dumps(self.capsuled.call("status")), self.capsuled.logged()):
            self.assertNotIn(KEYS["MINIMAX_API_KEY"], text)

    def test_an_operators_rows(self):
        self.capsuled.stop()
        with open(self.capsuled.top / "capsule.toml", "a") as file:
            file.write('[providers.zai]\nrefusals = [{kind = "week", status = 418}]\n')
        self.capsuled.start()
        session = self.start("zai")
        self.assertIsNone(self.ask(session, error("429 Too Many Requests", code="1308", message=ZAI_5_HOURS))["limit"])
        self.assertEqual(self.ask(session, error("418 Teapot", message="come back"))["limit"]["kind"], "week")

    def test_another_model_than_was_asked(self):
        session = self.start("zai")
        for _ in range(2):
            row = self.ask(session, answer(b'{"model":"glm-4.7","usage":{"input_tokens":1,"output_tokens":1}}'))
        self.assertEqual(row["models"], [{"asked": "m-1", "answered": "glm-4.7", "count": 2}])
        warnings = [each for each in self.capsuled.call("status")["warnings"] if each["code"] == "session.model_differs"]
        self.assertEqual(len(warnings), 1)
        self.assertIn("asked for m-1 and was answered by glm-4.7, 2 times", warnings[0]["message"])
        self.assertEqual(self.capsuled.logged().count("session.model_differs"), 1)

    def test_a_limit_goes_at_its_own_reset_time(self):
        session = self.start("zai")
        with contextlib.closing(self.capsuled.connect()) as watching:
            watching.call("subscribe")
            soon = time.strftime("%Y-%m-%d %H:%M:%S.000Z", time.gmtime(time.time() + 4))
            row = self.ask(session, error("429 Too Many Requests", code="1308", message=f"resets at {soon}"))
            self.assertEqual(row["limit"]["resets_at"], soon.replace(" ", "T").replace(".000", ""))
            self.assertEqual(self.provider_row("zai")["limit"], row["limit"])
            self.assertTrue(until(lambda: self.row(session)["limit"] is None, BOUND))
            self.assertIsNone(self.provider_row("zai")["limit"])
            self.assertIsNone(self.choice("zai")["limit"])
            self.assertEqual(self.warned("zai"), [])
            self.assertNotIn("used up", self.capsuled.ctl("sessions").stdout)

    def test_retry_after_is_the_reset_time_where_the_words_have_none(self):
        session = self.start("kimi")
        body = b'{"error":{"message":"busy"}}'
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3000))
        for value in ("3000", date):
            resets_at = self.ask(session, answer(body, "429 Too Many Requests", f"Retry-After: {value}"))["limit"]["resets_at"]
            left = calendar.timegm(time.strptime(resets_at, "%Y-%m-%dT%H:%M:%SZ")) - time.time()
            self.assertTrue(2900 < left <= 3001, resets_at)
        for value in ("soon", "-5", ""):
            row = self.ask(session, answer(body, "429 Too Many Requests", f"Retry-After: {value}"))
            self.assertIsNone(row["limit"]["resets_at"], value)
        self.ask(session, answer(body, "429 Too Many Requests", "Retry-After: 1"))
        self.assertTrue(until(lambda: self.row(session)["limit"] is None, BOUND))

    def test_a_limit_of_a_model_is_that_models(self):
        session = self.start("zai")
        limit = self.ask(session, error("429 Too Many Requests", code="1311", message="The plan does not include m-1"))["limit"]
        self.assertEqual((limit["kind"], limit["model"]), ("model", "m-1"))
        before = self.row(session)["requests"]["total"]
        self.next = answer()
        with session.open(b'{"model":"m-2"}') as connection:
            read_reply(connection)
        self.assertTrue(until(lambda: self.row(session)["requests"]["total"] == before + 1 and not self.row(session)["streams"]))
        self.assertEqual(self.row(session)["limit"], limit)
        self.assertEqual(self.provider_row("zai")["limit"], limit)
        self.assertIsNone(self.ask(session, answer())["limit"])

    def test_a_limit_that_the_next_answer_takes_back_at_once_is_told(self):
        session = self.start("zai")
        with contextlib.closing(self.capsuled.connect()) as watching:
            watching.call("subscribe")
            for _ in range(3):
                self.next = error("429 Too Many Requests", code="1308", message=ZAI_5_HOURS)
                session.ask()
                self.next = answer()
                session.ask()
            self.assertTrue(until(lambda: self.row(session)["requests"]["total"] == 6 and not self.row(session)["streams"]))
            told = json.loads(watching.lines.readline())
            self.assertEqual((told["method"], told["params"]["session"]["limit"]["kind"]), ("session.limit", "window"))
            self.assertIsNone(self.row(session)["limit"])

    def test_another_key_is_not_refused_for_the_last_one(self):
        session = self.start("zai")
        refused = error("401 Unauthorized", code="1000", message="Authentication failed")
        self.assertEqual(self.ask(session, refused)["limit"]["kind"], "key")
        self.capsuled.call("auth.set", provider="zai", value=OTHER_KEY)
        self.assertTrue(until(lambda: self.row(session)["limit"] is None))
        self.assertEqual(self.ask(session, refused)["limit"]["kind"], "key")

    def test_a_refusal_in_a_coding_counts_by_its_status(self):
        session = self.start("zai")
        for status, kind in (("429 Too Many Requests", "busy"), ("401 Unauthorized", "key")):
            limit = self.ask(session, answer(b"\x1f\x8b-", status, "Content-Encoding: gzip\r\nRetry-After: 60"))["limit"]
            self.assertEqual(limit["kind"], kind)
            self.assertIn("does not look into", limit["message"])
            self.assertIsNotNone(limit["resets_at"])
        self.assertIsNone(self.ask(session, answer())["limit"])

    def test_two_limits_that_alternate_are_said_once_each(self):
        session = self.start("zai")
        with contextlib.closing(self.capsuled.connect()) as watching:
            watching.call("subscribe")
            for _ in range(4):
                self.ask(session, error("429 Too Many Requests", code="1308", message=ZAI_5_HOURS))
                self.ask(session, error("429 Too Many Requests", code="1302", message="High concurrency"))
            self.assertEqual(self.capsuled.logged().count("provider.limit"), 2)
            self.capsuled.call("reload")
            told = [json.loads(watching.lines.readline())["method"] for _ in range(3)]
            self.assertEqual(told, ["session.limit", "session.limit", "config.reloaded"])

    def test_models_without_number_are_a_few_warnings(self):
        sessions = [self.start("zai") for _ in range(2)]
        for session in sessions:
            for number in range(40):
                self.next = answer(b'{"model":"other-%d"}' % number)
                session.ask()
            self.assertTrue(until(lambda session=session: self.row(session)["requests"]["total"] == 40))
        warnings = [each["message"] for each in self.capsuled.call("status")["warnings"] if each["code"] == "session.model_differs"]
        self.assertEqual(len(warnings), 9, warnings)
        self.assertIn("2 sessions (claude on zai) asked for m-1 and were answered by other-0, 2 times", warnings)
        self.assertRegex(warnings[-1], "^24 more pairs of models differ")
        notes = [line for line in self.capsuled.ctl("sessions", sessions[0].id).stdout.splitlines() if line.startswith("! ")]
        self.assertEqual(len(notes), 4, notes)
        self.assertIn("and of 29 more models by others", notes[-1])

    def test_sessions_without_number_are_a_few_warnings(self):
        """Each status looks at what they did, and one user may have a thousand with 32 models each."""
        self.next = answer(b'{"model":"other"}')
        sessions = [self.start("zai") for _ in range(35)]
        for session in sessions:
            session.ask()
        told = lambda: [each["message"] for each in self.capsuled.call("status")["warnings"] if each["code"] == "session.model_differs"]
        self.assertTrue(until(lambda: len(told()) == 2 and told()[1].startswith("3 more sessions were answered by other models")), told())
        self.assertEqual(told()[0], "32 sessions (claude on zai) asked for m-1 and were answered by other, 32 times")
        self.next = error("500 Internal Server Error", message="out of order")
        for session in sessions:
            session.ask()
        failing = lambda: [each["message"] for each in self.capsuled.call("status")["warnings"] if each["code"] == "session.failing"]
        self.assertTrue(until(lambda: len(failing()) == 4 and failing()[3].startswith("so was that of 32 more")), failing())

    def test_a_token_in_the_models_place_is_kept_nowhere(self):
        session = self.start("zai")
        self.next = error("404 Not Found", message=f"no model {session.token}")
        with session.open(json.dumps({"model": session.token}).encode()) as connection:
            read_reply(connection)
        self.assertTrue(until(lambda: self.row(session)["models"]))
        row = self.row(session)
        self.assertEqual(row["models"][0]["asked"], "cst_" + 43 * "*")
        self.assertEqual(row["last"]["message"], "no model cst_" + 43 * "*")
        for shown in (json.dumps(row), self.capsuled.ctl("sessions", session.id).stdout, self.capsuled.logged(),
                      json.dumps(self.capsuled.call("status"))):  # fmt: skip
            self.assertNotIn(session.token, shown)

    def test_a_key_in_the_models_place_is_kept_nowhere(self):
        session = self.start("zai")
        row = self.ask(session, answer(json.dumps({"model": KEY}).encode()))
        self.assertNotIn(KEY, json.dumps(row))
        self.assertNotIn(KEY, self.capsuled.ctl("sessions").stdout + self.capsuled.ctl("status").stdout + self.capsuled.logged())


if __name__ == "__main__":
    unittest.main()
