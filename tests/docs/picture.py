#!/usr/bin/env python3
"""The README's picture, docs/terminal.svg: what capsulectl shows in a real terminal (tmux).

    picture.py ROOT --capsuled F --capsulectl F --models F [--write]

Compares the picture with what the programs show now, or writes it. Needs root, so that the same user is in it everywhere.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from html import escape
from pathlib import Path

from sandbox import Sandbox

SKIPPED = 77  # ctest's SKIP_RETURN_CODE
COLUMNS, ROWS = 100, 26
CELL_WIDTH, CELL_HEIGHT, MARGIN = 8.4, 18, 16
COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341"}
BACKGROUND, FOREGROUND, DIM = "#0d1117", "#e6edf3", "#8b949e"
LIMIT_S = 30
# What differs from run to run.
NEUTRAL = [(r"pid \d+, up [^\n]*", "pid 4711, up 5 h 12 min"), (r"loaded \S+Z", "loaded 2026-11-23T06:00:00Z"),
           (r"\d+ requests, \d+ with errors; \d+ of", "17 requests, 0 with errors; 1 of")]  # fmt: skip
COLOURS_OFF = re.compile(r"\x1b\[[0-9;]*m")
PIECE = re.compile(r"\x1b\[([0-9;]*)m|([^\x1b]+)")


class Terminal:
    def __init__(self, sandbox: Sandbox):
        self.sandbox = sandbox
        self.socket = sandbox.top / "tmux"
        shell = ["/usr/bin/env", "-i", "PS1=$ ", "TERM=screen-256color", f"CAPSULE_SOCKET={sandbox.socket}",
                 f"STATE_DIRECTORY={sandbox.top}/home/state", *(f"{k}={v}" for k, v in sandbox.environment.items()),
                 "/bin/sh"]  # fmt: skip
        configuration = sandbox.top / "tmux.conf"
        configuration.write_text("set -g status off\nset -g escape-time 0\nset -g default-terminal screen-256color\n")
        self._tmux("-f", str(configuration), "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), "-c",
                   str(sandbox.top / "home/project"), *shell)  # fmt: skip

    def _tmux(self, *words: str) -> str:
        command = ["/usr/bin/tmux", "-u", "-S", str(self.socket), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, env={"LC_ALL": "C.UTF-8"}).stdout

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", f"clear; {text}")

    def show(self, command: str, until: str) -> list[str]:
        """What the command printed, once the prompt is back."""
        self.type(command)
        return self.press("Enter", until, prompt=True)

    def press(self, key: str, until: str, prompt: bool = False) -> list[str]:
        """The screen, once it has `until` on it and stays as it is."""
        self._tmux("send-keys", key)
        limit = time.monotonic() + LIMIT_S
        before = ""
        while True:
            screen = self._tmux("capture-pane", "-p", "-e")
            plain = COLOURS_OFF.sub("", screen).rstrip()
            ready = until in plain and (not prompt or plain.rpartition("\n")[2] == "$")
            if ready and screen == before:
                return self._neutral(screen)
            if time.monotonic() > limit:
                raise SystemExit(f"the terminal never showed {until!r}:\n{screen}")
            before = screen
            time.sleep(0.2)

    def _neutral(self, screen: str) -> list[str]:
        for real, page in self.sandbox._names():
            screen = screen.replace(real, page)
        for pattern, text in NEUTRAL:
            screen = re.sub(pattern, text, screen)
        return [line for line in screen.rstrip("\n").split("\n") if not COLOURS_OFF.sub("", line).startswith("$")]

    def close(self) -> None:
        self._tmux("kill-server")


def drawn(line: str, y: float) -> str:
    """One line of the screen, with its colours."""
    shapes, texts, column, bold, dim, reverse, colour = [], [], 0, False, False, False, None
    for codes, text in PIECE.findall(line):
        if not text:
            for code in codes.split(";") or ["0"]:
                if code in ("", "0"):
                    bold = dim = reverse = False
                    colour = None
                elif code in ("1", "2", "7"):
                    bold, dim, reverse = bold or code == "1", dim or code == "2", reverse or code == "7"
                elif code in COLOURS:
                    colour = COLOURS[code]
                elif code == "39":
                    colour = None
            continue
        fill = colour or (DIM if dim else FOREGROUND)
        x = MARGIN + column * CELL_WIDTH
        if reverse:
            width = len(text) * CELL_WIDTH
            shapes.append(f'<rect x="{x:.1f}" y="{y - 13:.0f}" width="{width:.1f}" height="{CELL_HEIGHT}" fill="{fill}"/>')
            fill = BACKGROUND
        if text.strip():
            weight = ' font-weight="bold"' if bold else ""
            shown = text.rstrip()
            length = f' textLength="{len(shown) * CELL_WIDTH:.1f}" lengthAdjust="spacingAndGlyphs"'
            texts.append(f'<text x="{x:.1f}" y="{y:.0f}" fill="{fill}"{weight}{length}>{escape(shown, quote=False)}</text>')
        column += len(text)
    return "\n".join(shapes + texts)


def picture(screens: list[tuple[str, list[str]]]) -> str:
    parts, y = [], MARGIN + 12
    for command, lines in screens:
        for line in [f"\x1b[1m$ {command}\x1b[0m", *lines, ""]:
            if shapes := drawn(line, y):
                parts.append(shapes)
            y += CELL_HEIGHT
    width, height = int(COLUMNS * CELL_WIDTH + 2 * MARGIN), y - CELL_HEIGHT + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="ui-monospace,Menlo,Consolas,monospace" font-size="14" xml:space="preserve">\n'
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def without_empty_ends(lines: list[str]) -> list[str]:
    plain = [COLOURS_OFF.sub("", line).strip() for line in lines]
    last = max(i for i, line in enumerate(plain) if line)
    return lines[: last + 1]


def screens(sandbox: Sandbox) -> list[tuple[str, list[str]]]:
    terminal = Terminal(sandbox)
    try:
        terminal.type("capsulectl exec claude")
        terminal.press("Enter", "Esc: cancel")
        picker = terminal.press("Down", "> Z.AI")
        terminal.press("Enter", "$", prompt=True)
        # Where the session goes: the agent itself needs its provider.
        route = terminal.show("capsulectl explain claude --provider zai", "--all")
        # The versions come from the agents themselves, soon after the first question.
        for _ in range(100):
            status = terminal.show("capsulectl status", "BINARY")
            if not any("not known yet" in line for line in status):
                break
            time.sleep(0.1)
        return [
            ("capsulectl exec claude", without_empty_ends(picker)),
            ("capsulectl explain claude --provider zai", without_empty_ends(route)),
            ("capsulectl status", without_empty_ends(status)),
        ]
    finally:
        terminal.close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    for name in ("--capsuled", "--capsulectl", "--models"):
        parser.add_argument(name, required=True)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("needs root")
        return SKIPPED
    keys = {"ZAI_API_KEY": "FAKE-zai-key-0001", "MINIMAX_API_KEY": "sk-cp-FAKE-minimax-0002"}
    sandbox = Sandbox({"capsuled": options.capsuled, "capsulectl": options.capsulectl}, Path(options.models), keys)
    try:
        now = picture(screens(sandbox))
    finally:
        problems = sandbox.close()
    file = options.root / "docs/terminal.svg"
    if options.write:
        file.write_text(now)
    elif not file.exists() or file.read_text() != now:
        problems.append("docs/terminal.svg is not what the programs show: run tests/docs/picture.py … --write")
    print("\n".join(problems) or "the picture is what the programs show")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
