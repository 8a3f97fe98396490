"""When a session ends, and that it ends with nothing else: deaths of daemon and broker, restarts, changed keys."""

import contextlib
import ctypes
import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

from capsule import BOUND, CAPSULECTL, KEY, OTHER_KEY, Case, Connection, Session, answer, read_reply, until

ROUNDS = int(os.environ.get("CAPSULE_KILL_ROUNDS", "3"))


def slowly(peer, provider):
    """A stream that never ends by itself for whoever asks for "slow", an answer for everybody else."""
    while True:
        _, body = peer.request()
        if b"slow" not in body:
            peer.send(answer())
            continue
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            peer.send(b"2\r\n: \r\n")
            peer.connection.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                if not peer.connection.recv(1):
                    raise ConnectionError("it closed")


class Kept(Case):
    """What a session did outlives the daemon, and so does for a day that it ended."""

    def row(self, capsule, session, **params) -> dict:
        return next(row for row in capsule.call("sessions.list", **params)["sessions"] if row["id"] == session.id)

    def counts(self, row: dict) -> dict:
        return {name: row[name] for name in ("requests", "streams", "tokens", "models", "last", "ended", "state")}

    def test_a_stop(self):
        capsule, _ = self.pair(slowly)
        live, gone, running = (self.spawn(capsule) for _ in range(3))
        for session in (live, gone):
            self.assertEqual(session.ask().status, 200)
            self.assertTrue(until(lambda session=session: self.row(capsule, session)["last"]))
        capsule.call("sessions.end", id=gone.id)
        with running.open(b'{"model":"slow"}'):
            self.assertTrue(until(lambda: self.row(capsule, running)["streams"] == 1))
            before = [self.counts(self.row(capsule, each, all=True)) for each in (live, gone)]
            self.assertEqual(capsule.stop(), 0)
        kept = capsule.top / "state/sessions/ended.jsonl"
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
        for session in (live, gone):
            self.assertNotIn(hashlib.sha256(session.token.encode()).hexdigest(), kept.read_text())
        capsule.start()
        self.assertEqual([self.counts(self.row(capsule, each, all=True)) for each in (live, gone)], before)
        row = self.row(capsule, running)
        self.assertEqual((row["streams"], row["requests"]), (0, {"total": 1, "failed": 1}))
        self.assertTrue(until(live.answered))
        self.assertTrue(until(lambda: self.row(capsule, live)["requests"]["total"] == 2))
        self.refused(gone.ask(), 401, "capsule_session_ended")

    def test_a_death_takes_the_last_seconds_at_most(self):
        capsule, _ = self.pair()
        session, gone = self.spawn(capsule), self.spawn(capsule)
        self.assertEqual(session.ask().status, 200)
        capsule.call("sessions.end", id=gone.id)
        file = capsule.top / f"state/sessions/{session.id}.json"
        self.assertTrue(until(lambda: '"last":' in file.read_text(), 2 * BOUND), "written soon, and not with each request")
        capsule.kill()
        capsule.start()
        self.assertEqual(self.row(capsule, session)["requests"], {"total": 1, "failed": 0})
        self.assertEqual(self.row(capsule, gone, all=True)["state"], "ended")


