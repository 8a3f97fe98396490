"""docker/agents.Dockerfile, built with what npm's registry has; its agents ask a stand-in for their provider."""

import json
import subprocess
import sys
import time

from case import AS_INIT, ImageTest, as_composed, options
from storage import SOURCE, Container, run

KEY = "FAKE-image-agents-0001"
PATHS = {"claude": "/api/anthropic", "codex": "/api/v1", "opencode": "/api/v4"}
# The words are README's for Claude Code.
SESSIONS = {"claude": ["-p", "say hi"], "codex": ["exec", "--skip-git-repo-check", "say hi"], "opencode": ["run", "say hi"]}


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


def build() -> None:
    """The versions are those that the end-to-end tests know."""
    real = json.loads((SOURCE / "tests/e2e/package.json").read_text())["dependencies"]
    versions = " ".join(f"{name}@{version}" for name, version in real.items())
    # Packages that were downloaded once serve again, and nobody needs each of their files to be on the disk at once.
    debs = f"--volume={options.debs}:/var/cache/apt/archives"
    unsafe = options.scratch / "dpkg"
    unsafe.write_text("force-unsafe-io\n")
    options.buildah("build", "--isolation", "chroot", "--pull-never", "--format", "docker", debs,
                    f"--volume={unsafe}:/etc/dpkg/dpkg.cfg.d/unsafe:ro", *trusted_here(),
                    "--build-arg", f"AGENTS={versions}", "-t", "real-capsule", "--file",
                    str(SOURCE / "docker/agents.Dockerfile"), str(SOURCE / "docker"))  # fmt: skip


class Agents(ImageTest):
    def setUp(self):
        super().setUp()
        began = time.monotonic()
        build()
        print(f"agents: {time.monotonic() - began:.1f} s", file=sys.stderr)
        self.container = Container(options.buildah, "real-capsule")

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

    def test_start_and_answer(self):
        self.stand_in()
        for agent, words in SESSIONS.items():
            done = self.container.run([*self.entrypoint, agent, "--provider", "zai", "--", *words],
                                      [*AS_INIT, *as_composed(), *self.one_by_one()])  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("The stand-in has answered.", done.stdout, agent)
            self.assertNotIn("FAKE-", done.stdout + done.stderr)
