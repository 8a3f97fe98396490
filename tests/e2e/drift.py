#!/usr/bin/env python3
"""What has moved since the catalog and the end-to-end tests were last looked at. Run by hand, with npm's registry.

    tests/e2e/drift.py            # newer agents, and the catalog against what an official package knows of the models
    tests/e2e/drift.py --matrix   # the end-to-end tests on the newest agents too (build/release must be built)

Prints what differs and ends with 1 if anything does. Nothing in the repository is changed.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Kimi's own command has a whole copy of the models.dev catalog in it, as one string.
WITNESS, WITNESS_FILE = "@moonshot-ai/kimi-code", "dist/main.mjs"
PLANS = {"zai": "zai-coding-plan", "minimax": "minimax-coding-plan", "kimi": "kimi-code-plan-cn"}
# Where the catalog says another thing on purpose.
KNOWN = {("minimax", "MiniMax-M3", "context_window"): "MiniMax's own command says 1000000",
         ("kimi", "kimi-for-coding", "context_window"): "the membership decides; the least of them"}


def npm(*words: str, cwd: Path) -> str:
    return subprocess.run(["npm", *words], cwd=cwd, check=True, capture_output=True, text=True).stdout


def newer_agents() -> tuple[list[str], dict[str, str]]:
    pinned = json.loads((HERE / "package.json").read_text())["dependencies"]
    newest = {name: json.loads(npm("view", name, "version", "--json", cwd=HERE)) for name in pinned}
    return [f"{name}: {newest[name]} is out, the tests take {version}"
            for name, version in pinned.items() if newest[name] != version], newest


def models_dev(folder: Path) -> dict:
    npm("install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder), WITNESS, cwd=folder)
    text = (folder / "node_modules" / WITNESS / WITNESS_FILE).read_text(errors="replace")
    inside = text.index('\\"zai-coding-plan\\":{')
    start = text.rindex('"{', 0, inside)
    end = re.compile(r'(?<!\\)"').search(text, start + 1).end()
    return json.loads(json.loads(text[start:end]))


def ours_of(model: dict) -> dict:
    return {"context_window": model.get("context_window"), "max_output": model.get("max_output"),
            "input": model.get("input"), "reasoning": bool(model.get("reasoning", "reasoning_levels" in model))}


def theirs_of(model: dict) -> dict:
    return {"context_window": model["limit"]["context"], "max_output": model["limit"]["output"],
            "input": model["modalities"]["input"], "reasoning": model["reasoning"]}


def catalog_differences(known: dict) -> list[str]:
    providers = tomllib.loads((ROOT / "daemon/catalog/providers.toml").read_text())["providers"]
    found = []
    for provider, plan in PLANS.items():
        ours, theirs = providers[provider]["models"], known[plan]["models"]
        found += [f"{provider}: {name} is new" for name in theirs if name not in ours]
        found += [f"{provider}: {name} is no longer in the plan" for name in ours if name not in theirs]
        for name in sorted(ours.keys() & theirs.keys()):
            mine, other = ours_of(ours[name]), theirs_of(theirs[name])
            for field in mine:
                if mine[field] == other[field]:
                    continue
                why = KNOWN.get((provider, name, field))
                line = f"{provider}: {name}: {field} is {other[field]}, the catalog has {mine[field]}"
                found.append(f"{line} ({why})" if why else line)
    return found


def matrix(newest: dict[str, str], folder: Path) -> list[str]:
    packages = [f"{name}@{version}" for name, version in newest.items()]
    npm("install", "--no-audit", "--no-fund", "--prefix", str(folder), *packages, cwd=folder)
    program = ROOT / "build/release/bin/e2e"
    agents = {**os.environ, "CAPSULE_E2E_AGENTS": str(folder / "node_modules/.bin")}
    run = subprocess.run([program], env=agents, capture_output=True, text=True)
    return [line for line in run.stdout.splitlines() if line.startswith("[  FAILED  ] ")] if run.returncode else []


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--matrix", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        lines, newest = newer_agents()
        lines += catalog_differences(models_dev(folder))
        if options.matrix:
            lines += matrix(newest, folder)
    print("\n".join(lines) or "nothing has moved")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
