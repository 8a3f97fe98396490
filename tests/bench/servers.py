"""The servers that are compared, each on a Unix socket in a temporary directory, and what the kernel says of them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

START_LIMIT_S = 60
SERVER_CORE, CLIENT_CORE = 0, 1

# Answers what capsuled asks Codex for; the other agents are bench_agent.
CODEX = """#!/bin/sh
if [ "$1 $2 $3" = 'debug models -c' ]; then exit 0; fi
if [ "$1 $2" = 'debug models' ]; then exec /bin/cat "${0%/*}/codex.models"; fi
if [ "$*" = --version ]; then echo 'codex-cli 0.169.0'; fi
"""

# What the agents read of a project that has been worked on.
PROJECT = {
    ".git/HEAD": "ref: refs/heads/main\n",
    ".claude/settings.json": '{"permissions":{"allow":["Bash(make:*)","Bash(git status)"]},"env":{"MAKEFLAGS":"-j4"}}\n',
    ".claude/settings.local.json": '{"permissions":{"allow":["WebFetch(domain:example.org)"]}}\n',
    ".codex/config.toml": 'model_reasoning_effort = "high"\n[tools]\nweb_search = true\n',
    "opencode.json": '{"$schema":"https://opencode.ai/config.json","theme":"system","instructions":["AGENTS.md"]}\n',
    "AGENTS.md": "Run make before you commit.\n",
    "src/main.c": "int main(void) { return 0; }\n",
}

KEYS = {
    "ANTHROPIC_API_KEY": "sk-ant-FAKE-bench-0001",
    "OPENAI_API_KEY": "sk-FAKE-bench-0002",
    "ZAI_API_KEY": "FAKE-bench-zai-key-0003",
    "MINIMAX_API_KEY": "sk-cp-FAKE-bench-0004",
    "KIMI_CODE_API_KEY": "sk-ki-FAKE-bench-0005",
}


class Runner:
    """Where and how programs run: servers on one core, clients on another, all of them the same way."""

    def __init__(self, real_time: bool):
        self.cores = len(os.sched_getaffinity(0))
        self.real_time = real_time

    def prefix(self, core: int) -> list[str]:
        pinned = ["taskset", "-c", str(core % self.cores)]
        return (["chrt", "-f", "10"] if self.real_time else []) + pinned

    def client(self, command: list[str], environment: dict[str, str] | None = None) -> str:
        """Runs it to its end on the clients' core; gives its output."""
        done = subprocess.run(self.prefix(CLIENT_CORE) + command, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{Path(command[0]).name} failed: {done.stderr.strip()}")
        return done.stdout

    def server(self, command: list[str], log: Path, environment: dict[str, str]) -> subprocess.Popen:
        with log.open("ab") as out:
            return subprocess.Popen(self.prefix(SERVER_CORE) + command, env=environment, stdin=subprocess.DEVNULL,
                                    stdout=out, stderr=out)


class Server:
    def __init__(self, runner: Runner, name: str, path: Path, command: list[str], environment: dict[str, str]):
        self.name, self.socket, self.command, self.environment = name, path, command, environment
        self.log = path.with_suffix(".log")
        self._runner = runner

    def start(self) -> "Server":
        self._process = self._runner.server(self.command, self.log, self.environment)
        for _ in range(START_LIMIT_S * 200):
            if self._connectable():
                return self
            if self._process.poll() is not None:
                break
            time.sleep(0.005)
        self._process.kill()
        raise SystemExit(f"{self.name} did not start:\n" + self.log.read_text())

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=START_LIMIT_S)

    @property
    def pid(self) -> int:
        return self._process.pid

    def _connectable(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0

    def ask(self, request: bytes, reply_end: bytes = b"\n") -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(START_LIMIT_S)
            client.connect(str(self.socket))
            client.sendall(request)
            reply = b""
            while not reply.endswith(reply_end):
                chunk = client.recv(1 << 16)
                if not chunk:
                    raise SystemExit(f"{self.name} closed the connection")
                reply += chunk
            return reply

    # ---- what the kernel says ----

    def memory_kib(self) -> dict[str, int]:
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        fields = {line.split(":")[0]: int(line.split()[1]) for line in rollup.splitlines()[1:]}
        return {"rss": fields["Rss"], "pss": fields["Pss"], "private": fields["Private_Clean"] + fields["Private_Dirty"]}

    def wake_ups(self) -> int:
        """How often its threads gave up their core by themselves, which each wake-up ends with."""
        lines = [line for task in Path(f"/proc/{self.pid}/task").iterdir()
                 for line in (task / "status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


class Place:
    """Everything that the servers need, in a directory that goes away."""

    def __init__(self, programs: dict[str, Path], models: Path, runner: Runner):
        self.programs, self.runner = programs, runner
        self.top = Path(tempfile.mkdtemp(prefix="capsule-bench-"))
        for name in ("bin", "home", "state"):
            (self.top / name).mkdir(mode=0o700)
        (self.top / "capsule.toml").touch(mode=0o600)
        self.project = self.top / "project"
        for name, text in PROJECT.items():
            (self.project / name).parent.mkdir(parents=True, exist_ok=True)
            (self.project / name).write_text(text)
        # As all may write to /tmp, above it: else agents leave the project out, and OpenCode does not start.
        self.top.chmod(0o755)
        for folder in (self.project, *(each for each in self.project.rglob("*") if each.is_dir())):
            folder.chmod(0o777)
        for agent in ("claude", "opencode"):
            shutil.copy(programs["bench_agent"], self.top / "bin" / agent)
        (self.top / "bin/codex").write_text(CODEX)
        (self.top / "bin/codex").chmod(0o755)
        shutil.copy(models, self.top / "bin/codex.models")
        # In Debian's redis-tools the server is redis-check-rdb by its other name; the package redis-server would start
        # a service.
        if "redis-check-rdb" in programs:
            (self.top / "redis-server").symlink_to(programs["redis-check-rdb"])

    def remove(self) -> None:
        shutil.rmtree(self.top)

    @property
    def environment(self) -> dict[str, str]:
        """In which the agents are found: everything runs in this."""
        return {"PATH": f"{self.top}/bin:/usr/bin:/bin", "HOME": str(self.top / "home"), "LANG": "C.UTF-8"}

    def capsuled(self, name: str = "capsuled") -> Server:
        path = self.top / f"{name}.sock"
        environment = self.environment | {"STATE_DIRECTORY": str(self.top / "state")} | KEYS
        command = [str(self.programs["capsuled"]), "--config", str(self.top / "capsule.toml"), "--socket", str(path)]
        return Server(self.runner, name, path, command, environment)

    def redis(self, name: str = "redis") -> Server:
        path = self.top / f"{name}.sock"
        command = [str(self.top / "redis-server"), "--port", "0", "--unixsocket", str(path), "--save", "",
                   "--appendonly", "no", "--dir", str(self.top)]
        return Server(self.runner, name, path, command, self.environment)

    def echo(self, reply_bytes: int) -> Server:
        path = self.top / f"echo-{reply_bytes}.sock"
        return Server(self.runner, "echo", path, [str(self.programs["bench_echo"]), str(path), str(reply_bytes)], {})


def rpc(method: str, params: dict, request_id: str = "@ID@") -> str:
    """A request as launchers write it, with the load generator's mark for the id."""
    body = {"jsonrpc": "2.0", "id": "ID", "method": method} | ({"params": params} if params else {})
    return json.dumps(body, separators=(",", ":")).replace('"ID"', request_id, 1) + "\n"


def resp(*words: str) -> str:
    """A command in Redis's protocol."""
    return f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
