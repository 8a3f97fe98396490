#!/usr/bin/env python3
"""The end-to-end tests of an agent, with versions of it that people still have. Run by hand, with npm's registry.

    tests/e2e/older.py                # those of VERSIONS; build/release must be built
    tests/e2e/older.py codex@0.150.0  # another one

Prints how many tests passed with each version, and those that did not; ends with 1 if one did not that should. What was
measured on which version is in docs/agents.md. Nothing in the repository is changed.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from drift import HERE, ROOT, npm

PACKAGES = {"claude": "@anthropic-ai/claude-code", "codex": "@openai/codex"}
VERSIONS = ["claude@2.1.197", "codex@0.136.0", "codex@0.149.0", "codex@0.155.0", "codex@0.161.0",
            "codex@0.169.0"]
TESTS = {"claude": "Cells/CellTest.*/claude_*:Tiers/*:SideCalls.*:Helpers.*:HeldVariables.*:Windows/*/claude_*"
                   ":ProjectSettingsTest.*Claude*:Pins.*Claude*",
         "codex": "Cells/CellTest.*/codex_*:Windows/*/codex_*:Pins.Codex*"}
# What does not hold there, and why.
UNTRUSTED = {"HoldsInAHostileRepository/codex_openai": "takes an untrusted project's model, on its own account"}
KNOWN = {f"codex@{version}": UNTRUSTED for version in ("0.149.0", "0.155.0", "0.161.0")} | {
    "codex@0.136.0": UNTRUSTED | {
        "Pins.CodexAsksForNoOtherModel": "does not start on agents.default_subagent_model, whoever sets it"}}


def install(agent: str, version: str, folder: Path) -> Path:
    """A folder of programs: this version of the agent, the others as they are pinned."""
    npm("install", "--no-audit", "--no-fund", "--prefix", str(folder), f"{PACKAGES[agent]}@{version}", cwd=folder)
    programs = folder / "programs"
    programs.mkdir()
    for name in ("claude", "codex", "opencode"):
        at = folder if name == agent else HERE
        (programs / name).symlink_to((at / "node_modules/.bin" / name).resolve())
    return programs


def failed_of(agent: str, programs: Path) -> tuple[int, list[str]]:
    """How many tests passed, and the names of the others."""
    run = subprocess.run([ROOT / "build/release/bin/e2e", f"--gtest_filter={TESTS[agent]}"], text=True, errors="replace",
                         env={**os.environ, "CAPSULE_E2E_AGENTS": str(programs)}, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    ended = re.findall(r"^\[ +(OK|FAILED) +\] (\S+?),? .*\(\d+ ms\)$", run.stdout, re.MULTILINE)
    if not ended:
        raise SystemExit(run.stdout)
    return sum(how == "OK" for how, _ in ended), [name for how, name in ended if how == "FAILED"]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("versions", nargs="*", default=VERSIONS)
    unknown = 0
    for each in parser.parse_args().versions:
        agent, _, version = each.partition("@")
        with tempfile.TemporaryDirectory() as folder:
            passed, failed = failed_of(agent, install(agent, version, Path(folder)))
        print(f"{each}: {passed} passed, {len(failed)} failed", flush=True)
        for name in failed:
            why = next((why for part, why in KNOWN.get(each, {}).items() if part in name), None)
            unknown += why is None
            print(f"  {name}: {why or 'not known'}", flush=True)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
