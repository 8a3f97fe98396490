"""What the image's tests share: the image, a container of it, and keys."""

import argparse
import re
import shutil
import subprocess
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import manifests
import storage

KEYS = {
    "ANTHROPIC_API_KEY": "sk-ant-FAKE-image-0001",
    "ZAI_API_KEY": "FAKE-image-zai-0002",
    "MINIMAX_API_KEY": "sk-cp-FAKE-image-0003",
    "KIMI_CODE_API_KEY": "sk-ki-FAKE-image-0004",
}
TOKEN = r"cst_[\w-]{43}"  # what a session has in place of a key
SHOW_ENVIRONMENT = "run:tr '\\0' '\\n' </proc/$$/environ"
# chroot has no process 1 of its own; in a container engine tini is that.
AS_INIT = ["--env", "TINI_SUBREAPER=1"]
options = argparse.Namespace()  # filled by image_test.py, before any test


def add_agents(container: storage.Container) -> None:
    """Agents that are not real."""
    for agent in ("claude", "codex", "opencode"):
        shutil.copy(storage.SOURCE / "tests/image/agent.sh", container.top / "usr/local/bin" / agent)
    shutil.copy(storage.SOURCE / "tests/support/data/codex_models.json", container.top / "usr/local/share")


class Provider:
    """Z.AI's place on the loopback: answers everybody, and remembers who asked with what."""

    def __init__(self):
        self.credentials: list[str | None] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_) -> None:
                pass

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                provider.credentials.append(self.headers["Authorization"])
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def configure(self, file: Path) -> str:
        """Gives what was in the file before."""
        before = file.read_text()
        file.write_text(f'{before}\n[providers.zai.claude]\nbase_url = "http://127.0.0.1:{self.server.server_port}/api"\n')
        return before

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def as_composed() -> list[str]:
    """buildah's options for the capabilities that compose.root.yaml leaves. (Its --cap-drop=ALL beats every --cap-add.)"""
    left = manifests.compose("compose.root.yaml")["services"]["capsule"]["cap_add"]
    return [f"--cap-drop=CAP_{name}" for name in storage.DEFAULT_CAPABILITIES if name not in left]


class ImageTest(unittest.TestCase):
    def setUp(self):
        self.container = options.container
        # no-new-privileges, as compose.root.yaml has it.
        self.entrypoint = ["/usr/bin/setpriv", "--no-new-privs", *options.config["Entrypoint"]]
        self.secrets = options.scratch / "secrets"
        self.secrets.mkdir(exist_ok=True)
        for name, value in KEYS.items():
            (self.secrets / name).write_text(value + "\n")
        self.set_mode(0o400)

    def provider(self) -> Provider:
        """In Z.AI's place, for this test."""
        provider = Provider()
        self.addCleanup(provider.close)
        file = self.container.top / "etc/capsule/capsule.toml"
        self.addCleanup(file.write_text, provider.configure(file))
        return provider

    def check_token(self, environment: str, name: str) -> None:
        """A session's environment has a token of that name, and no key."""
        self.assertNotIn("FAKE-", environment)
        self.assertEqual(re.findall(rf"^(.*)={TOKEN}$", environment, re.MULTILINE), [name], environment)

    def set_mode(self, mode: int) -> None:
        for name in KEYS:
            (self.secrets / name).chmod(mode)

    def one_by_one(self) -> list[str]:
        """Secrets as Docker mounts them: single files."""
        return [f"--volume={self.secrets}/{name}:/run/secrets/{name}:ro" for name in KEYS]

    def as_folder(self) -> list[str]:
        """Secrets as Kubernetes mounts them: a folder."""
        return [f"--volume={self.secrets}:/run/secrets:ro"]

    def capsule(self, *words: str, more: list[str] | None = None, **given) -> subprocess.CompletedProcess:
        own = [*AS_INIT, *as_composed(), *(self.one_by_one() if more is None else more)]
        done = self.container.run([*self.entrypoint, *words], own, **given)
        self.assertNotIn("FAKE-", done.stderr)
        return done

    def start(self, *words: str, more: list[str] | None = None, **popen) -> subprocess.Popen:
        own = [*AS_INIT, *as_composed(), *(self.one_by_one() if more is None else more)]
        process = self.container.start([*self.entrypoint, *words], own, **popen)
        self.addCleanup(self.end, process)
        return process

    def end(self, process: subprocess.Popen) -> None:
        """Nothing of a test is left for the next one."""
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()

    def inside(self, *words: str) -> subprocess.CompletedProcess:
        """As `docker exec`: beside what runs there already."""
        return self.container.run(list(words), ["--env", "TERM=dumb", *as_composed()])

    def wait_until(self, what, why: str):
        for _ in range(400):
            if found := what():
                return found
            time.sleep(0.05)
        self.fail(why)

    def wait_until_healthy(self) -> None:
        check = options.config["Healthcheck"]["Test"]
        self.assertEqual(check[0], "CMD")
        self.wait_until(lambda: self.inside(*check[1:]).returncode == 0, "it never became healthy")

    def process(self, run: subprocess.Popen, name: str) -> int:
        """The first process below it whose program is that."""
        return self.wait_until(lambda: storage.find_process(run, name), f"there is no {name}")