class Ends(Case):
    def test_by_its_end(self):
        capsule, provider = self.pair(slowly)
        session, other = self.spawn(capsule), self.spawn(capsule)
        stream = session.open(b'{"model":"slow"}')
        self.assertTrue(stream.recv(10))
        ended = capsule.call("sessions.end", id=session.id)
        self.assertEqual(ended["state"], "ended")
        self.assertRegex(ended["ended"], r"^by [a-z0-9_-]+ \(sessions end\)$")
        with contextlib.suppress(ConnectionError):
            while stream.recv(65536):  # its timeout is the bound
                pass
        stream.close()
        self.refused(session.ask(), 401, "capsule_session_ended")
        self.assertEqual(other.ask().status, 200)
        self.assertEqual(self.states(capsule), {other.id: "live"})
        self.assertEqual(self.states(capsule, all=True), {session.id: "ended", other.id: "live"})
        self.assertEqual(capsule.call("sessions.end", id=session.id)["state"], "ended")
        self.assertEqual(capsule.ctl("sessions", "end", "nobodyssid").returncode, 1)

    def test_with_the_process_that_asked(self):
        capsule, _ = self.pair()
        script = (
            "import json, socket, sys, time\n"
            "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
            "p = {'agent': 'claude', 'provider': 'zai', 'ends_with': 'caller'}\n"
            "s.sendall(json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'spawn', 'params': p}).encode() + b'\\n')\n"
            "print(s.makefile().readline(), flush=True); s.close(); time.sleep(600)\n"
        )
        caller = subprocess.Popen([sys.executable, "-c", script, str(capsule.socket)], stdout=subprocess.PIPE, text=True)
        session = Session(json.loads(caller.stdout.readline())["result"])
        # Only at the end: it may not have written its last line feed yet.
        self.addCleanup(caller.stdout.close)
        row = capsule.call("sessions.list")["sessions"][0]
        self.assertEqual((row["ends_with"], row["pid"]), ("caller", caller.pid))
        self.assertEqual(session.ask().status, 200)
        # Its life goes on with another daemon.
        capsule.kill()
        capsule.start()
        self.assertTrue(until(session.answered), capsule.logged())
        caller.kill()
        caller.wait()
        self.assertTrue(until(lambda: session.id not in self.states(capsule)))
        self.refused(session.ask(), 401, "capsule_session_ended")

    def test_none_with_a_process_that_has_ended_already(self):
        capsule, _ = self.pair()
        ours, its = socket.socketpair()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                connecting = socket.socket(socket.AF_UNIX)
                connecting.connect(str(capsule.socket))
                socket.send_fds(its, [b"x"], [connecting.fileno()])
            os._exit(0)
        os.waitpid(child, 0)
        [descriptor] = socket.recv_fds(ours, 1, 1)[1]
        ours.close()
        its.close()
        with socket.socket(fileno=descriptor) as handed_on, handed_on.makefile("rw") as lines:

            def spawn(ends_with: str) -> dict:
                params = {"agent": "claude", "provider": "zai", "ends_with": ends_with}
                lines.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "spawn", "params": params}) + "\n")
                lines.flush()
                return json.loads(lines.readline())

            self.assertIn("the process that connected has ended", spawn("caller")["error"]["message"])
            self.assertEqual(self.states(capsule), {})
            # The connection was handed on, and lives.
            session = Session(spawn("connection")["result"])
            self.assertEqual(session.ask().status, 200)
        self.assertTrue(until(lambda: session.id not in self.states(capsule)))

    def test_a_caller_that_died_while_no_daemon_ran_has_no_session_any_more(self):
        capsule, _ = self.pair()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                Connection(capsule.socket).call("spawn", agent="claude", provider="zai", ends_with="caller")
                signal.pause()
            os._exit(0)
        self.assertTrue(until(lambda: len(self.states(capsule)) == 1))
        capsule.kill()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        capsule.start()
        self.assertEqual(self.states(capsule), {})

    def test_with_the_connection_but_not_with_the_daemon(self):
        capsule, _ = self.pair()
        connection = capsule.connect()
        session = Session(connection.call("spawn", agent="claude", provider="zai", ends_with="connection"))
        self.assertEqual(session.ask().status, 200)
        connection.close()
        self.assertTrue(until(lambda: session.id not in self.states(capsule)))
        self.refused(session.ask(), 401, "capsule_session_ended")
        connection = capsule.connect()
        session = Session(connection.call("spawn", agent="claude", provider="zai", ends_with="connection"))
        self.assertEqual(capsule.stop(), 0)
        connection.close()
        capsule.start()
        self.assertTrue(until(session.answered), capsule.logged())

    def test_exec_ends_with_the_agent(self):
        capsule, provider = self.pair()
        capsule.install("claude", f"#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name('agent.py')}\n")
        done = capsule.ctl("exec", "claude", "--provider", "zai")
        self.assertEqual(done.stdout.strip(), "200", done.stderr)
        self.assertIn(KEY.encode(), provider.bytes)
        self.assertTrue(until(lambda: self.states(capsule) == {}))
        ended = capsule.call("sessions.list", all=True)["sessions"][0]
        self.assertEqual((ended["state"], ended["ends_with"]), ("ended", "caller"))

    def test_sessions_with_the_key_itself_are_listed_while_their_caller_lives(self):
        capsule, _ = self.pair(session='keys = "env"')
        with contextlib.closing(capsule.connect()) as connection:
            plan = connection.call("spawn", agent="claude", provider="zai", ends_with="connection")
            self.assertEqual(plan["session"]["keys"], "env")
            row = capsule.call("sessions.list")["sessions"][0]
            self.assertEqual((row["id"], row["keys"]), (plan["session"]["id"], "env"))
            page = capsule.ctl("sessions").stdout
            self.assertIn(row["id"], page)
        self.assertTrue(until(lambda: self.states(capsule) == {}))


