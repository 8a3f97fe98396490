"""A real capsuled with a real capsule-broker, and a provider on loopback that keeps what it is sent."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "broker"))
os.environ.setdefault("CAPSULE_BROKER", "/nonexistent")  # the harness of the broker's own tests asks for it
from harness import BOUND, Peer, Provider, Reply, answer, answering, read_reply, until  # noqa: E402,F401

CAPSULED, CAPSULECTL = os.environ["CAPSULED"], os.environ["CAPSULECTL"]
KEY = "FAKE-sessions-key-0000000001"
OTHER_KEY = "FAKE-sessions-key-0000000002"
AGENTS = ("claude", "codex", "opencode")


class Refused(Exception):
    def __init__(self, error: dict):
        super().__init__(error["message"])
        self.error = error


class Connection:
    def __init__(self, path: Path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(BOUND)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.lines = self.socket.makefile("r")

    def call(self, method: str, **params) -> dict:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        reply = json.loads(self.lines.readline())
        if "error" in reply:
            raise Refused(reply["error"])
        return reply["result"]

    def close(self):
        self.lines.close()
        self.socket.close()


class Capsule:
    """`providers`: id → where its cells lead to on loopback."""

    def __init__(self, port: int, config: str = "", keys: dict[str, str] | None = None, session: str = 'keys = "broker"',
                 program: str = CAPSULED):  # fmt: skip
        self.program = program
        self.folder = tempfile.TemporaryDirectory()
        self.top = Path(self.folder.name)
        self.top.chmod(0o755)
        (self.top / "home").mkdir()
        (self.top / "bin").mkdir()
        (self.top / "secrets").mkdir()
        for agent in AGENTS:
            self.install(agent, "#!/bin/sh\nexit 0\n")
        self.keys = {"ZAI_API_KEY": KEY} if keys is None else keys
        self.config(port, config, session)
        self.log = open(self.top / "log", "a+b")
        self.process: subprocess.Popen | None = None
        self.start()

    @property
    def socket(self) -> Path:
        return self.top / "capsule.sock"

    def install(self, agent: str, text: str):
        program = self.top / "bin" / agent
        program.write_text(text)
        program.chmod(0o755)

    def config(self, port: int, more: str = "", session: str = 'keys = "broker"'):
        broker = '[broker]\nuser = "daemon"\n' if os.geteuid() == 0 else ""
        cells = "".join(
            f'[providers.zai.{agent}]\nbase_url = "http://127.0.0.1:{port}{path}"\n{extra}'
            for agent, path, extra in (
                ("claude", "/api/anthropic", ""),
                ("codex", "/api/v1", ""),
                ("opencode", "/api/coding/paas/v4", "")))  # fmt: skip
        (self.top / "capsule.toml").write_text(f"[session]\n{session}\n{more if '[broker]' in more else broker + more}\n{cells}")

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.top}/bin:/usr/bin:/bin", "HOME": str(self.top / "home"), "LANG": "C.UTF-8",
                "STATE_DIRECTORY": str(self.top / "state"), "CAPSULE_SOCKET": str(self.socket),
                "CAPSULE_CONFIG": str(self.top / "capsule.toml"), **self.keys}  # fmt: skip

    def start_fails(self, *words: str, **changed: str) -> str:
        """What a start says that ends with an error, or `--check-config`."""
        done = subprocess.run([CAPSULED, *words], env=self.environment | changed, capture_output=True, text=True,
                              check=False, timeout=BOUND)  # fmt: skip
        assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
        return done.stderr

    def start(self):
        self.process = subprocess.Popen([self.program], env=self.environment, stdout=self.log, stderr=self.log)
        assert until(self.answers), self.logged()

    def answers(self) -> bool:
        """A connection alone may be one that nobody has accepted yet."""
        with contextlib.suppress(OSError):
            connection = Connection(self.socket)
            try:
                connection.call("ping")
                return True
            finally:
                connection.close()
        return False

    def logged(self) -> str:
        return (self.top / "log").read_text()

    def connect(self) -> Connection:
        return Connection(self.socket)

    def call(self, method: str, **params) -> dict:
        connection = self.connect()
        try:
            return connection.call(method, **params)
        finally:
            connection.close()

    def ctl(self, *words: str, **members) -> subprocess.CompletedProcess:
        environment = {"PATH": f"{self.top}/bin:/usr/bin:/bin", "HOME": str(self.top / "home")}
        return subprocess.run([CAPSULECTL, "--socket", str(self.socket), *words], env=environment, capture_output=True,
                              text=True, timeout=60, **members)  # fmt: skip

    def broker_pid(self) -> int:
        """The daemon's child, once it is ready."""
        def find():
            pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            for pid in pids:
                with contextlib.suppress(OSError):
                    if "capsule-broker" in Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[0]:
                        return int(pid)
            return 0

        assert until(lambda: find() != 0), self.logged()
        return find()

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(BOUND)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(BOUND)

    def end_holder(self):
        """It would hold the broker's port for some minutes more."""
        with contextlib.suppress(OSError, IndexError):
            pid = int((self.top / "state/sessions/port").read_text().split()[1])
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"capsule-port-holder"):
                os.kill(pid, signal.SIGKILL)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(BOUND)
        self.end_holder()
        self.log.close()
        self.folder.cleanup()


class Session:
    """What an agent makes of a spawn's answer."""

    def __init__(self, plan: dict):
        self.plan = plan
        self.id = plan["session"]["id"]
        self.token = plan["env"]["ANTHROPIC_AUTH_TOKEN"]
        address, _, path = plan["env"]["ANTHROPIC_BASE_URL"].removeprefix("http://").partition("/")
        self.port, self.path = int(address.rpartition(":")[2]), "/" + path

    def request(self, body: bytes = b'{"model":"m-1"}', token: str | None = None) -> bytes:
        lines = [f"POST {self.path}/v1/messages HTTP/1.1", f"Host: 127.0.0.1:{self.port}",
                 f"Authorization: Bearer {token or self.token}", f"Content-Length: {len(body)}"]  # fmt: skip
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def open(self, body: bytes = b'{"model":"m-1"}') -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=BOUND)
        connection.sendall(self.request(body))
        return connection

    def ask(self, model: str = "m-1") -> Reply:
        with self.open(json.dumps({"model": model}).encode()) as connection:
            return read_reply(connection)

    def answered(self) -> bool:
        """As agents do: a request that was cut is made again."""
        with contextlib.suppress(OSError):
            return self.ask().status == 200
        return False


class Case(unittest.TestCase):
    def provider(self, serve=None) -> Provider:
        provider = Provider(serve or answering(answer()), None)
        self.addCleanup(provider.close)
        return provider

    def capsule(self, provider: Provider, config: str = "", **members) -> Capsule:
        capsule = Capsule(provider.port, config, **members)
        self.addCleanup(capsule.close)
        return capsule

    def pair(self, serve=None, config: str = "", **members) -> tuple[Capsule, Provider]:
        provider = self.provider(serve)
        return self.capsule(provider, config, **members), provider

    def spawn(self, capsule: Capsule, **params) -> Session:
        return Session(capsule.call("spawn", agent="claude", provider="zai", **params))

    def refused(self, reply: Reply, status: int, code: str):
        self.assertEqual(reply.status, status, reply.raw)
        self.assertEqual(reply.error["code"], code)

    def states(self, capsule: Capsule, **params) -> dict[str, str]:
        return {row["id"]: row["state"] for row in capsule.call("sessions.list", **params)["sessions"]}
