"""A clean Debian 12 in a folder, from the archive that this machine's own apt uses.

Needs root, and a mount namespace of the caller's own: all of it is in memory and goes with that namespace.
"""

import hashlib
import os
import re
import shutil
from pathlib import Path

from package import run

RELEASE = "bookworm"
# What apt and dpkg keep for themselves, caches, and the backups of the password files.
TRANSIENT = re.compile(
    r"/(proc|sys|dev|tmp|run/(lock|systemd)|root/\.|etc/ld\.so\.cache|etc/[\w.]+-$|var/cache|var/log|var/lib/(apt|dpkg))(/|$)|.*-$"
)


def archive() -> list[tuple[str, str, str]]:
    """(site, suite, component) of each part of Debian 12 that apt is told to use."""
    ask = ["apt-get", "indextargets", "--format", "$(CODENAME) $(SITE) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    known = run(ask)
    if RELEASE not in known:
        run(["apt-get", "--quiet", "update"])
        known = run(ask)
    parts = [tuple(line.split()[1:]) for line in known.splitlines() if line.startswith(RELEASE)]
    if not parts:
        raise SystemExit(f"apt is not told where {RELEASE} is: this test needs a Debian 12 machine")
    return sorted(set(parts))


class Root:
    """`top` is where it is seen; `cache` keeps what was downloaded and made of it, for the next one."""

    def __init__(self, top: Path, cache: Path):
        self.top = top
        top.mkdir(parents=True, exist_ok=True)
        run(["mount", "-t", "tmpfs", "-o", "size=2g,mode=0755", "tmpfs", str(top)])
        parts = archive()
        site = next(site for site, suite, component in parts if suite == RELEASE and component == "main")
        cache.mkdir(parents=True, exist_ok=True)
        proxy = run(["apt-config", "dump", "--no-empty", "Acquire::http::Proxy", "Acquire::https::Proxy"])
        own = dict(os.environ)
        for kind, address in re.findall(r'Acquire::(https?)::Proxy "(http[^"]*)";', proxy):
            own[f"{kind}_proxy"] = address
        fresh = cache / "fresh.tar"
        if fresh.exists():
            run(["tar", "-C", str(top), "-xpf", str(fresh)])
        else:
            run(["debootstrap", "--variant=minbase", f"--cache-dir={cache.resolve()}", RELEASE, str(top), site], env=own)
            run(["tar", "--one-file-system", "-C", str(top), "-cf", f"{fresh}.new", "."])
            Path(f"{fresh}.new").rename(fresh)
        lines = [f"deb {site} {suite} {component}\n" for site, suite, component in parts]
        (top / "etc/apt/sources.list").write_text("".join(lines))
        (top / "etc/apt/apt.conf.d/proxy").write_text(proxy)
        for name in ("etc/resolv.conf", "etc/hosts"):
            shutil.copy(f"/{name}", top / name)
        run(["mount", "--bind", str(cache), str(top / "var/cache/apt/archives")])
        run(["mount", "-t", "proc", "proc", str(top / "proc")])
        self.apt("update")

    def command(self, *words: str) -> list[str]:
        return ["chroot", str(self.top), "/usr/bin/env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
                "DEBIAN_FRONTEND=noninteractive", "HOME=/root", *words]  # fmt: skip

    def run(self, *words: str) -> str:
        return run(self.command(*words))

    def apt(self, *words: str) -> str:
        return self.run("apt-get", "--quiet", "--yes", "-o", "APT::Keep-Downloaded-Packages=true", *words)

    def snapshot(self) -> dict[str, str]:
        """Every file that should not change by installing something and taking it away: what it is."""
        found = {}
        for folder, folders, files in os.walk(self.top):
            for name in folders + files:
                path = Path(folder, name)
                inside = "/" + str(path.relative_to(self.top))
                if TRANSIENT.match(inside):
                    continue
                status = path.lstat()
                found[inside] = f"{status.st_mode:o} {status.st_uid}:{status.st_gid}"
                if path.is_symlink():
                    found[inside] += f" -> {os.readlink(path)}"
                elif path.is_file():
                    found[inside] += " " + hashlib.sha256(path.read_bytes()).hexdigest()
        return found


def left_behind(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [f"{path}: {before.get(path, 'was not there')}, now {after.get(path, 'gone')}"
            for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]  # fmt: skip
