#!/usr/bin/env python3
"""The C++ of the launchers' guide, built against the installed files of libcapsule-dev, asks a daemon.

    client.py PACKAGES --capsuled F --capsulectl F
"""

import argparse
import sys
import tempfile
from pathlib import Path

from package import find, run, unpack

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.append(str(HERE.parent / "docs"))

from sandbox import Sandbox  # noqa: E402


def build(installed: Path, work: Path) -> Path:
    source = work / "launcher.cpp"
    run([sys.executable, "-B", str(ROOT / "tests/docs/extract.py"), str(ROOT / "docs/guides/launchers.md"), "cpp", str(source)])
    run(["cmake", "-G", "Ninja", "-S", str(HERE / "example"), "-B", str(work / "build"), f"-DSOURCE={source}",
         f"-DCMAKE_PREFIX_PATH={installed}/usr", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror"])  # fmt: skip
    run(["cmake", "--build", str(work / "build")])
    return work / "build/launcher"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("packages", type=Path)
    parser.add_argument("--capsuled", required=True)
    parser.add_argument("--capsulectl", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        installed = unpack(find(options.packages, "libcapsule-dev"), work / "installed")
        launcher = build(installed, work)
        programs = {"capsuled": options.capsuled, "capsulectl": options.capsulectl}
        models = ROOT / "tests/support/data/codex_models.json"
        sandbox = Sandbox(programs, models, {"MINIMAX_API_KEY": "sk-cp-FAKE-client-0001"})
        code, output = sandbox.run(f'"{launcher}"')
        problems = sandbox.close()
    if code != 0 or not output.startswith("Codex (MiniMax): codex -m MiniMax-M3"):
        problems.append(f"the launcher ended with {code}:\n{output}")
    print("\n".join(problems) or output.strip()[:100])
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
