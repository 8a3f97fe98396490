"""Somebody who has just installed the package, and has no key, does what `capsulectl auth` says, word for word."""

import re
import signal
import subprocess
import time

from package import run
from root import Root

LIMIT_S = 60
KEY = "FAKE-newcomer-key-0002"
AGENT = """#!/bin/sh
[ "$1" = --version ] && echo 2.1.197 && exit
echo "STARTED ${0##*/} on $CAPSULE_PROVIDER"
"""


class Terminal:
    """A shell in the root, in a tmux of its own, whose screen is read until it shows what it should."""

    def __init__(self, root: Root):
        self.socket = root.top / "tmp/tmux.sock"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "110", "-y", "60",
                  *root.command("TERM=screen-256color", "PS1=$((n+=1))$ ", "sh"))  # fmt: skip
        self.prompts = 0

    def tmux(self, *words: str) -> str:
        return run(["tmux", "-u", "-S", str(self.socket), *words])

    def wait_for(self, text: str) -> str:
        end = time.monotonic() + LIMIT_S
        while text not in (screen := self.tmux("capture-pane", "-p")):
            if time.monotonic() > end:
                raise SystemExit(f"waited in vain for {text!r}; the screen is:\n{screen}")
            time.sleep(0.05)
        return screen

    def type(self, text: str, enter: bool = True) -> None:
        self.tmux("send-keys", "-l", "--", text)
        if enter:
            self.tmux("send-keys", "Enter")

    def run(self, command: str) -> None:
        self.prompts += 1
        self.wait_for(f"{self.prompts}$")
        self.type(command)

    def close(self) -> None:
        subprocess.run(["tmux", "-S", str(self.socket), "kill-server"], check=False)


def follow(terminal: Terminal) -> list[str]:
    """Gives what is wrong."""
    terminal.run("capsulectl auth")
    page = terminal.wait_for("From here to a session:")
    store, start = re.findall(r"^ +\d\. +(capsulectl .*?)(?:  |$)", page, re.MULTILINE)
    provider = re.search(r"such as (\w+):", page)[1]

    terminal.run(store.replace("PROVIDER", provider))
    terminal.wait_for("it does not show")
    terminal.type(KEY)
    terminal.wait_for("New sessions use it")
    terminal.run(start)
    terminal.wait_for("which provider?")  # there is one agent, so nothing to choose
    terminal.type(provider, enter=False)
    terminal.wait_for("1 of ")
    terminal.tmux("send-keys", "Enter")
    terminal.wait_for(f"STARTED claude on {provider}")
    shown = terminal.tmux("capture-pane", "-p", "-S", "-")
    return ["a key is on the screen"] if "FAKE-" in shown else []


def newcomer(root: Root) -> list[str]:
    """With the package installed and nothing configured. Gives what is wrong."""
    agent = root.top / "usr/bin/claude"
    agent.write_text(AGENT)
    agent.chmod(0o755)
    daemon = subprocess.Popen(root.command("capsuled"), stderr=subprocess.PIPE, text=True)
    terminal = Terminal(root)
    try:
        terminal.run("until capsulectl status --quiet; do sleep 0.1; done 2>/dev/null; clear")
        return follow(terminal)
    except SystemExit as failure:
        return [f"a newcomer {failure}"]
    finally:
        terminal.close()
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=30)
        agent.unlink()
