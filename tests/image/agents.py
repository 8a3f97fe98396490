"""docker/agents.Dockerfile, with what npm's registry has; its agents ask a stand-in for their provider.

A builder would keep the agents' two gigabytes as a layer, which takes it longer than to get them, so it builds with programs
that only note how they are called. What it has run is then run in a container of the same image.
"""

import json
import re
import subprocess
import sys
import time

from case import AS_INIT, ImageTest, as_composed, options
from storage import SOURCE, Container, run

DOCKERFILE = SOURCE / "docker/agents.Dockerfile"
KEY = "FAKE-image-agents-0001"
PATHS = {"claude": "/api/anthropic", "codex": "/api/v1", "opencode": "/api/v4"}
# The words are README's for Claude Code.
SESSIONS = {"claude": ["-p", "say hi"], "codex": ["exec", "--skip-git-repo-check", "say hi"], "opencode": ["run", "say hi"]}
NOTE = '#!/bin/sh\necho "$(basename "$0") $*" >>/mnt/ran/commands\n'
RAN = """\
apt-get update
apt-get install --yes --no-install-recommends git nodejs npm
npm install --global {agents}
npm cache clean --force
"""


def agents_named() -> str:
    """The versions are those that the end-to-end tests know."""
    real = json.loads((SOURCE / "tests/e2e/package.json").read_text())["dependencies"]
    return " ".join(f"{name}@{version}" for name, version in real.items())


def trusted_here() -> list[str]:
    """Where this machine's npm has a registry or an authority of its own, the build's has them, too."""
    rc = options.scratch / "npmrc"
    lines, mounts = [], []
    for name in ("registry", "cafile"):
        value = run(["npm", "config", "get", name]).strip()
        if name == "cafile" and value != "null":
            mounts.append(f"--volume={value}:/mnt/authority.crt:ro")
            value = "/mnt/authority.crt"
        if value != "null":
            lines.append(f"{name}={value}\n")
    rc.write_text("".join(lines))
    return [*mounts, f"--volume={rc}:/root/.npmrc:ro"]


def run_by_a_builder(*arguments: str) -> str:
    """What it called, a line each."""
    ran, note = options.scratch / "ran", options.scratch / "note"
    ran.mkdir(exist_ok=True)
    (ran / "commands").write_text("")
    note.write_text(NOTE)
    note.chmod(0o755)
    options.buildah("build", "--isolation", "chroot", "--pull-never", "--format", "docker", f"--volume={ran}:/mnt/ran",
                    f"--volume={note}:/usr/bin/apt-get:ro", f"--volume={note}:/usr/local/bin/npm:ro", *arguments,
                    "-t", "noted-capsule", "--file", str(DOCKERFILE), str(SOURCE / "docker"))  # fmt: skip
    return (ran / "commands").read_text()


def install(container: Container, agents: str) -> None:
    """The Dockerfile's command, in that container."""
    lines = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)).splitlines()
    [command] = [line.removeprefix("RUN ") for line in lines if line.startswith("RUN ")]
    # Packages that were downloaded once serve again, and nobody needs each of their files to be on the disk at once.
    debs = f"--volume={options.debs}:/var/cache/apt/archives"
    unsafe = options.scratch / "dpkg"
    unsafe.write_text("force-unsafe-io\n")
    options.buildah("run", "--isolation", "chroot", debs, f"--volume={unsafe}:/etc/dpkg/dpkg.cfg.d/unsafe:ro",
                    *trusted_here(), "--env", f"AGENTS={agents}", container.name, "--", "/bin/sh", "-c", command)  # fmt: skip


class Agents(ImageTest):
    def stand_in(self) -> None:
        (self.secrets / "ZAI_API_KEY").chmod(0o600)
        (self.secrets / "ZAI_API_KEY").write_text(KEY)
        self.set_mode(0o400)
        server = subprocess.Popen([sys.executable, "-B", SOURCE / "tests/anywhere/standin.py", "0",
                                   self.secrets / "ZAI_API_KEY"], stdout=subprocess.PIPE, text=True)  # fmt: skip
        self.addCleanup(self.end, server)
        port = int(server.stdout.readline())
        with (self.container.top / "etc/capsule/capsule.toml").open("a") as file:
            for agent, path in PATHS.items():
                file.write(f'\n[providers.zai.{agent}]\nbase_url = "http://127.0.0.1:{port}{path}"\n')

    def test_a_builder_installs_them(self):
        self.assertEqual(run_by_a_builder(), RAN.format(agents=agents_named()))
        config = json.loads(options.buildah("inspect", "--type", "image", "noted-capsule"))["Docker"]["config"]
        self.assertEqual(config["Entrypoint"], options.config["Entrypoint"])
        self.assertEqual(run_by_a_builder("--build-arg", "AGENTS=a@1 b@2"), RAN.format(agents="a@1 b@2"))

    def test_start_and_answer(self):
        self.container = Container(options.buildah, "capsule")
        began = time.monotonic()
        install(self.container, agents_named())
        print(f"agents: {time.monotonic() - began:.1f} s", file=sys.stderr)
        self.stand_in()
        for agent, words in SESSIONS.items():
            done = self.container.run([*self.entrypoint, agent, "--provider", "zai", "--", *words],
                                      [*AS_INIT, *as_composed(), *self.one_by_one()])  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("The stand-in has answered.", done.stdout, agent)
            self.assertNotIn("FAKE-", done.stdout + done.stderr)
