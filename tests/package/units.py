#!/usr/bin/env python3
"""systemd's own tools on the units: valid, and as closed as promised. Without a systemd that runs.

    units.py PACKAGES

(Manual pages and programs that the units name: installed.py.)
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from package import find, unpack

# Tenths of systemd's exposure level.
MOST_FOR_ANOTHER_USERS_HOME = 26  # AF_NETLINK: the broker asks the kernel whose a connection is
MOST_FOR_ITS_OWN_USER = 16
DROP_IN = "usr/share/doc/capsuled/examples/single-user.conf"


def exposure(top: Path, most: int, what: str) -> list[str]:
    command = ["systemd-analyze", "security", "--no-pager", f"--root={top}", "--offline=yes", f"--threshold={most}",
               "capsuled.service"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    level = done.stdout.strip().splitlines()[-1] if done.stdout else done.stderr
    print(f"{what}: {level.strip()}")
    if done.returncode == 0:
        return []
    return [f"{what} is more open than {most / 10}:\n{done.stdout}{done.stderr}"]


def invalid(top: Path, what: str) -> list[str]:
    command = ["systemd-analyze", "verify", "--man=no", f"--root={top}", "capsuled.service", "capsuled.socket"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [f"{what}: {done.stdout}{done.stderr}"] if done.returncode != 0 or done.stderr else []


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        top = unpack(find(Path(sys.argv[1]), "capsuled"), Path(folder))
        (top / "bin").symlink_to("/bin")  # of ExecReload=
        for target in Path("/lib/systemd/system").glob("*.target"):
            shutil.copy(target, top / "lib/systemd/system")
        problems = invalid(top, "the units") + exposure(top, MOST_FOR_ANOTHER_USERS_HOME, "for another user's home")
        places = top / "etc/systemd/system/capsuled.service.d"
        places.mkdir(parents=True)
        os.link(top / DROP_IN, places / "single-user.conf")
        problems += invalid(top, "with the drop-in") + exposure(top, MOST_FOR_ITS_OWN_USER, "for its own user's home")
    print("\n".join(problems) or "the units are valid and closed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
