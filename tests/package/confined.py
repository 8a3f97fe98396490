#!/usr/bin/env python3
"""Runs a program as a unit would have it, where no systemd runs: its user, capabilities, system calls and mounts.

    unshare --mount --propagation private confined.py [--root DIR] UNIT… -- PROGRAM [ARGUMENT…]

UNIT… are the unit and its drop-ins, in their order. With --root the program sees DIR as /, and there what the unit lets
it see and write. Not imitated: RestrictNamespaces=, RestrictSUIDSGID=, LockPersonality=, and what needs control groups.
"""

import argparse
import ctypes
import errno
import os
import re
import socket
import sys
from pathlib import Path

from package import run

PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
CAPABILITIES = {"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7}
LAST_CAPABILITY = Path("/proc/sys/kernel/cap_last_cap")
SERVICE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"  # what systemd gives
PASSED_ON = ("CREDENTIALS_DIRECTORY", "CAPSULE_SOCKET")
ALLOW, REFUSE, EQUAL = 0x7FFF0000, 0x00050000, 4  # libseccomp's; to REFUSE the error's number is added


class Unit:
    """[Service]: the last value of a setting, or all of them, which an empty one forgets."""

    def __init__(self, files: list[Path]):
        self.values: dict[str, list[str]] = {}
        for file in files:
            service = file.read_text().partition("\n[Service]\n")[2].partition("\n[")[0]
            for name, value in re.findall(r"^(\w+)=(.*)$", service, re.MULTILINE):
                self.values[name] = [*self.values.get(name, []), value] if value else []

    def one(self, name: str, default: str = "") -> str:
        return (self.values.get(name) or [default])[-1]

    def words(self, name: str) -> list[str]:
        return [word for value in self.values.get(name, []) for word in value.split()]


def mount(*words) -> None:
    run(["mount", *map(str, words)])


def lay_mounts(unit: Unit, root: Path) -> None:
    if (unit.one("ProtectSystem"), unit.one("PrivateTmp")) != ("strict", "yes"):
        raise SystemExit("this imitates ProtectSystem=strict and PrivateTmp=yes only")
    for setting, parent in (("RuntimeDirectory", "run"), ("StateDirectory", "var/lib")):
        for name in unit.words(setting):
            place = root / parent / name
            place.mkdir(mode=int(unit.one(f"{setting}Mode"), 8), exist_ok=True)
            for path in (place, *place.rglob("*")):
                os.chown(path, *identity(unit, root)[:2])
            mount("--bind", place, place)
    mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", root / "tmp")
    if unit.one("ProtectHome") == "tmpfs":
        mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", root / "mnt")
        for home in unit.words("BindPaths"):
            (root / "mnt" / Path(home).name).mkdir()
            mount("--bind", root / home[1:], root / "mnt" / Path(home).name)
        mount("--move", root / "mnt", root / "home")
    for home in unit.words("ReadWritePaths"):
        place = root / home.lstrip("-/")
        mount("--bind", place, place)
    seen = f"subset={unit.one('ProcSubset')},hidepid={unit.one('ProtectProc')}"
    mount("-t", "proc", "-o", seen, "proc", root / "proc")
    mount("-o", "remount,bind,ro", root)


def identity(unit: Unit, root: Path) -> tuple[int, int, str]:
    """uid, gid and home of User=."""
    entry = re.search(rf"^{unit.one('User', 'root')}:.*$", (root / "etc/passwd").read_text(), re.MULTILINE)
    _, _, uid, gid, _, home, _ = entry[0].split(":")
    return int(uid), int(gid), home


def system_calls(lines: list[str]) -> set[str]:
    """What the lines of SystemCallFilter= come to: the first allows, one that begins with "~" takes away."""
    sets: dict[str, list[str]] = {}
    for line in run(["systemd-analyze", "syscall-filter"]).splitlines():
        if line.startswith("@"):
            group = sets.setdefault(line.strip(), [])
        elif line.startswith("    ") and not line.strip().startswith("#"):
            group.append(line.strip())

    def of(word: str) -> set[str]:
        return set().union(*map(of, sets[word])) if word.startswith("@") else {word}

    allowed = of("@default")
    for line in lines:
        named = set().union(*map(of, line.lstrip("~").split()))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def filter_system_calls(library: ctypes.CDLL, allowed: set[str], families: list[str]) -> None:
    """What is not in the list fails with EPERM, and so do sockets of other address families."""

    class Comparison(ctypes.Structure):
        _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]

    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    context = library.seccomp_init(REFUSE | errno.EPERM)
    for name in sorted(allowed - {"socket"}):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            library.seccomp_rule_add_array(context, ALLOW, number, 0, None)
    for family in families:
        comparison = Comparison(0, EQUAL, getattr(socket, family), 0)
        number = library.seccomp_syscall_resolve_name(b"socket")
        library.seccomp_rule_add_array(context, ALLOW, number, 1, ctypes.byref(comparison))
    if library.seccomp_load(context) != 0:
        raise SystemExit("seccomp_load failed")


def drop_capabilities(unit: Unit, libc: ctypes.CDLL, last: int) -> None:
    kept = {CAPABILITIES[name] for name in unit.words("CapabilityBoundingSet")}
    for number in range(last + 1):
        if number not in kept and libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0:
            raise SystemExit(f"PR_CAPBSET_DROP: {os.strerror(ctypes.get_errno())}")


def main() -> None:
    split = sys.argv.index("--")
    program = sys.argv[split + 1 :]
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path)
    parser.add_argument("units", type=Path, nargs="+")
    options = parser.parse_args(sys.argv[1:split])
    unit, root = Unit(options.units), options.root or Path("/")
    uid, gid, home = identity(unit, root)
    environment = {"PATH": SERVICE_PATH, "LANG": "C.UTF-8", "HOME": home}
    environment |= {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment["STATE_DIRECTORY"] = "/var/lib/" + unit.one("StateDirectory")

    # All that needs this machine's own files comes before the root changes.
    allowed = system_calls(unit.values["SystemCallFilter"])
    last = int(LAST_CAPABILITY.read_text())
    libc, seccomp = ctypes.CDLL(None, use_errno=True), ctypes.CDLL("libseccomp.so.2")
    if options.root:
        lay_mounts(unit, root)
        os.chroot(root)
        os.chdir("/")
    os.umask(int(unit.one("UMask"), 8))
    drop_capabilities(unit, libc, last)
    if uid != 0:
        os.setgroups([gid])
        os.setgid(gid)
        os.setuid(uid)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    filter_system_calls(seccomp, allowed, unit.words("RestrictAddressFamilies"))
    os.execve(program[0], program, environment)


if __name__ == "__main__":
    main()
