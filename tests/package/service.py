"""The installed capsuled as an administrator runs it: plainly, or as its unit confines it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from root import Root

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "docs"))

from sandbox import FAKE_AGENT  # noqa: E402

SOCKET = "/run/capsule/capsule.sock"
CREDENTIALS = "/run/credentials/capsuled.service"
SECRETS = "/run/secrets"
VARIABLES = {"minimax": "MINIMAX_API_KEY", "kimi": "KIMI_CODE_API_KEY"}
KEYS = {"zai": "FAKE-installed-zai-0001", "minimax": "sk-cp-FAKE-installed-0002", "kimi": "sk-ki-FAKE-installed-0003"}
UNIT = "lib/systemd/system/capsuled.service"
# Says nothing for longer than anybody waits: it has to be ended.
HANGING_AGENT = "#!/bin/sh\nexec sleep 1000\n"


class Service:
    """Its sessions are those of user `agent`."""

    def __init__(self, root: Root):
        self.root = root
        self.problems: list[str] = []
        self._as: list[str] = []  # how a program becomes the user that asks

    def prepare(self) -> None:
        """Agents for the user, a configuration."""
        programs = self.root.top / "usr/local/bin"
        for name, text in (("claude", FAKE_AGENT), ("codex", FAKE_AGENT), ("opencode", HANGING_AGENT)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        shutil.copy(HERE.parent / "support/data/codex_models.json", programs / "codex.models")
        (self.root.top / "etc/capsule/capsule.toml").write_text('[session]\nuser = "agent"\n')

    def clean_up(self) -> None:
        for place in ("home/agent/.codex", "run/credentials", SECRETS[1:]):
            shutil.rmtree(self.root.top / place)
        for name in ("claude", "codex", "codex.models", "opencode"):
            (self.root.top / "usr/local/bin" / name).unlink()

    def run_plainly(self) -> None:
        command = self.root.command("env", f"CREDENTIALS_DIRECTORY={CREDENTIALS}", "capsuled")
        self._run("as root", command, 0)

    def run_confined(self) -> None:
        self._run("as its unit has it", self._confined(), 0)

    def run_confined_as_agent(self) -> None:
        drop_in = "usr/share/doc/capsuled/examples/single-user.conf"
        self._run("with single-user.conf", self._confined(drop_in), self._agent())

    def _confined(self, *drop_ins: str) -> list[str]:
        units = [str(self.root.top / unit) for unit in (UNIT, *drop_ins)]
        return ["unshare", "--mount", "--propagation", "private", sys.executable, "-B", str(HERE / "confined.py"),
                "--root", str(self.root.top), *units, "--", "/usr/sbin/capsuled"]  # fmt: skip

    def _agent(self) -> int:
        return (self.root.top / "home/agent").stat().st_uid

    def _run(self, how: str, command: list[str], uid: int) -> None:
        self._lay_secrets(uid)
        # root calls no more than status on a daemon that is not root's.
        self._as = [] if uid == 0 else ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
        environment = {"PATH": os.environ["PATH"], "CAPSULE_SOCKET": SOCKET, "CREDENTIALS_DIRECTORY": CREDENTIALS}
        started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        try:
            for _ in range(400):
                if (self.root.top / SOCKET[1:]).exists() or started.poll() is not None:
                    break
                time.sleep(0.05)
            found = self._sessions(uid)
        except SystemExit as failure:
            found = [str(failure)]
        started.send_signal(signal.SIGTERM)
        log = started.communicate(timeout=30)[1]
        if started.returncode != 0:
            found.append(f"it ended with {started.returncode}")
        if "FAKE-" in log:
            found.append("a key is in the log")
        for _ in range(40):  # one that was killed may need a moment
            if not self._processes_of_agent():
                break
            time.sleep(0.05)
        found += [f"process {pid} goes on running" for pid in self._processes_of_agent()]
        if found:
            self.problems += [f"{how}: {each}" for each in found] + [f"{how}: the log:\n{log}"]

    def _lay_secrets(self, uid: int) -> None:
        """As LoadCredential= does, for the service's user alone; and as orchestrators do, for whom the daemon runs as."""
        for place, name, owner in ((CREDENTIALS, "minimax", uid), (SECRETS, "kimi", uid)):
            folder = self.root.top / place[1:]
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, mode=0o700)
            file = folder / VARIABLES[name]
            file.write_text(KEYS[name] + "\n")
            file.chmod(0o400)
            for path in (folder, file):
                os.chown(path, owner, owner)

    def _ctl(self, *words: str) -> str:
        return self.root.run(*self._as, "capsulectl", "--socket", SOCKET, *words)

    def _sessions(self, uid: int) -> list[str]:
        """Gives what is wrong."""
        found = []
        self._ctl("status", "--quiet")
        self.root.run(*self._as, "sh", "-c", f"echo {KEYS['zai']} | capsulectl --socket {SOCKET} auth set zai")
        status = json.loads(self._ctl("--json", "status"))
        states = {provider["id"]: provider["key"]["state"] for provider in status["providers"]}
        if any(states[name] != "present" for name in KEYS):
            found.append(f"keys: {states}")
        warned = [warning["code"] for warning in status["warnings"]]
        if warned != ([] if uid == 0 else ["access.same_user"]):
            found.append(f"warnings: {status['warnings']}")
        for agent, provider in (("claude", "zai"), ("codex", "minimax")):
            session = json.loads(self._ctl("spawn", agent, "--provider", provider, "--format", "json"))
            if session["user"]["name"] != "agent" or KEYS[provider] not in session["env"].values():
                found.append(f"{agent}: not a session of the user's with the key")
            if session["warnings"]:
                found.append(f"{agent}: {session['warnings']}")
        written = self.root.top / "home/agent/.codex/minimax.models.json"
        if not written.exists() or written.stat().st_uid != self._agent():
            found.append(f"{written} is not there, or not the user's")
        return found

    def _processes_of_agent(self) -> list[str]:
        """Those that run: one that has ended may wait for this machine's init to notice."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                status = (place / "status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if f"\nUid:\t{self._agent()}\t" in status and "\nState:\tZ" not in status:
                found.append(f"{place.name} ({(place / 'cmdline').read_text()})")
        return found
