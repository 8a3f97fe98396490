"""A container's shell around a command, made of namespaces: one uid without a name, no capabilities, no new privileges,
a root that cannot be written to. Only /tmp, /mnt (the home), /srv (the socket's directory) and /media, which is full, can be."""

import os
import shlex
import subprocess
from pathlib import Path

UID = 123456  # nobody's on this machine
OUTSIDE = "54321"  # whom a user namespace's one uid is outside of it, when this runs as root
NO_PRIVILEGES = ["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs"]


def can_unshare() -> bool:
    done = subprocess.run([*_as_nobody(), "unshare", "--user", "--map-root-user", "--mount", "true"],
                          capture_output=True, check=False)  # fmt: skip
    return done.returncode == 0


def _as_nobody() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={OUTSIDE}", f"--regid={OUTSIDE}", "--clear-groups"]


def _mounts(programs: Path, mode: str) -> list[str]:
    return ["set -e", f"mount --bind {shlex.quote(str(programs))} /opt",
            *(f"mount -t tmpfs -o mode={mode} tmpfs {place}" for place in ("/mnt", "/srv")),
            "mount -t tmpfs -o mode=1777 tmpfs /tmp && mkdir -m 0777 /tmp/open",
            "mount -t tmpfs -o mode=1777,size=4k tmpfs /media && head -c 4096 /dev/zero >/media/full",
            "mount -o remount,bind,ro /"]  # fmt: skip


class OneUid:
    """A user namespace that has this uid and group 0 alone, made by a user who is not root."""

    def __init__(self, programs: Path, uid: int = UID):
        self.programs = programs
        self.uid = uid

    def command(self, script: str) -> list[str]:
        # The mounts are made one namespace further out: mount(8) works for a uid of 0 alone.
        inside = ["unshare", "--user", f"--map-user={self.uid}", "--map-group=0", "--keep-caps", "setpriv",
                  *NO_PRIVILEGES, "bash", "-c", script]  # fmt: skip
        lines = [*_mounts(self.programs, "0755"), "cd /mnt", "exec " + shlex.join(inside)]
        return [*_as_nobody(), "unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child",
                "--mount-proc", "bash", "-c", "\n".join(lines)]  # fmt: skip


class Volumes:
    """As a Pod's container: the machine's root outside, volumes that everybody may write to (emptyDir). Needs root."""

    def __init__(self, programs: Path, uid: int = UID):
        self.programs = programs
        self.uid = uid

    def command(self, script: str) -> list[str]:
        identity = [f"--reuid={self.uid}", "--regid=0", "--clear-groups"]
        inside = ["setpriv", *identity, *NO_PRIVILEGES, "bash", "-c", script]
        lines = [*_mounts(self.programs, "0777"), "cd /mnt", "exec " + shlex.join(inside)]
        return ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc",
                "bash", "-c", "\n".join(lines)]  # fmt: skip


def run(box, script: str, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """To its end; nothing that the script started is left."""
    return subprocess.run(box.command(script), capture_output=True, text=True, check=False, timeout=120,
                          stdin=subprocess.DEVNULL, env={"PATH": "/opt:/usr/bin:/bin"} | environment)  # fmt: skip