class Survives(Case):
    def go_through(self, kill):
        capsule, _ = self.pair(slowly)
        gone = self.spawn(capsule)
        capsule.call("sessions.end", id=gone.id)
        session = self.spawn(capsule)
        port = session.port
        for _ in range(ROUNDS):
            with contextlib.closing(session.open(b'{"model":"slow"}')) as stream:
                self.assertTrue(stream.recv(10), capsule.logged())
                kill(capsule)
            self.assertTrue(until(session.answered), capsule.logged())
            self.refused(gone.ask(), 401, "capsule_session_ended")
        self.assertEqual(capsule.call("status")["broker"]["address"], f"127.0.0.1:{port}")
        self.assertEqual(self.states(capsule), {session.id: "live"})

    def test_the_death_of_the_broker(self):
        self.go_through(lambda capsule: os.kill(capsule.broker_pid(), signal.SIGKILL))

    def test_the_death_of_the_daemon(self):
        def kill(capsule):
            capsule.kill()
            capsule.start()

        self.go_through(kill)

    def test_the_death_of_both(self):
        def kill(capsule):
            broker = capsule.broker_pid()
            capsule.kill()
            with contextlib.suppress(ProcessLookupError):
                os.kill(broker, signal.SIGKILL)
            capsule.start()

        self.go_through(kill)

    def test_a_restart(self):
        def restart(capsule):
            self.assertEqual(capsule.stop(), 0)
            capsule.start()

        self.go_through(restart)

    def test_a_session_of_another_start_of_the_machine_is_thrown_away(self):
        capsule, _ = self.pair()
        session = self.spawn(capsule)
        self.assertEqual(capsule.stop(), 0)
        file = next((capsule.top / "state/sessions").glob("*.json"))
        text = file.read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        file.write_text(text.replace(boot, "another"))
        (file.parent / "broken.json").write_text("{")
        capsule.start()
        self.assertEqual(self.states(capsule), {})
        self.assertFalse(file.exists())
        replies = []

        def is_answered() -> bool:
            # Who held the port meanwhile may still have it for a moment: a connection that comes to it is reset.
            with contextlib.suppress(ConnectionError):
                replies.append(session.ask())
            return bool(replies)

        self.assertTrue(until(is_answered))
        self.refused(replies[0], 401, "capsule_session_ended")


