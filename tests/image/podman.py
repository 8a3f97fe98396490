"""The image under a real engine: Debian's podman, as root, with crun and the vfs driver."""

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

import manifests
from case import KEYS, SHOW_ENVIRONMENT, ImageTest, add_agents, options
from storage import SOURCE, Container

CGROUPS = Path("/sys/fs/cgroup")
# What a machine may forbid to set is given as what it has: control groups, limits, a network of a container's own.
LIMITS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]
RUN = ["--cgroups=disabled", "--network=none", *LIMITS]


class Engine:
    def __init__(self, scratch: Path):
        if not (CGROUPS / "cgroup.controllers").exists():
            # crun knows control groups of one kind; this process' mounts are its own.
            subprocess.run(["mount", "-t", "cgroup2", "cgroup2", str(CGROUPS)], check=True)
        fresh = Container(options.buildah, "capsule")
        add_agents(fresh)
        options.buildah("commit", "--format", "docker", fresh.name, "my-capsule")
        self.command = ["podman", *options.buildah.command[1:], "--cgroup-manager", "cgroupfs", "--runtime", "crun"]

    def __call__(self, *words: str, text: str = "") -> subprocess.CompletedProcess:
        return subprocess.run([*self.command, *words], capture_output=True, text=True, check=False, timeout=120,
                              input=text, env=os.environ | {"TMPDIR": str(options.scratch)})  # fmt: skip


def engine() -> Engine:
    """The one of all tests."""
    if not hasattr(options, "podman"):
        options.podman = Engine(options.scratch)
    return options.podman


@unittest.skipUnless(shutil.which("podman"), "podman is not installed")
class Podman(ImageTest):
    def setUp(self):
        super().setUp()
        self.podman = engine()

    def run_image(self, *words: str, more: list[str]) -> subprocess.CompletedProcess:
        done = self.podman("run", "--rm", *RUN, *more, "localhost/my-capsule", *words)
        self.assertNotIn("FAKE-", done.stderr)
        return done

    def test_a_session_as_compose_has_it(self):
        service = manifests.compose("compose.root.yaml")["services"]["capsule"]
        own = ["--cap-drop=ALL", *(f"--cap-add={name}" for name in service["cap_add"]),
               *(f"--security-opt={each.split(':')[0]}" for each in service["security_opt"])]  # fmt: skip
        guide = (SOURCE / "docs/guides/containers.md").read_text()
        for root in ([], re.search(r"--read-only( --tmpfs /\S+)+", guide)[0].split()):
            done = self.run_image("claude", "--provider", "zai", "--", SHOW_ENVIRONMENT + "; id -un",
                                  more=[*own, *root, *self.one_by_one()])  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout.splitlines()[-1], "agent")
            self.check_token(done.stdout, "ANTHROPIC_AUTH_TOKEN")

    def test_serves_as_any_user_on_a_root_that_cannot_be_written_to(self):
        key = "ZAI_API_KEY=" + KEYS["ZAI_API_KEY"]
        started = self.podman("run", "-d", "--name", "one-user", *RUN, "--user", f"{manifests.ANY_UID}:0", "--read-only",
                              "--tmpfs", "/run/capsule", "--tmpfs", "/tmp", "--tmpfs", "/home/agent:mode=0777",
                              "--cap-drop=ALL", "--security-opt=no-new-privileges", "--env", key, "localhost/my-capsule",
                              "serve")  # fmt: skip
        self.addCleanup(self.podman, "rm", "--force", "--time", "10", "one-user")
        self.assertEqual(started.returncode, 0, started.stderr)
        check = options.config["Healthcheck"]["Test"][1:]
        for _ in range(60):
            if self.podman("exec", "one-user", *check).returncode == 0:
                break
        else:
            self.fail(f"it never was healthy: {self.podman('logs', 'one-user')}")
        done = self.podman("exec", "one-user", "capsulectl", "exec", "claude", "--provider", "zai", "--",
                           SHOW_ENVIRONMENT + "; id -u")  # fmt: skip
        self.assertEqual(done.stdout.splitlines()[-1], str(manifests.ANY_UID), done.stderr)
        self.check_token(done.stdout, "ANTHROPIC_AUTH_TOKEN")
        log = self.podman("logs", "one-user")
        self.assertEqual((log.stdout + log.stderr).count("one user for all"), 1, log)
