"""The packages that cpack made, and running things."""

import subprocess
from pathlib import Path

COMMAND_LIMIT_S = 600


def run(command: list[str], **options) -> str:
    """Its output. Ends the test when it fails."""
    options = {"stdin": subprocess.DEVNULL, "timeout": COMMAND_LIMIT_S} | options
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise SystemExit(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def find(folder: Path, name: str) -> Path:
    found = list(folder.glob(f"{name}_*.deb"))
    if len(found) != 1:
        raise SystemExit(f"{folder} has {len(found)} packages of {name}: {found}")
    return found[0]


def unpack(package: Path, where: Path) -> Path:
    run(["dpkg-deb", "--extract", str(package), str(where)])
    return where
