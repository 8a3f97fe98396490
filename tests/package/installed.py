#!/usr/bin/env python3
"""Installs capsuled's package in a clean Debian 12, uses it, and takes it away again.

    unshare --mount --propagation private installed.py PACKAGES --work DIR

Twice: in a container without systemd, and beside systemd, whose own tools then look at the units.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

from newcomer import newcomer
from package import find
from root import Root, left_behind
from service import Service

PAGES = {"1": ["capsulectl"], "5": ["capsule.toml"], "8": ["capsuled"]}
UNITS = ["capsuled.service", "capsuled.socket"]


class Test:
    def __init__(self, root: Root, package: Path):
        self.root = root
        self.service = Service(root)
        self.problems = self.service.problems
        shutil.copy(package, root.top / "tmp/capsuled.deb")

    def expect(self, fulfilled: bool, what: str) -> None:
        if not fulfilled:
            self.problems.append(what)

    def install(self) -> None:
        self.root.apt("install", "--no-install-recommends", "/tmp/capsuled.deb")
        self.expect(self.root.run("getent", "group", "capsule") != "", "there is no group capsule")

    def remove(self, before: dict[str, str]) -> None:
        self.root.apt("remove", "capsuled")
        here = self.root.top
        self.expect((here / "etc/capsule/capsule.toml").exists(), "a removal takes the configuration")
        self.expect((here / "var/lib/capsule/auth.toml").exists(), "a removal takes the stored keys")
        self.root.apt("purge", "capsuled")
        self.root.apt("autoremove", "--purge")
        self.problems += [f"a purge leaves {each}" for each in left_behind(before, self.root.snapshot())]
        info = here / "var/lib/dpkg/info"
        self.problems += [f"a purge leaves {each}" for each in info.glob("capsuled*")]

    # ---- what is looked at while it is installed ----

    def programs(self) -> None:
        version = self.root.run("dpkg-query", "--show", "--showformat=${Version}", "capsuled").split("-")[0]
        for program in ("capsulectl", "capsuled"):
            said = self.root.run(program, "--version").strip()
            self.expect(said == f"{program} {version}", f"{program} --version says {said!r}, the package is {version}")
        self.root.run("capsuled", "--check-config")
        self.root.run("bash", "-n", "/usr/share/bash-completion/completions/capsulectl")

    def manuals(self) -> None:
        for section, names in PAGES.items():
            for name in names:
                text = " ".join(self.root.run("man", "--pager=cat", section, name).split())
                self.expect(f" NAME {name} - " in text, f"man {section} {name} shows {text[:200]!r}")

    def units(self) -> None:
        verified = subprocess.run(self.root.command("systemd-analyze", "verify", *UNITS), capture_output=True, text=True)
        self.expect(verified.returncode == 0 and not verified.stderr, f"systemd-analyze verify: {verified.stderr}")
        enabled = {unit: self.enabled(unit) for unit in UNITS}
        self.expect(enabled == {"capsuled.service": "disabled", "capsuled.socket": "enabled"}, f"enabled: {enabled}")

    def enabled(self, unit: str) -> str:
        said = subprocess.run(self.root.command("systemctl", "is-enabled", unit), capture_output=True, text=True)
        return said.stdout.strip()

    def keeps_the_administrators_word(self) -> None:
        """What was switched off stays off, and what was configured stays, when the package is installed again."""
        self.root.run("systemctl", "disable", "capsuled.socket")
        self.root.run("dpkg", "--install", "/tmp/capsuled.deb")
        self.expect(self.enabled("capsuled.socket") == "disabled", "an upgrade switches the socket on again")
        text = (self.root.top / "etc/capsule/capsule.toml").read_text()
        self.expect(text.startswith("[session]\n"), "an upgrade replaces the configuration")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("packages", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}", flush=True)

    root = Root(options.work / "root", options.work / "downloaded")
    root.run("useradd", "--create-home", "agent")
    root.apt("install", "--no-install-recommends", "man-db")
    test = Test(root, find(options.packages, "capsuled"))
    say("a clean root")
    before = root.snapshot()
    test.install()
    test.programs()
    test.manuals()
    test.problems += newcomer(root)
    say("a newcomer's session ran")
    test.service.prepare()
    test.service.run_plainly()
    test.service.clean_up()
    say("used without systemd")
    test.remove(before)
    say("purged")

    root.apt("install", "--no-install-recommends", "systemd")
    before = root.snapshot()
    test.install()
    test.units()
    test.service.prepare()
    test.service.run_confined()
    test.service.run_confined_as_agent()
    test.service.clean_up()
    test.keeps_the_administrators_word()
    say("used beside systemd")
    test.remove(before)
    say("purged")
    print("\n".join(test.problems) or "installed, used, and gone without a trace")
    return 1 if test.problems else 0


if __name__ == "__main__":
    sys.exit(main())
