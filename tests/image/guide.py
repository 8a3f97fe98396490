"""The container commands of README.md and docs/guides/containers.md, carried out without a container engine."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import manifests
import storage
from composed import Compose
from storage import SOURCE, Container

sys.path.append(str(SOURCE / "tests/docs"))

import blocks  # noqa: E402

PAGES = ("README.md", "docs/guides/containers.md")
FLAGS = {"--rm", "-it", "-i", "-t", "-d", "--read-only"}
WITH_VALUE = {"-v", "-e", "--name", "--cap-drop", "--cap-add", "--security-opt", "--tmpfs"}


class Engine:
    """docker and kubectl, as far as the page needs them. Anything else is an error of the page, or of this."""

    def __init__(self, container: Container, entrypoint: list[str], top: Path):
        self.container = container
        self.entrypoint = entrypoint
        self.top = top  # where the page's commands are run
        self.running: dict[str, subprocess.Popen] = {}
        self.cluster_keys: list[str] = []

    def run(self, command: str) -> tuple[int, str]:
        words = shlex.split(command, comments=True)
        match words:
            case ["docker", "build", *rest]:
                return self.build(rest)
            case ["docker", "run", *rest]:
                return self.start(*self.options(rest))
            case ["docker", "exec", "-it", name, *rest]:
                assert name in self.running, f"{name} does not run"
                return self.inside(rest)
            case ["docker", "stop", name]:
                return self.stop(name)
            case ["docker", "compose", "-f", file, *rest]:
                done = Compose(self.top)(file, *rest)
                return done.returncode, done.stdout + done.stderr
            case ["kubectl", "create", "secret", "generic", name, *files]:
                [keys] = [each for each in manifests.pod("root")["volumes"] if "projected" in each]
                assert name == keys["projected"]["sources"][0]["secret"]["name"], name
                self.cluster_keys = [file.removeprefix("--from-file=") for file in files]
                assert all((self.top / file).is_file() for file in self.cluster_keys), files
                return 0, ""
            case ["kubectl", "apply", "-k", folder]:
                return self.apply(folder)
            case ["kubectl", "exec", "-it", "deploy/capsule", "-c", "capsule", "--", *rest]:
                return self.inside(rest)
            case ["kubectl", "delete", "-k", folder]:
                assert (SOURCE / folder).is_dir(), folder
                return self.stop("capsule")
            case ["docker" | "kubectl", *_]:
                raise AssertionError(f"tests/image/guide.py does not know: {command}")
        # The tests are root, and need no sudo for it.
        done = subprocess.run(["bash", "-ec", 'sudo() { "$@"; }\n' + command], cwd=self.top, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def build(self, words: list[str]) -> tuple[int, str]:
        assert words[:1] == ["-f"] and (SOURCE / words[-1]).is_dir(), words
        assert (SOURCE / words[1]).exists(), words[1]
        return 0, ""

    def apply(self, folder: str) -> tuple[int, str]:
        place = SOURCE / folder
        assert place.is_dir() and place.parent == SOURCE / "docker/kubernetes/overlays", folder
        mounts = [f"{self.top}/{file}:/run/secrets/{Path(file).name}:ro" for file in self.cluster_keys]
        given = {"-d": [""], "--name": ["capsule"], "-v": mounts}
        return self.start(given, manifests.pod(place.name)["containers"][0]["args"])

    def options(self, words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
        given: dict[str, list[str]] = {}
        while words[0].startswith("-"):
            name = words.pop(0)
            assert name in FLAGS | WITH_VALUE, f"docker run {name}"
            given.setdefault(name, []).append(words.pop(0) if name in WITH_VALUE else "")
        assert words.pop(0) in ("capsule", "my-capsule")
        return given, words

    def start(self, given: dict[str, list[str]], words: list[str]) -> tuple[int, str]:
        own = ["--env", "TINI_SUBREAPER=1"]
        for value in given.get("-v", []):
            source, _, rest = value.replace("$PWD", str(self.top)).partition(":")
            if "/" not in source:  # a volume of the engine's
                source = str(self.top / "volumes" / source)
                Path(source).mkdir(parents=True, mode=0o700, exist_ok=True)
            assert Path(source).exists(), f"{value}: {source} is not there"
            own.append(f"--volume={source}:{rest}")
        for value in given.get("-e", []):
            own += ["--env", value if "=" in value else f"{value}=FAKE-guide-{value}"]
        if given.get("--cap-drop") == ["ALL"]:
            left = given["--cap-add"]
            own += [f"--cap-drop=CAP_{name}" for name in storage.DEFAULT_CAPABILITIES if name not in left]
        if "-d" not in given:
            done = self.container.run([*self.entrypoint, *words], own)
            return done.returncode, done.stdout + done.stderr
        [name] = given["--name"]
        self.running[name] = self.container.start([*self.entrypoint, *words], own)
        for _ in range(100):
            if self.inside(["capsulectl", "status", "--quiet"])[0] == 0:
                return 0, ""
        return 1, f"{name} did not become healthy"

    def inside(self, words: list[str]) -> tuple[int, str]:
        done = self.container.run(words)
        return done.returncode, done.stdout + done.stderr

    def kill(self) -> None:
        for process in self.running.values():
            process.kill()
            process.communicate()

    def stop(self, name: str) -> tuple[int, str]:
        process = self.running[name]
        os.kill(storage.find_process(process, "tini"), signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        del self.running[name]
        return process.returncode, errors


def page_problems(engine: Engine, page: str) -> list[str]:
    """Runs the page's shell-session blocks as one; each command must succeed."""
    problems, ran = [], 0
    for block in blocks.blocks_of(blocks.read_lines(SOURCE / page)):
        if block.language != "shell-session":
            continue
        for step in blocks.steps_of(block, "$ ", "> "):
            ran += 1
            try:
                code, output = engine.run(step.given)
            except AssertionError as wrong:
                code, output = 1, str(wrong)
            if code != 0:
                problems.append(f"{page}:{step.first}: `{step.given}` ended with {code}:\n{output}")
    return problems if ran > 2 else [f"only {ran} commands were found in {page}"]
