#!/usr/bin/env python3
"""Builds the capsule image from docker/Dockerfile, with a package that is there already, and runs what it is for.

    image_test.py PACKAGES --work FOLDER --debs FOLDER [unittest's own arguments]

Needs root: without, it is skipped.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import storage
from agents import Agents  # noqa: F401
from case import add_agents, options
from composed import Composed  # noqa: F401
from devcontainer import Devcontainer  # noqa: F401
from podman import Podman  # noqa: F401
from session import OneUser, Serving, Session, Start  # noqa: F401
from storage import Buildah, Container, package
from terminal import Terminal  # noqa: F401
from written import Guide, Manifests  # noqa: F401

NO_ROOT = 77  # ctest: skipped


def prepare() -> None:
    """The image, and a container of it with agents that are not real."""
    options.scratch.mkdir(parents=True, exist_ok=True)
    storage.run(["mount", "-t", "tmpfs", "tmpfs", str(options.short)])
    storage.have_null_device_of_its_own(options.scratch / "null")
    # vfs works everywhere, and copies every file for every layer.
    driver = "overlay" if storage.has_overlay(options.scratch) else "vfs"
    options.buildah = Buildah(options.scratch, options.short, driver)
    base = options.work / "base.tar"
    timed("base", lambda: storage.make_base(base, options.scratch / "base", options.debs))
    timed("import", lambda: options.buildah.import_base(base))
    place = storage.context(options.scratch / "context", package.find(options.packages, "capsuled"))
    timed("image", lambda: options.buildah.build(place, "capsule", "--build-arg", "PACKAGE=prebuilt", "--file",
                                                 str(place / "docker/Dockerfile")))  # fmt: skip
    options.config = json.loads(options.buildah("inspect", "--type", "image", "capsule"))["Docker"]["config"]
    options.container = Container(options.buildah, "capsule")
    add_agents(options.container)


def timed(what: str, act) -> None:
    began = time.monotonic()
    act()
    print(f"{what}: {time.monotonic() - began:.1f} s", file=sys.stderr)


def in_mounts_of_its_own() -> int:
    """Runs this test again, with mounts and process ids that go with it. Gives its exit code."""
    before = owner_and_mode(os.devnull)
    # podman refuses a runroot of more than 50 characters, so it is not in the build folder.
    with tempfile.TemporaryDirectory(prefix="capsule-", dir="/tmp") as short:
        # What an engine leaves running ends with the tests.
        alone = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
        words = ["setpriv", "--pdeathsig", "KILL", "unshare", *alone, sys.executable, "-B", __file__, "--short", short,
                 *sys.argv[1:]]  # fmt: skip
        code = subprocess.run(words, check=False).returncode
        shutil.rmtree(options.scratch, ignore_errors=True)
    if owner_and_mode(os.devnull) != before:
        print(f"{os.devnull} was changed: {before} before, {owner_and_mode(os.devnull)} now", file=sys.stderr)
        return 1
    return code


def owner_and_mode(path: str) -> tuple[int, int, str]:
    status = os.stat(path)
    return status.st_uid, status.st_gid, oct(status.st_mode)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("packages", type=Path, help="the folder with the package")
    parser.add_argument("--work", type=Path, required=True, help="a folder of this test's own")
    parser.add_argument("--debs", type=Path, required=True, help="keeps what was downloaded")
    parser.add_argument("--short", type=Path, help="a folder with a short path; the mounts are its own already")
    _, rest = parser.parse_known_args(namespace=options)
    if os.geteuid() != 0:
        print("needs root to build an image without a container engine")
        sys.exit(NO_ROOT)
    options.scratch = options.work / "scratch"  # on the disk: the agents are large
    if not options.short:
        sys.exit(in_mounts_of_its_own())
    prepare()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)


if __name__ == "__main__":
    main()
