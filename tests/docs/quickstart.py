#!/usr/bin/env python3
"""docker/quickstart.sh, as a newcomer runs it, and as one who ends it with Ctrl-C: nothing is left behind.

    quickstart.py ROOT        (what it builds is built already)
"""

import os
import pty
import subprocess
import sys
import tempfile
from pathlib import Path

LIMIT_S = 240
CELLS = [f"{agent} on {provider}" for agent in ("claude", "codex", "opencode")
         for provider in ("anthropic", "openai", "zai", "minimax", "kimi")]  # fmt: skip


def on_terminal(root: Path, temporary: str, interrupt_at: bytes | None) -> tuple[int, str]:
    """Its exit code and all that it showed."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TMPDIR": temporary, "TERM": "xterm"}
    # setsid --ctty: Ctrl-C is this terminal's.
    run = subprocess.Popen(["setsid", "--wait", "--ctty", root / "docker/quickstart.sh"], cwd=root, env=environment,
                           stdin=theirs, stdout=theirs, stderr=theirs)  # fmt: skip
    os.close(theirs)
    seen = b""
    try:
        while more := os.read(ours, 65536):
            seen += more
            if interrupt_at and interrupt_at in seen:
                os.write(ours, b"\x03")
                interrupt_at = None
    except OSError:  # the terminal's last process has ended
        pass
    return run.wait(timeout=LIMIT_S), seen.decode(errors="replace")


def problems(root: Path, interrupt_at: bytes | None) -> list[str]:
    with tempfile.TemporaryDirectory() as temporary:
        code, shown = on_terminal(root, temporary, interrupt_at)
        found = [f"it left {left}" for left in os.listdir(temporary)]
        running = subprocess.run(["pgrep", "-f", f"capsuled --config {temporary}"], capture_output=True, check=False)
        if running.returncode == 0:
            found.append("its daemon still runs")
    if code != (130 if interrupt_at else 0):
        found.append(f"it ended with {code}")
    if "THROW-AWAY" in shown:
        found.append("it shows a key")
    if not interrupt_at:
        wanted = [*CELLS, "capsulectl status", "https://api.z.ai/api/anthropic", "not offered", "==== Done"]
        found += [f"it does not show {each!r}" for each in wanted if each not in shown]
    return [*found, shown] if found else []


def main() -> int:
    root = Path(sys.argv[1])
    found = problems(root, None) + problems(root, b"codex on zai")
    print("\n".join(found) or "it runs, and cleans up after itself")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