class Opened:
    """How often a file has been opened."""

    EVENT = struct.Struct("iIII")
    OPEN, CLOSE = 0x20, 0x18  # two of one kind in a row would be told as one

    def __init__(self, file: Path):
        libc = ctypes.CDLL(None, use_errno=True)
        self.events = libc.inotify_init1(os.O_NONBLOCK)
        if libc.inotify_add_watch(self.events, os.fsencode(file), self.OPEN | self.CLOSE) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")
        self.count = 0

    def so_far(self) -> int:
        with contextlib.suppress(BlockingIOError):
            while events := os.read(self.events, 1000 * self.EVENT.size):
                self.count += sum(mask == self.OPEN for _, mask, *_ in self.EVENT.iter_unpack(events))
        return self.count

    def close(self):
        os.close(self.events)


class Keys(Case):
    def setUp(self):
        self.folder = None

    def streaming(self, capsule, session):
        stream = session.open(b'{"model":"slow"}')
        self.addCleanup(stream.close)
        self.assertTrue(stream.recv(10))
        return stream

    def goes_on(self, stream):
        for _ in range(3):
            self.assertTrue(stream.recv(10))

    def has(self, session, provider, key: str) -> bool:
        before = len(provider.bytes)
        return session.answered() and key.encode() in provider.bytes[before:]

    def with_key_file(self, provider):
        capsule = self.capsule(provider, keys={})
        file = capsule.top / "secrets" / "zai"
        file.write_text(KEY)
        file.chmod(0o600)
        self.assertEqual(capsule.stop(), 0)
        capsule.keys = {"ZAI_API_KEY_FILE": str(file)}
        capsule.start()
        return capsule, file

    def test_in_a_file(self):
        provider = self.provider(slowly)
        capsule, file = self.with_key_file(provider)
        session = self.spawn(capsule)
        stream = self.streaming(capsule, session)
        self.assertTrue(self.has(session, provider, KEY))
        file.with_suffix(".new").write_text(OTHER_KEY)
        file.with_suffix(".new").chmod(0o600)
        file.with_suffix(".new").rename(file)
        self.assertTrue(until(lambda: self.has(session, provider, OTHER_KEY)))
        file.chmod(0o666)
        self.assertTrue(until(lambda: session.ask().status == 401), "others can change it")
        [why] = [each["message"] for each in capsule.call("status")["warnings"] if each["code"] == "key.error"]
        self.assertIn(f"{file} can be written to by everybody", why)
        self.assertIn(f"chmod go-w '{file}'", capsule.ctl("status").stdout.replace("\n", " "))
        file.chmod(0o600)
        self.assertTrue(until(lambda: self.has(session, provider, OTHER_KEY)))
        file.unlink()
        self.assertTrue(until(lambda: session.ask().status == 401))
        reply = session.ask()
        self.refused(reply, 401, "capsule_key_absent")
        self.assertIn("ZAI_API_KEY", reply.error["message"])
        self.goes_on(stream)

    @staticmethod
    def looks_since(began: float) -> float:
        return 1 + time.monotonic() - began  # one each second

    def test_in_a_file_that_is_read_once_for_all_scopes(self):
        """Any workspace and role may be named where none is configured."""
        provider = self.provider()
        capsule, file = self.with_key_file(provider)
        sessions = [self.spawn(capsule, workspace=f"w{number}", role=f"r{number}") for number in range(200)]
        opened = Opened(file)
        self.addCleanup(opened.close)
        began = time.monotonic()
        file.write_text(OTHER_KEY)
        self.assertTrue(until(lambda: all(self.has(each, provider, OTHER_KEY) for each in (sessions[0], sessions[-1]))))
        self.assertLess(opened.so_far(), 20 * self.looks_since(began))
        before, began = opened.so_far(), time.monotonic()
        changes = [("reload", {}), ("auth.set", {"provider": "zai", "value": KEY}), ("auth.unset", {"provider": "zai"})]
        for method, params in changes:
            capsule.call(method, **params)
        # Each looks at the keys, too.
        self.assertLess(opened.so_far() - before, 20 * (len(changes) + self.looks_since(began)))

    def test_by_auth_set_at_once(self):
        capsule, provider = self.pair(slowly)
        session = self.spawn(capsule)
        stream = self.streaming(capsule, session)
        capsule.call("auth.set", provider="zai", value=OTHER_KEY)
        self.assertTrue(self.has(session, provider, OTHER_KEY))
        capsule.call("auth.unset", provider="zai")
        self.assertTrue(self.has(session, provider, KEY))
        capsule.call("auth.set", provider="zai", value=OTHER_KEY, scope={"workspace": "acme"})
        self.assertTrue(self.has(session, provider, KEY))
        self.goes_on(stream)

    def test_by_a_reload_at_once(self):
        capsule, provider = self.pair(slowly, keys={}, config=f'[env]\nZAI_API_KEY = "{KEY}"\n')
        session = self.spawn(capsule)
        stream = self.streaming(capsule, session)
        capsule.config(provider.port, f'[env]\nZAI_API_KEY = "{OTHER_KEY}"\n')
        capsule.call("reload")
        self.assertTrue(self.has(session, provider, OTHER_KEY))
        capsule.config(provider.port, "")
        capsule.call("reload")
        reply = session.ask()
        self.refused(reply, 401, "capsule_key_absent")
        for once in ("there is no key for Z.AI", "auth set zai"):
            self.assertEqual(reply.error["message"].count(once), 1, reply.error["message"])
        self.goes_on(stream)

    def gets_no_key_any_more(self, capsule, session, why: str):
        reply = session.ask()
        self.refused(reply, 401, "capsule_key_absent")
        self.assertIn(f"{why} of Z.AI has changed since the agent was started", reply.error["message"])
        said = [each["message"] for each in capsule.call("status")["warnings"] if each["code"] == "session.no_key"]
        self.assertEqual(len(said), 1, said)
        self.assertIn(session.id, said[0])
        self.assertIn(why, said[0])

    def test_of_another_address_is_not_sent_to_the_one_before(self):
        before, after = self.provider(), self.provider()
        capsule = self.capsule(before, keys={}, config=f'[env]\nZAI_API_KEY = "{KEY}"\n')
        session = self.spawn(capsule)
        self.assertTrue(self.has(session, before, KEY))
        changed = f'[env]\nZAI_API_KEY = "{OTHER_KEY}"\n'
        capsule.config(after.port, changed)
        done = capsule.ctl("reload")
        self.assertIn(session.id, " ".join((done.stdout + done.stderr).split()))
        self.gets_no_key_any_more(capsule, session, "the address")
        self.assertTrue(self.has(self.spawn(capsule), after, OTHER_KEY), "a new session is at the new address")
        self.assertEqual(capsule.stop(), 0)
        capsule.start()
        self.assertTrue(until(lambda: capsule.call("status")["broker"]["state"] == "running"))
        self.gets_no_key_any_more(capsule, session, "the address")
        os.kill(capsule.broker_pid(), signal.SIGKILL)
        with contextlib.suppress(OSError):
            session.ask()
        self.assertTrue(until(lambda: capsule.call("status")["broker"]["state"] == "running"))
        capsule.config(before.port, changed)
        capsule.call("reload")
        self.assertNotIn(OTHER_KEY.encode(), before.bytes)
        self.assertTrue(self.has(session, before, OTHER_KEY), "the operator has taken it back")

    def test_of_another_path_or_of_no_provider_is_not_sent_either(self):
        provider = self.provider()
        capsule = self.capsule(provider, keys={}, config=f'[env]\nZAI_API_KEY = "{KEY}"\n')
        session = self.spawn(capsule)
        changed = f'[env]\nZAI_API_KEY = "{OTHER_KEY}"\n'
        file = capsule.top / "capsule.toml"
        for name, other in (("/api/anthropic", "/api/other"), ("127.0.0.1", "localhost")):
            capsule.config(provider.port, changed)
            file.write_text(file.read_text().replace(name, other))
            capsule.call("reload")
            self.gets_no_key_any_more(capsule, session, "the address")
        capsule.config(provider.port, changed)
        file.write_text(file.read_text().replace(f'base_url = "http://127.0.0.1:{provider.port}/api/anthropic"\n',
                                                 'blocked = "not today"\n'))  # fmt: skip
        capsule.call("reload")
        self.gets_no_key_any_more(capsule, session, "the address")
        self.assertNotIn(OTHER_KEY.encode(), provider.bytes)

    SCOPES = ('[env]\nZAI_API_KEY = "FAKE-global-key-00000001"\n[workspaces.other.env]\nZAI_API_KEY = "FAKE-other-key-000000001"\n',
              '[workspaces.acme.env]\nZAI_API_KEY = "FAKE-acme-key-0000000001"\n',
              '[workspaces.acme.roles.rev.env]\nZAI_API_KEY = "FAKE-rev-key-00000000001"\n')  # fmt: skip

    def sends(self, session, provider, key: str) -> bool:
        """Whichever connection it goes over: each key has its own."""
        before = provider.bytes.count(key.encode())
        return session.answered() and provider.bytes.count(key.encode()) == before + 1

    def test_of_another_scope_is_not_sent_where_the_sessions_own_is_gone(self):
        """The next wider scope's key would be found, which another workspace pays for."""
        everybody, acme, rev = self.SCOPES
        capsule, provider = self.pair(keys={}, config=everybody + acme + rev)
        member, reviewer = self.spawn(capsule, workspace="acme"), self.spawn(capsule, workspace="acme", role="rev")
        own = self.spawn(capsule)
        for session, key in ((member, "FAKE-acme"), (reviewer, "FAKE-rev"), (own, "FAKE-global")):
            self.assertTrue(self.sends(session, provider, key))

        def have_none(gone: dict):
            before = len(provider.bytes)
            said = [each["message"] for each in capsule.call("status")["warnings"] if each["code"] == "session.no_key"]
            for session, what in gone.items():
                reply = session.ask()
                self.refused(reply, 401, "capsule_key_absent")
                self.assertIn(f"the key of {what} is gone, and no other scope's key", reply.error["message"])
                self.assertTrue([each for each in said if session.id in each and what in each], said)
            self.assertEqual(len(provider.bytes), before)

        capsule.config(provider.port, everybody + acme)
        done = capsule.ctl("reload")
        self.assertIn(reviewer.id, " ".join((done.stdout + done.stderr).split()))
        have_none({reviewer: 'role "rev" of workspace "acme"'})
        self.assertTrue(self.sends(member, provider, "FAKE-acme"))
        without = {reviewer: 'role "rev" of workspace "acme"', member: 'workspace "acme"'}
        for left, more in ((everybody, ""), (everybody.partition("[workspaces")[0], ""), (everybody, 'unknown_scopes = "allow"\n')):
            capsule.config(provider.port, left, 'keys = "broker"\n' + more)
            capsule.call("reload")
            have_none(without)
            self.assertTrue(self.sends(own, provider, "FAKE-global"))
        self.assertEqual(capsule.stop(), 0)
        capsule.start()
        self.assertTrue(until(own.answered), capsule.logged())
        have_none(without)
        capsule.config(provider.port, everybody + acme + rev)
        capsule.call("reload")
        self.assertTrue(self.sends(member, provider, "FAKE-acme"), "it is there again")
        self.assertTrue(self.sends(reviewer, provider, "FAKE-rev"))

    def as_an_older_daemon_kept_it(self, capsule, session, **known):
        """Names of its configuration in the place of where the key was found."""
        file = capsule.top / f"state/sessions/{session.id}.json"
        kept = json.loads(file.read_text())
        del kept["session"]["key_scope"]
        kept["session"] |= known
        file.write_text(json.dumps(kept))

    def test_nor_where_an_older_daemon_kept_the_session(self):
        everybody, acme, rev = self.SCOPES
        capsule, provider = self.pair(keys={}, config=everybody + acme + rev)
        member, reviewer = self.spawn(capsule, workspace="acme"), self.spawn(capsule, workspace="acme", role="rev")
        self.assertEqual(capsule.stop(), 0)
        self.as_an_older_daemon_kept_it(capsule, member, known_workspace="acme")
        self.as_an_older_daemon_kept_it(capsule, reviewer)  # a still older one kept no names
        capsule.start()
        self.assertTrue(until(member.answered), capsule.logged())
        self.assertTrue(self.sends(reviewer, provider, "FAKE-rev"))
        self.assertIn(b"FAKE-acme", provider.bytes)

        def has_none(session, whose: str):
            before = len(provider.bytes)
            reply = session.ask()
            self.refused(reply, 401, "capsule_key_absent")
            self.assertIn(f"the key of {whose} is gone, and no other scope's key", reply.error["message"])
            self.assertEqual(len(provider.bytes), before)

        capsule.config(provider.port, everybody + acme)
        capsule.call("reload")
        has_none(reviewer, 'role "rev" of workspace "acme"')
        self.assertTrue(self.sends(member, provider, "FAKE-acme"))
        self.assertEqual(capsule.stop(), 0)
        capsule.config(provider.port, everybody)
        capsule.start()
        self.assertTrue(until(lambda: capsule.call("status")["broker"]["state"] == "running"))
        has_none(member, 'workspace "acme"')
        has_none(reviewer, 'role "rev" of workspace "acme"')

    def test_nor_where_its_scope_went_while_no_daemon_ran(self):
        everybody, acme, rev = self.SCOPES
        capsule, provider = self.pair(keys={}, config=everybody + acme + rev)
        member, reviewer = self.spawn(capsule, workspace="acme"), self.spawn(capsule, workspace="acme", role="rev")
        self.assertEqual(capsule.stop(), 0)
        self.as_an_older_daemon_kept_it(capsule, member, known_workspace="acme")
        self.as_an_older_daemon_kept_it(capsule, reviewer, known_workspace="acme", known_role="rev")
        capsule.config(provider.port, everybody)
        capsule.start()
        self.assertTrue(until(lambda: capsule.call("status")["broker"]["state"] == "running"))
        for session, whose in ((member, 'workspace "acme"'), (reviewer, 'role "rev" of workspace "acme"')):
            reply = session.ask()
            self.refused(reply, 401, "capsule_key_absent")
            self.assertIn(f"the key of {whose} is gone", reply.error["message"])
        self.assertNotIn(b"FAKE-", provider.bytes)
        capsule.config(provider.port, everybody + acme + rev)
        capsule.call("reload")
        self.assertTrue(self.sends(member, provider, "FAKE-acme"), "it is there again")
        self.assertTrue(self.sends(reviewer, provider, "FAKE-rev"))

    def test_nor_where_others_have_a_scope_of_that_name(self):
        """Another workspace's role, the workspace of a role, and a workspace with another provider's key."""
        everybody, acme, rev = self.SCOPES
        elsewhere = '[workspaces.other.roles.rev.env]\nZAI_API_KEY = "FAKE-other-rev-000000001"\n'
        capsule, provider = self.pair(keys={}, config=everybody + acme + rev + elsewhere)
        reviewer, member = self.spawn(capsule, workspace="acme", role="rev"), self.spawn(capsule, workspace="acme")
        self.assertTrue(self.sends(reviewer, provider, "FAKE-rev"))
        self.assertTrue(self.sends(member, provider, "FAKE-acme"))

        def has_none(session, whose: str):
            before = len(provider.bytes)
            reply = session.ask()
            self.refused(reply, 401, "capsule_key_absent")
            self.assertIn(f"the key of {whose} is gone", reply.error["message"])
            self.assertEqual(len(provider.bytes), before)

        capsule.config(provider.port, everybody + acme + elsewhere)
        capsule.call("reload")
        has_none(reviewer, 'role "rev" of workspace "acme"')
        self.assertTrue(self.sends(member, provider, "FAKE-acme"))
        capsule.config(provider.port, everybody + rev)
        capsule.call("reload")
        has_none(member, 'workspace "acme"')
        self.assertTrue(self.sends(reviewer, provider, "FAKE-rev"))
        capsule.call("auth.set", provider="minimax", value="FAKE-minimax-00000000001", scope={"workspace": "acme"})
        capsule.config(provider.port, everybody)
        capsule.call("reload")
        has_none(member, 'workspace "acme"')

    def test_a_stored_key_that_is_taken_away_leaves_no_wider_one(self):
        capsule, provider = self.pair(keys={}, config=self.SCOPES[0])
        own = {"provider": "zai", "scope": {"workspace": "acme"}}
        before = self.spawn(capsule)
        capsule.call("auth.set", value="FAKE-acme-key-0000000001", **own)
        session = self.spawn(capsule, workspace="acme")
        self.assertTrue(self.sends(session, provider, "FAKE-acme"))
        row = capsule.call("auth.unset", **own)
        [warned] = [each["message"] for each in row["warnings"] if each["code"] == "session.no_key"]
        self.assertIn(session.id, warned)
        self.assertNotIn("session.new_key", [each["code"] for each in row["warnings"]])
        self.refused(session.ask(), 401, "capsule_key_absent")
        self.assertTrue(self.sends(before, provider, "FAKE-global"))

    def test_one_that_began_with_the_key_of_all_has_it_again(self):
        capsule, provider = self.pair(keys={}, config=self.SCOPES[0])
        own = {"provider": "zai", "scope": {"workspace": "other", "role": "rev"}}
        session = self.spawn(capsule, workspace="other", role="rev")
        self.assertTrue(self.sends(session, provider, "FAKE-other"))
        capsule.call("auth.set", value="FAKE-rev-key-00000000001", **own)
        self.assertTrue(self.sends(session, provider, "FAKE-rev"))
        row = capsule.call("auth.unset", **own)
        self.assertIn("session.new_key", [each["code"] for each in row["warnings"]])
        self.assertTrue(self.sends(session, provider, "FAKE-other"))

    def test_of_a_scope_that_was_never_configured_stays_the_one_it_had(self):
        everybody, acme, _ = self.SCOPES
        everybody = everybody.partition("[workspaces")[0]
        capsule, provider = self.pair(keys={}, config=everybody)
        session = self.spawn(capsule, workspace="unknown", role="unknown")
        capsule.config(provider.port, everybody + acme)
        capsule.call("reload")
        self.assertTrue(self.sends(session, provider, "FAKE-global"))

    def test_of_another_provider_is_not_sent_though_its_variable_is_the_one_of_before(self):
        provider = self.provider()
        capsule = self.capsule(provider, keys={}, config=f'[env]\nZAI_API_KEY = "{KEY}"\n')
        session = self.spawn(capsule)
        keys = f'[env]\nZAI_API_KEY = "{OTHER_KEY}"\nZAI_NEW_KEY = "{KEY}"\n'
        other = '[providers.gw]\nkey_env = "ZAI_API_KEY"\n[providers.gw.claude]\nbase_url = "https://gw.invalid"\nopus_model = "m"\n'
        facts = '[providers.gw.models.m]\ncontext_window = 100000\n[providers.zai]\nkey_env = "ZAI_NEW_KEY"\n'
        capsule.config(provider.port, keys + other + facts)
        capsule.call("reload")
        self.gets_no_key_any_more(capsule, session, "the key's variable")
        self.assertNotIn(OTHER_KEY.encode(), provider.bytes)


if __name__ == "__main__":
    unittest.main()
