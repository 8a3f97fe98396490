#!/usr/bin/env python3
"""Tries configuration files in the shapes that people have with the real agents, each once. Run by hand.

    tests/e2e/corpus.py              # all of tests/unit/agents/shapes and …/corpus; half an hour; build/release is built
    tests/e2e/corpus.py --only codex # those of one agent

Each file stands in the home (settings.json also in the project) of a session on another provider, whose requests go to
the stand-in. Prints each file with which the session leaves its route (host, path, model, key, other secrets), or does
not start although the agent alone starts, and ends with 1 if there is one. Nothing in the repository is changed.
"""
import argparse
import collections
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = ROOT / "build/release/bin/e2e"
ENDED = re.compile(r"\[ +(OK|FAILED) +\] Documents/Corpus\.\w+/(claude|codex|opencode)_(home|project)_\d+_(\w*).*\(\d+ ms\)")


def tried(pattern: str):
    """(agent, place, name, verdict, what was printed) of each document, as they end."""
    command = [PROGRAM, f"--gtest_filter=Documents/Corpus.*/{pattern}"]
    with subprocess.Popen(command, env={**os.environ, "CAPSULE_E2E_CORPUS": "1"}, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        said: list[str] = []
        for line in run.stdout:
            ended = ENDED.match(line)
            if not ended:
                said = [] if line.startswith("[ RUN") else [*said, line]
                continue
            ok, agent, place, name = ended.groups()
            refused = any("does not start on it" in one for one in said)
            yield agent, place, name, "differs" if ok == "FAILED" else "refused" if refused else "routed", "".join(said)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=["claude", "codex", "opencode"])
    options = parser.parse_args()
    counts: collections.Counter = collections.Counter()
    for agent, place, name, verdict, said in tried(f"{options.only}_*" if options.only else "*"):
        counts[agent, place, verdict] += 1
        if verdict != "routed":
            print(f"{agent}, {place}: {name}: {verdict}\n{said}", flush=True)
    for (agent, place, verdict), count in sorted(counts.items()):
        print(f"{agent}, {place}: {count} {verdict}")
    return 1 if not counts or any(verdict == "differs" for _, _, verdict in counts) else 0


if __name__ == "__main__":
    sys.exit(main())
