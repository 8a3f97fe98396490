"""What people and programs see of sessions: one in six lines, notifications, metrics, the guide's multiplexer."""

import contextlib
import ctypes
import fcntl
import json
import math
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import termios
import threading
import unittest
from pathlib import Path

from capsule import BOUND, CAPSULECTL, KEY, Case, Connection, Refused, answer, answering, read_reply, until

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/docs"))
import blocks  # noqa: E402

BY_ME = f"by {pwd.getpwuid(os.geteuid()).pw_name} (sessions end)"

REFUSAL = b'{"type":"error","error":{"type":"rate_limit_error","code":"1302","message":"slow down"}}'
COUNTED = (b'{"model":"m-2","usage":{"input_tokens":11,"cache_read_input_tokens":4,"cache_creation_input_tokens":0,'
           b'"output_tokens":3},"type":"message"}')  # fmt: skip


def told(connection: Connection, method: str) -> dict:
    """The next notification, which is of that method; the harness's bound is the time limit."""
    event = json.loads(connection.lines.readline())
    assert event["jsonrpc"] == "2.0" and "id" not in event, event
    assert event["method"] == method, event
    return event["params"]


class OneSession(Case):
    def test_says_in_six_lines_where_it_goes_and_why(self):
        capsule, _ = self.pair(answering(answer(COUNTED)))
        session = self.spawn(capsule, cwd=str(capsule.top))
        self.assertEqual(session.ask().status, 200)
        self.assertTrue(until(lambda: capsule.call("sessions.list")["sessions"][0]["models"]))
        lines = capsule.ctl("sessions", session.id).stdout.splitlines()
        self.assertEqual([line.split()[0] for line in lines[:6]], ["agent", "provider", "host", "model", "key", "held"])
        page = "\n".join(lines)
        self.assertRegex(lines[1], r"Z\.AI, because the launcher asked for it$")
        self.assertRegex(lines[2], r"127\.0\.0\.1:\d+ \(http://127\.0\.0\.1:\d+/api/anthropic\)$")
        self.assertRegex(lines[3], r"m-1 answered by m-2 once")
        self.assertRegex(lines[4], r"held by the broker, from environment")
        self.assertRegex(lines[5], r"nothing")
        self.assertIn("! asked for m-1, answered by m-2", page)
        self.assertNotIn(KEY, page)
        self.assertNotIn(session.token, page)
        row = json.loads(capsule.ctl("--json", "sessions", session.id).stdout)
        self.assertEqual((row["id"], row["because"]["code"], row["key_source"]), (session.id, "request", "environment"))
        self.assertEqual(capsule.ctl("sessions", "nobodyssid").returncode, 1)

    def test_is_found_by_a_process_of_it_and_from_the_inside(self):
        capsule, _ = self.pair(session='keys = "env"')
        inside = capsule.top / "inside"
        capsule.install("claude", f"#!/bin/sh\n{CAPSULECTL} --socket {capsule.socket} sessions >{inside}\necho $$\nread line\n")
        environment = {"PATH": f"{capsule.top}/bin:/usr/bin:/bin", "HOME": str(capsule.top / "home")}
        agent = subprocess.Popen([CAPSULECTL, "--socket", str(capsule.socket), "exec", "claude", "--provider", "zai"],
                                 env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
        self.addCleanup(agent.stdout.close)
        pid = agent.stdout.readline().strip()
        self.assertIn("Z.AI, because --provider asked for it\n", inside.read_text())
        self.assertIn("Z.AI, because --provider asked for it\n", capsule.ctl("sessions", pid).stdout)
        self.assertIn("AGENT", capsule.ctl("sessions").stdout, "outside it is the list")
        agent.communicate("\n")

    def test_what_is_kept_of_it_survives_the_daemon(self):
        capsule, _ = self.pair()
        session = self.spawn(capsule, chosen_by="picker")
        capsule.kill()
        capsule.start()
        row = capsule.call("sessions.list")["sessions"][0]
        self.assertEqual((row["id"], row["because"]["code"], row["key_source"]), (session.id, "picker", "environment"))

    def test_the_logs_line_says_why(self):
        capsule, _ = self.pair()
        self.spawn(capsule, workspace="acme")
        line = next(line for line in capsule.logged().splitlines() if " spawn " in line)
        for field in ("because=request", "workspace=acme", "role=-", "key_source=environment", "keys=broker"):
            self.assertIn(field, line)
        self.assertNotIn(KEY, line)


class Notifications(Case):
    def subscriber(self, capsule) -> Connection:
        connection = capsule.connect()
        self.addCleanup(connection.close)
        names = connection.call("subscribe")["notifications"]
        self.assertEqual(names, ["session.started", "session.ended", "session.limit", "config.reloaded"])
        return connection

    def test_tell_what_happens(self):
        capsule, _ = self.pair()
        watching, other = self.subscriber(capsule), self.subscriber(capsule)
        session = self.spawn(capsule)
        for each in (watching, other):
            self.assertEqual(told(each, "session.started")["session"]["id"], session.id)
        capsule.call("reload")
        self.assertTrue(told(watching, "config.reloaded")["config"]["ok"])
        (capsule.top / "capsule.toml").write_text("nonsense = 1\n")
        capsule.ctl("reload")
        self.assertFalse(told(watching, "config.reloaded")["config"]["ok"])
        capsule.call("sessions.end", id=session.id)
        ended = told(watching, "session.ended")["session"]
        self.assertEqual((ended["id"], ended["state"], ended["ended"]), (session.id, "ended", BY_ME))

    def test_tell_of_a_limit_once(self):
        refuse = threading.Event()

        def serve(peer, provider):
            while True:
                peer.request()
                peer.send(answer(REFUSAL, "429 Too Many Requests") if refuse.is_set() else answer())

        capsule, _ = self.pair(serve)
        watching = self.subscriber(capsule)
        session = self.spawn(capsule)
        told(watching, "session.started")
        refuse.set()
        self.assertEqual(session.ask().status, 429)
        limited = told(watching, "session.limit")["session"]
        self.assertEqual((limited["id"], limited["limit"]["kind"]), (session.id, "busy"))
        self.assertEqual(session.ask().status, 429)
        self.assertTrue(until(lambda: capsule.call("sessions.list")["sessions"][0]["requests"]["total"] == 2))
        capsule.call("sessions.end", id=session.id)
        told(watching, "session.ended")  # the same limit again was no news

    def test_come_between_answers_and_only_to_who_asked(self):
        capsule, _ = self.pair()
        watching = self.subscriber(capsule)
        plan = watching.call("spawn", agent="claude", provider="zai", ends_with="connection")
        self.assertEqual(told(watching, "session.started")["session"]["id"], plan["session"]["id"])
        self.assertEqual(watching.call("status")["protocol"], 1)
        with contextlib.closing(capsule.connect()) as quiet:
            self.spawn(capsule)
            told(watching, "session.started")
            self.assertEqual(quiet.call("status")["protocol"], 1, "the answer is the first line")

    def test_a_subscriber_that_does_not_read_is_cut_while_others_are_served(self):
        capsule, _ = self.pair(config="[limits]\noutput_bytes = 65536\nwrite_timeout_ms = 300000\n")
        slow, watching = self.subscriber(capsule), self.subscriber(capsule)
        watching.socket.settimeout(None)
        self.addCleanup(watching.socket.shutdown, socket.SHUT_RDWR)  # the reader ends before its file is closed
        reader = threading.Thread(target=lambda: [None for _ in watching.lines], daemon=True)
        reader.start()
        with contextlib.closing(capsule.connect()) as connection:
            for _ in range(2000):
                connection.call("spawn", agent="claude", provider="zai", ends_with="connection")
                if "cut " in capsule.logged():
                    break
            self.assertIn("it does not read its notifications", capsule.logged())
            self.assertEqual(capsule.call("status")["protocol"], 1)
            self.assertTrue(reader.is_alive(), "the one that reads is told on")


    def test_who_may_not_ask_any_more_is_told_nothing_more(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to be another user")
        provider = self.provider()
        capsule = self.capsule(provider, '[access]\nstatus = ["*"]\n')
        capsule.socket.chmod(0o666)
        os.seteuid(65534)
        try:
            guest = self.subscriber(capsule)
        finally:
            os.seteuid(0)
        self.spawn(capsule)
        told(guest, "session.started")
        capsule.config(provider.port, '[access]\nstatus = ["root"]\n')
        capsule.call("reload")
        self.spawn(capsule)
        with self.assertRaisesRegex(Refused, "may not call status"):
            guest.call("status")


STARTED = (b'data: {"type":"message_start","message":{"model":"m-1","usage":{"input_tokens":11,"output_tokens":1}}}\n\n')
ENDED = b'data: {"type":"message_delta","usage":{"output_tokens":7}}\n\n'


class Running(Case):
    """A request that is under way is seen, and none stays so for ever."""

    def setUp(self):
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)

        def serve(peer, provider):
            while True:
                peer.request()
                head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n"
                peer.send(head % len(STARTED + ENDED) + STARTED)
                self.gate.wait(BOUND)
                peer.send(ENDED)

        self.capsuled, _ = self.pair(serve)

    def row(self) -> dict:
        return self.capsuled.call("sessions.list")["sessions"][0]

    def running(self) -> bool:
        row = self.row()
        return (row["streams"], row["requests"]["total"], row["tokens"]["input"], row["tokens"]["output"]) == (1, 1, 11, 1)

    def test_a_request_is_counted_while_it_runs(self):
        session = self.spawn(self.capsuled)
        self.assertIsNone(self.row()["active_at"])
        with session.open() as connection:
            self.assertTrue(until(self.running), self.row())
            self.assertIsNotNone(self.row()["active_at"])
            self.assertRegex(self.capsuled.ctl("sessions").stdout, session.id + " .* running ")
            self.assertEqual(self.capsuled.call("status")["broker"]["streams"], 1)
            self.assertIn("1 request under way", self.capsuled.ctl("sessions", session.id).stdout)
            self.gate.set()
            read_reply(connection)
        self.assertTrue(until(lambda: self.row()["streams"] == 0))
        row = self.row()
        self.assertEqual((row["requests"], row["tokens"]["output"]), ({"total": 1, "failed": 0}, 7))

    def test_a_dead_brokers_requests_are_counted_as_cut_and_run_no_more(self):
        session, ended = self.spawn(self.capsuled), self.spawn(self.capsuled)
        with session.open(), ended.open():
            self.assertTrue(until(lambda: self.capsuled.call("status")["broker"]["streams"] == 2))
            os.kill(self.capsuled.broker_pid(), signal.SIGKILL)
            self.assertTrue(until(lambda: self.capsuled.call("status")["broker"]["streams"] == 0))
        for row in self.capsuled.call("sessions.list")["sessions"]:
            self.assertEqual((row["streams"], row["requests"]), (0, {"total": 1, "failed": 1}))
        self.gate.set()
        self.assertTrue(until(session.answered))

        def seen():
            return next(row for row in self.capsuled.call("sessions.list")["sessions"] if row["id"] == session.id)

        self.assertTrue(until(lambda: seen()["streams"] == 0 and seen()["requests"]["total"] >= 2))
        self.assertEqual(seen()["tokens"]["output"] % 7, 1, "the cut one had told of one")


def samples(text: str) -> dict[str, dict[tuple, float]]:
    """A strict reader of the text format: by metric, by sorted labels."""
    found: dict[str, dict[tuple, float]] = {}
    types: dict[str, str] = {}
    name = ""
    assert text.endswith("\n"), "the last line ends, too"
    for line in text.splitlines():
        if match := re.fullmatch(r"# HELP ([a-z_]+) (\S.*)", line):
            name = match[1]
            assert name not in types and name not in found, f"{name} has one place"
            continue
        if match := re.fullmatch(r"# TYPE ([a-z_]+) (counter|gauge|histogram)", line):
            assert match[1] == name and name not in types, line
            types[name] = match[2]
            assert (match[2] == "counter") == name.endswith("_total"), line
            continue
        match = re.fullmatch(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\S+)', line)
        assert match, f"no line of the format: {line!r}"
        base = re.sub(r"_(bucket|sum|count)$", "", match[1]) if types.get(name) == "histogram" else match[1]
        assert base == name and name in types, f"not below its TYPE: {line}"
        labels = tuple(sorted(re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"', match[2] or "")))
        value = float(match[3])
        assert math.isfinite(value) and value >= 0, line
        assert labels not in found.setdefault(match[1], {}), f"twice: {line}"
        found[match[1]][labels] = value
    for name in (each for each, kind in types.items() if kind == "histogram"):
        check_histogram(found, name)
    return found


def check_histogram(found, name):
    series: dict[tuple, list[tuple[float, float]]] = {}
    for labels, value in found.get(f"{name}_bucket", {}).items():
        rest = tuple(each for each in labels if each[0] != "le")
        series.setdefault(rest, []).append((float(dict(labels)["le"]), value))
    for rest, buckets in series.items():
        assert buckets == sorted(buckets), f"{name}: bounds and counts rise"
        assert math.isinf(buckets[-1][0]) and buckets[-1][1] == found[f"{name}_count"][rest], f"{name}: +Inf is the count"
        assert rest in found[f"{name}_sum"]


class Metrics(Case):
    def test_are_in_prometheus_text_format_and_count_what_happened(self):
        refuse = threading.Event()

        def serve(peer, provider):
            while True:
                peer.request()
                peer.send(answer(REFUSAL, "429 Too Many Requests") if refuse.is_set() else answer(COUNTED))

        capsule, _ = self.pair(serve)
        cell = (("agent", "claude"), ("provider", "zai"))
        session, gone = self.spawn(capsule), self.spawn(capsule)
        self.assertEqual([session.ask().status, gone.ask().status], [200, 200])
        refuse.set()
        self.assertEqual(gone.ask().status, 429)
        capsule.call("sessions.end", id=gone.id)

        def now():
            printed = capsule.ctl("metrics")
            self.assertEqual(printed.returncode, 0, printed.stderr)
            self.assertNotIn(KEY, printed.stdout)
            return samples(printed.stdout)

        self.assertTrue(until(lambda: now()["capsule_requests_total"].get(cell) == 3), now())
        seen = now()
        self.assertEqual(seen["capsule_sessions"][cell], 1)
        self.assertEqual(seen["capsule_sessions_started_total"][cell], 2)
        self.assertEqual(seen["capsule_requests_failed_total"][cell], 1)
        tokens = {dict(labels)["kind"]: value for labels, value in seen["capsule_tokens_total"].items()}
        self.assertEqual(tokens, {"input": 30, "cached": 8, "output": 6})
        self.assertEqual(seen["capsule_refusals_total"][tuple(sorted([*cell, ("kind", "busy")]))], 1)
        self.assertEqual(seen["capsule_request_seconds_count"][cell], 3)
        self.assertGreater(seen["capsule_request_seconds_sum"][cell], 0)
        for direction in ("up", "down"):
            self.assertGreater(seen["capsule_body_bytes_total"][tuple(sorted([*cell, ("direction", direction)]))], 0)
        self.assertEqual(seen["capsule_broker_up"][()], 1)
        self.assertEqual(seen["capsule_config_ok"][()], 1)

    def test_nothing_is_said_of_requests_that_nobody_sees(self):
        capsule, _ = self.pair(session='keys = "env"')
        capsule.call("spawn", agent="claude", provider="zai", ends_with="caller")
        printed = capsule.ctl("metrics").stdout
        self.assertIn("# HELP capsule_requests_total", printed)
        seen = samples(printed)
        self.assertEqual(seen["capsule_sessions_started_total"], {(("agent", "claude"), ("provider", "zai")): 1})
        for name in ("requests_total", "requests_failed_total", "streams", "tokens_total", "request_seconds_count"):
            self.assertNotIn(f"capsule_{name}", seen)

    def test_the_strict_reader_refuses_what_is_no_metrics(self):
        good = "# HELP a_total x\n# TYPE a_total counter\na_total 1\n"
        self.assertEqual(samples(good), {"a_total": {(): 1.0}})
        for bad in (good.replace(" 1\n", " one\n"), good.rstrip("\n"), good + "b 1\n", good + "a_total 2\n",
                    good.replace("a_total", "a"), good + good, good.replace("1\n", "-1\n")):  # fmt: skip
            with self.assertRaises((AssertionError, ValueError), msg=bad):
                samples(bad)


AGENT = """#!/bin/sh
(: >/dev/tty) 2>/dev/null && echo terminal
grep -E '^(Uid|NoNewPrivs|CapBnd)' /proc/self/status
grep -o FAKE-of-root /proc/keys
echo "in $PWD: $*"
case "$*" in *leave) exit 3 ;; esac
trap 'echo ended; exit' TERM
while :; do sleep 0.1; done
"""


def have_a_key() -> None:
    """The process gets a session keyring with a key in it."""
    keyctl, add_key = {"x86_64": (250, 248), "aarch64": (219, 217)}[os.uname().machine]
    libc = ctypes.CDLL(None)
    libc.syscall(keyctl, 1, None)
    libc.syscall(add_key, b"user", b"FAKE-of-root", b"x", 1, -3)


class Samples(Case):
    """Those of docs/guides/launchers.md that start an agent."""

    def run_sample(self, capsule, language: str, interpreter: str, stdin=subprocess.DEVNULL) -> subprocess.CompletedProcess:
        page = blocks.blocks_of(blocks.read_lines(ROOT / "docs/guides/launchers.md"))
        program = next(each.text for each in page if each.language == language).replace('"opencode"', '"claude"')
        file = capsule.top / f"sample.{'py' if language == 'python' else 'mjs'}"
        file.write_text(program)
        project = capsule.top / "project"
        (project / ".claude").mkdir(parents=True, exist_ok=True)
        (project / ".claude/settings.json").write_text('{"env": {"ANTHROPIC_BASE_URL": "https://example.org"}}')
        environment = {"PATH": f"{capsule.top}/bin:/usr/bin:/bin", "CAPSULE_SOCKET": str(capsule.socket)}
        return subprocess.run([interpreter, file, "leave"], env=environment, cwd=project, capture_output=True,
                              text=True, stdin=stdin, timeout=60, preexec_fn=have_a_key)  # fmt: skip

    def test_end_their_session_name_the_project_and_give_up_privileges(self):
        root = os.geteuid() == 0
        capsule, _ = self.pair(session='keys = "broker"' + ('\nuser = "games"' if root else ""))
        capsule.install("claude", AGENT)
        user = pwd.getpwnam("games").pw_uid if root else os.geteuid()
        for language, interpreter in (("python", sys.executable), ("js", "node")):
            with self.subTest(language=language):
                done = self.run_sample(capsule, language, interpreter)
                self.assertEqual(done.returncode, 3, done.stderr)
                self.assertRegex(done.stdout, rf"Uid:\t{user}\t{user}\t{user}\t{user}\n")
                self.assertIn("NoNewPrivs:\t1", done.stdout)
                self.assertIn(f"in {capsule.top}/project: ", done.stdout)
                self.assertIn("settings.json", done.stderr, "the daemon looked at the project")
                if root:
                    self.assertIn("CapBnd:\t0000000000000000", done.stdout)
                    self.assertNotIn("terminal", done.stdout)
                    if language == "python":
                        self.assertNotIn("FAKE-of-root", done.stdout, "a key of root's session keyring")
                    ours, theirs = os.openpty()
                    refused = self.run_sample(capsule, language, interpreter, theirs)
                    self.assertIn("a terminal of its own", refused.stderr)
                    self.assertEqual(refused.stdout, "")
                    os.close(ours)
                    os.close(theirs)
                self.assertTrue(until(lambda: self.states(capsule) == {}), "the session ends with the agent")


class Multiplexer(Case):
    """The sample of docs/guides/launchers.md, on a terminal."""

    def begin(self, capsule) -> subprocess.Popen:
        def on_terminal():
            fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

        capsule.install("claude", AGENT)
        page = blocks.blocks_of(blocks.read_lines(ROOT / "docs/guides/launchers.md"))
        program = next(block.text for block in page if block.language == "python" and "subscribe" in block.text)
        self.assertLessEqual(len([line for line in program.splitlines() if line.strip()]), 40)
        (capsule.top / "tmp").mkdir()
        environment = {"PATH": f"{capsule.top}/bin:/usr/bin:/bin", "CAPSULE_SOCKET": str(capsule.socket),
                       "TMPDIR": str(capsule.top / "tmp")}  # fmt: skip
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        running = subprocess.Popen([sys.executable, "-c", program], env=environment, text=True, cwd=capsule.top,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   start_new_session=True, preexec_fn=on_terminal)  # fmt: skip
        os.close(theirs)
        self.addCleanup(running.stdout.close)
        bound = threading.Timer(60, running.kill)
        bound.start()
        self.addCleanup(lambda: (bound.cancel(), running.kill(), running.wait(), running.stdin.close()))
        self.running = running
        return running

    def say(self, command: str, *patterns: str) -> list[re.Match]:
        """What is printed until there was a line for each pattern."""
        self.running.stdin.write(command + "\n")
        self.running.stdin.flush()
        found: dict[str, re.Match] = {}
        printed = []
        while len(found) < len(patterns):
            printed.append(self.running.stdout.readline())
            self.assertTrue(printed[-1], f"it ended after {printed}")
            if "not done" in printed[-1] and not any("not done" in each for each in patterns):
                self.fail(printed[-1])
            found |= {each: match for each in patterns if (match := re.search(each, printed[-1]))}
        return [found[each] for each in patterns]

    def start(self, words: str, *patterns: str) -> tuple[str, Path]:
        said = self.say(f"start {words}", "session.started", r"(\w+) writes to (/\S+)", *patterns)[1]
        return said[1], Path(said[2])

    def test_the_guides_lists_watches_and_ends(self):
        for keys in ("env", "broker"):
            with self.subTest(keys=keys):
                capsule, _ = self.pair(session=f'keys = "{keys}"')
                running = self.begin(capsule)
                first, log = self.start("claude zai -p 'two words'")
                self.assertTrue(until(lambda: f"in {capsule.top}: " in log.read_text()), log.read_text())
                self.assertRegex(log.read_text(), r"-p two words\n$")
                self.assertIn("NoNewPrivs:\t1", log.read_text())
                self.assertNotIn("terminal", log.read_text())
                self.say("list", f"{first} claude on zai, because the launcher asked for it")
                self.say("end " + first, f"session.ended {first} {re.escape(BY_ME)}", f"{first} left with 0")
                self.assertIn("ended", log.read_text())
                second, log = self.start("claude zai")
                self.assertEqual(self.states(capsule), {second: "live"})
                self.assertTrue(until(lambda: "in " in log.read_text()))
                running.stdin.close()
                self.assertEqual(running.wait(20), 0)
                self.assertTrue(until(lambda: self.states(capsule) == {}), "they end with its connection")
                self.assertTrue(until(lambda: "ended" in log.read_text()), "and so do the agents")

    def test_an_agent_that_ends_ends_its_session(self):
        capsule, _ = self.pair()
        self.begin(capsule)
        session, _ = self.start("claude zai leave", r"left with 3")
        self.assertTrue(until(lambda: self.states(capsule, all=True) == {session: "ended"}))

    def test_what_cannot_be_done_is_said_and_the_rest_goes_on(self):
        capsule, _ = self.pair()
        self.begin(capsule)
        session, _ = self.start("claude zai")
        self.say("start claude zia", 'not done: there is no provider "zia"', 'Did you mean "zai"')
        self.say("bogus", "not done: 'bogus'")
        self.say("", "not done")
        self.say("start claude", "not done.*provider")
        self.say("start claude zai 'open", "not done")
        self.say("end nobodyssid", "not done: there is no session")
        (capsule.top / "bin/codex").unlink()
        self.start("codex zai", "codex is not installed|codex.*PATH", "left with 127")
        self.say("list", f"{session} claude on zai")
        self.assertEqual(self.states(capsule)[session], "live")

    @unittest.skipIf(os.geteuid() != 0, "needs root to become another user")
    def test_its_agents_are_the_sessions_user(self):
        capsule, _ = self.pair(session='keys = "broker"\nuser = "games"')
        self.begin(capsule)
        session, log = self.start("claude zai")
        self.assertTrue(until(lambda: "in " in log.read_text()), log.read_text())
        games = pwd.getpwnam("games").pw_uid
        self.assertRegex(log.read_text(), rf"Uid:\t{games}\t{games}\t{games}\t{games}\n")
        self.assertIn("CapBnd:\t0000000000000000", log.read_text())
        self.assertIn("NoNewPrivs:\t1", log.read_text())
        self.running.kill()
        self.assertTrue(until(lambda: "ended" in log.read_text()), "nor does it outlive the multiplexer")
        self.assertTrue(until(lambda: self.states(capsule) == {}))


if __name__ == "__main__":
    unittest.main()
