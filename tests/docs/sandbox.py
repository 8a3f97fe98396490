"""A capsule for one page: a real daemon with fake keys and fake agents, and a shell, in a temporary directory."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

COMMAND_LIMIT_S = 60

OWN = "of-the-launcher"  # a file that no agent may have open

# Is silent, and fails where it has a descriptor that it should not have.
FAKE_AGENT = """#!/bin/sh
case $(/bin/ls -l /proc/$$/fd) in
*of-the-launcher*) echo 'this agent has a descriptor of its launcher'; exit 1 ;;
esac
if [ "$*" = --version ]; then
    case ${0##*/} in
    claude) echo '2.1.197 (Claude Code)' ;;
    codex) echo 'codex-cli 0.169.0' ;;
    *) echo '1.18.33' ;;
    esac
    exit
fi
if [ "${0##*/} $1 $2" = 'codex debug models' ]; then exec /bin/cat "${0%/*}/codex.models"; fi
"""


class Sandbox:
    """Names in it are neutral on a page: /run/capsule, /etc/capsule, /home/agent stand for the real ones."""

    def __init__(self, programs: dict[str, str], models: Path, daemon_environment: dict[str, str]):
        self.top = Path(tempfile.mkdtemp(prefix="capsule-docs-"))
        for name in ("bin", "run", "etc", "state", "home/project"):
            (self.top / name).mkdir(parents=True, mode=0o750)
        self.top.chmod(0o755)
        (self.top / "home/project").chmod(0o777)  # as /tmp above it, so it makes no difference
        self.config = self.top / "etc/capsule.toml"
        self.config.touch(mode=0o600)
        self.socket = self.top / "run/capsule.sock"
        self.log = self.top / "log"
        for name, path in programs.items():
            (self.top / "bin" / name).symlink_to(path)
        shutil.copy(models, self.top / "bin/codex.models")
        for agent in ("claude", "codex", "opencode"):
            (self.top / "bin" / agent).write_text(FAKE_AGENT)
            (self.top / "bin" / agent).chmod(0o755)
        self.environment = {
            "PATH": f"{self.top}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.top / "home"),
            "LANG": "C.UTF-8",
        }
        self._start_daemon(programs["capsuled"], daemon_environment)
        self._shell = None
        self._code = 0

    def _start_daemon(self, program: str, environment: dict[str, str]) -> None:
        command = [program, "--config", str(self.config), "--socket", str(self.socket)]
        own = self.environment | {"STATE_DIRECTORY": str(self.top / "state")} | environment
        with self.log.open("wb") as log:
            self._daemon = subprocess.Popen(command, env=own, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(600):
            if self.socket.exists() or self._daemon.poll() is not None:
                break
            time.sleep(0.05)
        if not self.socket.exists():
            raise SystemExit("capsuled did not start:\n" + self.log.read_text())

    # ---- what pages do ----

    def run(self, command: str) -> tuple[int, str]:
        """Runs it in the page's one shell; gives its exit code and what it printed."""
        self._shell = self._shell or self._start_shell()
        script, output = self.top / "command", self.top / "output"
        script.write_text(f"(exit {self._code})\n{command}\n")
        self._shell.stdin.write(f'. "{script}" </dev/null >"{output}" 2>&1; echo $? >&{self._theirs}\n')
        self._shell.stdin.flush()
        self._code = self._read_code(command)
        return self._code, self.neutral(output.read_text(errors="replace"))

    def _start_shell(self) -> subprocess.Popen:
        self._codes, self._theirs = os.pipe()
        own = self.environment | {
            "CAPSULE_SOCKET": str(self.socket), "CAPSULE_CONFIG": str(self.config), "TERM": "dumb"}  # fmt: skip
        shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-s"], env=own, cwd=self.top / "home/project", stdin=subprocess.PIPE,
            pass_fds=[self._theirs], text=True, start_new_session=True,
        )  # fmt: skip
        os.close(self._theirs)
        return shell

    def _read_code(self, command: str) -> int:
        timer = time.monotonic() + COMMAND_LIMIT_S
        os.set_blocking(self._codes, False)
        read = b""
        while not read.endswith(b"\n"):
            try:
                chunk = os.read(self._codes, 64)
            except BlockingIOError:
                chunk = None
            if chunk == b"":
                raise SystemExit(f"the shell ended at: {command}")
            if time.monotonic() > timer:
                raise SystemExit(f"not done within {COMMAND_LIMIT_S} s: {command}")
            read += chunk or b""
            time.sleep(0 if chunk else 0.01)
        return int(read)

    def call(self, line: str) -> str:
        """One line to the daemon, on a connection of its own, and the answer's."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(COMMAND_LIMIT_S)
                connection.connect(str(self.socket))
                connection.sendall(self.real(line).encode() + b"\n")
                connection.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError as error:
            raise SystemExit(f"no answer to {line}: {error}") from error
        return self.neutral(answer.decode())

    def configure(self, name: str, text: str) -> None:
        """Puts a file beside capsule.toml, or capsule.toml itself, into force."""
        path = self.top / "etc" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(self.real(text))
        path.chmod(0o600)
        for command in ([str(self.top / "bin/capsuled"), "--check-config", "--config", str(self.config)],
                        [str(self.top / "bin/capsulectl"), "--socket", str(self.socket), "reload"]):  # fmt: skip
            done = subprocess.run(
                command, env=self.environment, capture_output=True, text=True, timeout=COMMAND_LIMIT_S
            )
            if done.returncode != 0:
                raise SystemExit(f"{name} is refused:\n{done.stdout}{done.stderr}")

    # ---- names on the page and real ones ----

    def _names(self) -> list[tuple[str, str]]:
        return [(str(self.top / "run"), "/run/capsule"), (str(self.top / "etc"), "/etc/capsule"),
                (str(self.top / "state"), "/var/lib/capsule"), (str(self.top / "home"), "/home/agent"),
                (str(self.top / "bin") + ":/usr/local/bin", "/usr/local/bin"),
                (str(self.top / "bin"), "/usr/local/bin")]  # fmt: skip

    def neutral(self, text: str) -> str:
        for real, page in self._names():
            text = text.replace(real, page)
        return re.sub(r"\x1b\[[0-9;]*m", "", text)

    def real(self, text: str) -> str:
        for real, page in self._names()[:4]:
            text = text.replace(page, real)
        return text

    # ---- the end ----

    def close(self) -> list[str]:
        """Ends everything; gives what is wrong with how the daemon ended and what it logged."""
        if self._shell:
            self._shell.stdin.close()
            os.close(self._codes)
            try:
                os.killpg(self._shell.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self._shell.wait()
        problems = []
        if self._daemon.poll() is None:
            self._daemon.send_signal(signal.SIGTERM)
            if code := self._daemon.wait(timeout=30):
                problems.append(f"capsuled ended with {code}")
        else:
            problems.append(f"capsuled had ended with {self._daemon.returncode}")
        log = self.log.read_text(errors="replace")
        if "FAKE-" in log:
            problems.append("a key is in the log")
        if problems:
            problems.append("its log:\n" + log)
        shutil.rmtree(self.top, ignore_errors=True)
        return problems
