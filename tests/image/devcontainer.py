"""docker/devcontainer: what devcontainer.json says, done with a container engine and without."""

import json
import os
import re
import shutil
import unittest

import manifests
import podman
from case import AS_INIT, KEYS, SHOW_ENVIRONMENT, ImageTest, options
from storage import SOURCE, Container

FOLDER = SOURCE / "docker/devcontainer/.devcontainer"


def told() -> dict:
    text = (FOLDER / "devcontainer.json").read_text()
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))


def build(base: str, name: str) -> None:
    options.buildah("build", "--isolation", "chroot", "--pull-never", "--format", "docker", "--build-arg", f"BASE={base}",
                    "-t", name, "--file", str(FOLDER / told()["build"]["dockerfile"]), str(FOLDER))  # fmt: skip


class Devcontainer(ImageTest):
    def setUp(self):
        super().setUp()
        build("capsule", "devcontainer")
        self.config = json.loads(options.buildah("inspect", "--type", "image", "devcontainer"))["Docker"]["config"]
        self.container = Container(options.buildah, "devcontainer")
        shutil.copy(SOURCE / "tests/image/agent.sh", self.container.top / "usr/local/bin/claude")

    def test_its_user_starts_sessions_and_sets_no_key(self):
        words = [*self.config["Entrypoint"], *self.config["Cmd"]]
        state = options.scratch / "state"
        state.mkdir(exist_ok=True)
        run = self.container.start(["/usr/bin/setpriv", "--no-new-privs", *words],
                                   [*AS_INIT, f"--volume={state}:/var/lib/capsule"])  # fmt: skip
        self.addCleanup(self.end, run)
        self.wait_until(lambda: self.inside("capsulectl", "status", "--quiet").returncode == 0, "it never served")

        def as_user(user: str, *command: str, text: str | None = None):
            return self.container.run(list(command), ["--user", user], text)

        user = told()["remoteUser"]
        denied = as_user(user, "capsulectl", "auth", "set", "zai", text=KEYS["ZAI_API_KEY"])
        self.assertEqual(denied.returncode, 4, denied.stderr)
        given = as_user("root", "capsulectl", "auth", "set", "zai", text=KEYS["ZAI_API_KEY"])
        self.assertEqual(given.returncode, 0, given.stderr)
        self.assertTrue((state / "auth.toml").exists(), "the volume keeps it")
        done = as_user(user, "capsulectl", "exec", "claude", "--provider", "zai", "--", SHOW_ENVIRONMENT + "; id -un")
        self.assertEqual(done.stdout.splitlines()[-1], user, done.stderr)
        self.check_token(done.stdout, "ANTHROPIC_AUTH_TOKEN")
        asked = as_user(user, "capsulectl", "--json", "spawn", "claude", "--provider", "zai", "--reveal")
        self.assertEqual(asked.returncode, 0, asked.stderr)
        self.assertNotIn("FAKE-", asked.stdout)

    @unittest.skipUnless(shutil.which("podman"), "podman is not installed")
    def test_runs_under_an_engine(self):
        engine = podman.engine()
        build("localhost/my-capsule", "my-devcontainer")
        mounts = [word for mount in told()["mounts"]
                  for word in ("--mount", mount.replace("${devcontainerId}", "tried").replace("${localWorkspaceFolder}", str(FOLDER.parent)))]  # fmt: skip
        started = engine("run", "-d", "--name", "devcontainer", *podman.RUN, *told()["runArgs"], *mounts, "--user",
                         told()["containerUser"], "--workdir", told()["workspaceFolder"], "localhost/my-devcontainer")  # fmt: skip
        self.addCleanup(engine, "rm", "--force", "--volumes", "--time", "10", "devcontainer")
        self.assertEqual(started.returncode, 0, started.stderr)
        self.wait_until(lambda: engine("exec", "devcontainer", "capsulectl", "status", "--quiet").returncode == 0,
                        "it never served")  # fmt: skip
        given = engine("exec", "-i", "devcontainer", "capsulectl", "auth", "set", "zai", text=KEYS["ZAI_API_KEY"])
        self.assertEqual(given.returncode, 0, given.stderr)
        done = engine("exec", "--user", told()["remoteUser"], "devcontainer", "capsulectl", "exec", "claude", "--provider",
                      "zai", "--", SHOW_ENVIRONMENT + "; id -un")  # fmt: skip
        self.assertEqual(done.stdout.splitlines()[-1], told()["remoteUser"], done.stderr)
        self.check_token(done.stdout, "ANTHROPIC_AUTH_TOKEN")

    def test_names_what_there_is(self):
        added = {each.removeprefix("--cap-add=") for each in told()["runArgs"] if each.startswith("--cap-add=")}
        self.assertEqual(added, set(manifests.compose("compose.root.yaml")["services"]["capsule"]["cap_add"]))
        self.assertIs(told()["overrideCommand"], False)
        self.assertEqual(told()["containerUser"], "root")
        targets = [dict(part.split("=", 1) for part in mount.split(",") if "=" in part)["target"]
                   for mount in [*told()["mounts"], told()["workspaceMount"]]]  # fmt: skip
        self.assertIn("/workspace/.devcontainer", targets, "agents may write to the project, and not to what root builds from")
        self.assertIn("type=bind,readonly", next(each for each in told()["mounts"] if "target=/workspace/.devcontainer," in each))
        for target in targets:
            if target.startswith("/workspace/"):
                continue  # in the project
            self.assertTrue((self.container.top / target[1:]).is_dir(), target)
        self.assertEqual(os.path.commonpath(["/workspace", told()["workspaceFolder"]]), "/workspace")
