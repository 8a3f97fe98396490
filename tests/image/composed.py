"""docker/compose.yaml and compose.root.yaml, run by Debian's podman-compose and podman."""

import os
import re
import shlex
import shutil
import subprocess
import unittest
from pathlib import Path

import podman
from case import KEYS, ImageTest, options
from storage import SOURCE

SHIM = SOURCE / "tests/image/podman_shim.py"
SHOW = "run:tr '\\0' '\\n' </proc/$$/environ; id -un; grep CapEff /proc/self/status; echo up; read -r; exit 3"


class Compose:
    """`docker compose` in a folder that has secrets in docker/secrets, whoever made them."""

    def __init__(self, top: Path):
        self.top = top
        (top / "docker").mkdir(parents=True, exist_ok=True)
        for file in ("compose.yaml", "compose.root.yaml", "agents.Dockerfile"):
            shutil.copy(SOURCE / "docker" / file, top / "docker")
        engine = podman.engine()
        self.environment = os.environ | {
            "TMPDIR": str(options.scratch), "CAPSULE_PODMAN": shlex.join(engine.command),
            "CAPSULE_PODMAN_RUN": shlex.join(["--cgroups=disabled", *podman.LIMITS])}  # fmt: skip

    def start(self, file: str, *words: str) -> subprocess.Popen:
        if words[0] == "run":
            words = ("run", "-T", *words[1:])
        # The person of the guide is uid 1000, as the image's agent.
        owner = 0 if "root" in file else 1000
        for secret in (self.top / "docker/secrets").iterdir():
            os.chown(secret, owner, owner)
        command = ["podman-compose", "--podman-path", str(SHIM), "-f", file, *words]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                cwd=self.top, env=self.environment)  # fmt: skip

    def __call__(self, file: str, *words: str) -> subprocess.CompletedProcess:
        return finish(self.start(file, *words), "")


def finish(process: subprocess.Popen, text: str) -> subprocess.CompletedProcess:
    """To its end. podman-compose ends with 0 whatever happens, and prints podman's own code."""
    out, err = process.communicate(text, timeout=120)
    codes = re.findall(r"^exit code: (\d+)$", out, re.MULTILINE)
    return subprocess.CompletedProcess(process.args, process.returncode or int([0, *codes][-1]), out, err)


@unittest.skipUnless(shutil.which("podman-compose"), "podman-compose is not installed")
class Composed(ImageTest):
    def setUp(self):
        super().setUp()
        self.compose = Compose(options.scratch / "composed")
        secrets = self.compose.top / "docker/secrets"
        secrets.mkdir(mode=0o700, exist_ok=True)
        (secrets / "ZAI_API_KEY").write_text(KEYS["ZAI_API_KEY"])
        (secrets / "ZAI_API_KEY").chmod(0o400)

    def session(self, file: str, *words: str) -> tuple[str, subprocess.Popen]:
        """One that waits for a line, and what it has said till then."""
        self.addCleanup(self.compose, file, "down")
        process = self.compose.start(file, "run", "--rm", "capsule", *words)
        self.addCleanup(self.end, process)
        said = ""
        for line in process.stdout:
            said += line
            if line == "up\n":
                break
        return said, process

    def test_keys_and_agents_are_two_containers_without_root(self):
        file = "docker/compose.yaml"
        said, first = self.session(file, "claude", "--provider", "zai", "--", SHOW)
        self.assertTrue(said.endswith("up\n"), said or first.communicate("\n")[1])
        self.check_token(said, "ANTHROPIC_AUTH_TOKEN")
        self.assertIn("\nagent\nCapEff:\t0000000000000000\n", said)
        looks = ("echo looks; grep -rls FAKE- /run /tmp /etc /home /proc/[0-9]*/environ; ls /run/secrets; touch /run/capsule-keys/x;"
                 "export CAPSULE_SOCKET=/run/capsule-keys/capsule.sock; capsulectl spawn claude --provider zai; echo $?;"
                 "echo FAKE-other | capsulectl auth set zai; echo $?; echo looked")  # fmt: skip
        beside = self.compose(file, "run", "--rm", "capsule", "codex", "--provider", "zai", "--", f"run:({looks}) 2>/dev/null")
        self.assertIn("\nlooks\n4\n4\nlooked\n", beside.stdout, beside.stderr)
        done = finish(first, "\n")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertNotIn("FAKE-", said + beside.stderr + done.stdout + done.stderr)

    def test_as_root_they_are_one(self):
        said, run = self.session("docker/compose.root.yaml", "claude", "--provider", "zai", "--", SHOW)
        self.assertTrue(said.endswith("up\n"), said or run.communicate("\n")[1])
        self.check_token(said, "ANTHROPIC_AUTH_TOKEN")
        self.assertIn("\nagent\nCapEff:\t0000000000000000\n", said)
