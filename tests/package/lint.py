#!/usr/bin/env python3
"""Debian's own judge has nothing to say, and the version is the same everywhere.

    lint.py PACKAGES VERSION
"""

import sys
from pathlib import Path

from package import find, run


def main() -> int:
    folder, version = Path(sys.argv[1]), sys.argv[2]
    packages = [find(folder, name) for name in ("capsuled", "libcapsule-dev")]
    problems = []
    for package in packages:
        packaged = run(["dpkg-deb", "--field", str(package), "Version"]).strip()
        latest = run(["dpkg-parsechangelog", "--file", "cmake/package/debian/changelog", "--show-field", "Version"]).strip()
        if not packaged == latest == f"{version}-{packaged.rpartition('-')[2]}":
            problems.append(f"{package.name} is {packaged}, its changelog's latest {latest}, the project {version}")
    run(["lintian", "--fail-on", "error,warning", "--tag-display-limit", "0", *map(str, packages)])
    print("\n".join(problems) or "lintian has nothing to say")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
