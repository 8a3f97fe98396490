#!/usr/bin/env python3
"""What docker/Dockerfile does to build from source would work: the same packages, all the files, the same commands.

    source_test.py CMAKE [unittest's own arguments]

It is not built a second time: what .dockerignore leaves of the repository must be what CMake and cpack need.
"""

import fnmatch
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import storage
from storage import SOURCE

CMAKE = sys.argv[1]


def stage(name: str) -> list[tuple[str, str]]:
    """(instruction, words) of that stage of the Dockerfile."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", (SOURCE / "docker/Dockerfile").read_text(), flags=re.MULTILINE))
    body = re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", text, re.MULTILINE | re.DOTALL)[1]
    return [tuple(line.split(" ", 1)) for line in body.splitlines() if line]


def ignored(name: str) -> bool:
    """Whether .dockerignore, whose patterns are only as hard as these, leaves it out."""
    patterns = [line for line in (SOURCE / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    parts = name.split("/")
    for pattern in patterns:
        if pattern.startswith("**/"):
            if any(fnmatch.fnmatch(part, pattern[3:]) for part in parts):
                return True
        elif name == pattern or name.startswith(pattern + "/"):
            return True
    return False


class BuildFromSource(unittest.TestCase):
    def test_every_base_can_be_named_by_digest(self):
        bases = re.findall(r"^FROM (\S+) AS", (SOURCE / "docker/Dockerfile").read_text(), re.MULTILINE)
        self.assertEqual(bases, ["${BASE}", "${BASE}"], "podman 4.3 does not find a stage that an argument names")

    def test_installs_what_the_build_needs_by_the_same_list(self):
        copied = " ".join(words for name, words in stage("package") if name == "COPY").split()
        for needed in ("tests/install_packages.sh", "tests/packages.txt"):
            self.assertIn(needed, copied, "before it is run")
        self.assertIn(("RUN", '[ "$PACKAGE" = prebuilt ] || tests/install_packages.sh --package'), stage("package"))
        # A tool without which the commands below would fail is on that list.
        done = subprocess.run([SOURCE / "tests/install_packages.sh", "--package"], capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL)  # fmt: skip
        self.assertEqual((done.returncode, done.stdout), (0, ""), "what this machine built with is what the list names")

    def test_configures_from_what_is_copied_and_makes_the_package(self):
        [command] = [words for name, words in stage("package") if name == "RUN" and "cmake" in words]
        configure, *rest = command.partition("; else ")[2].removesuffix("; fi").split(" && ")
        self.assertEqual(rest, ["cd build/release", "cpack -G DEB", "mv capsuled_*.deb /packages/"])
        with tempfile.TemporaryDirectory() as place:
            for name in filter(None, storage.run(["git", "ls-files", "-z"], cwd=SOURCE).split("\0")):
                if not ignored(name) and (SOURCE / name).exists():
                    (Path(place) / name).parent.mkdir(parents=True, exist_ok=True)
                    (Path(place) / name).symlink_to(SOURCE / name)
            self.assertTrue((Path(place) / "LICENSE").exists())
            storage.run([CMAKE, *configure.split()[1:]], cwd=place)
            config = (Path(place) / "build/release/CPackConfig.cmake").read_text()
            self.assertTrue(f'"{place}/build/release;capsuled;ALL;/"' in config, "cpack knows what to install")
            listed = storage.run(["ninja", "-C", f"{place}/build/release", "-t", "query", "packaged"])
            self.assertIn("capsulectl", listed)

    def test_leaves_out_what_a_working_copy_has_besides(self):
        for name in (".git", "build/release", "tests/e2e/node_modules", "tests/docs/__pycache__", "docker/secrets/KEY"):
            self.assertTrue(ignored(name), name)
        self.assertFalse(ignored("packages/capsuled_0_amd64.deb"))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
