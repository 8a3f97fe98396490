"""buildah with a storage of its own: builds the image from docker/Dockerfile, and runs commands in it.

No container engine is needed: processes run in a chroot, as root, with the machine's own network.
"""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.append(str(SOURCE / "tests/package"))

import package  # noqa: E402
import root  # noqa: E402
from package import run  # noqa: E402

BUILD_LIMIT_S = 1200  # the agents are large, and come over a network
AGAIN = [sys.executable, "-B", str(SOURCE / "tests/image/again.py")]
BASE_NAME = "debian:bookworm-slim"
# What buildah gives a container of its own accord.
DEFAULT_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
                        "SETPCAP", "SETUID", "SYS_CHROOT")  # fmt: skip


def make_base(tar: Path, place: Path, debs: Path) -> None:
    """A minimal Debian 12 as a tar file, unless it is there already."""
    if tar.exists():
        return
    clean = root.Root(place, debs)
    # What is mounted there stays out.
    run(["tar", "--one-file-system", "-C", str(clean.top), "-cf", f"{tar}.new", "."])
    Path(f"{tar}.new").rename(tar)


def context(place: Path, deb: Path) -> Path:
    """What git tracks and is about to, beside the package: the build's context."""
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=SOURCE).split("\0")
    for name in filter(None, listed):
        if (SOURCE / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(SOURCE / name, place / name)
    (place / "packages").mkdir()
    shutil.copy(deb, place / "packages")
    return place


def have_null_device_of_its_own(place: Path) -> None:
    """Container engines give their standard streams to the container's user: the machine's /dev/null, if it is one."""
    os.mknod(place, stat.S_IFCHR | 0o666, os.stat(os.devnull).st_rdev)
    place.chmod(0o666)
    run(["mount", "--bind", str(place), os.devnull])


def has_overlay(place: Path) -> bool:
    """Whether files there can be layers of an overlay."""
    parts = [place / f"overlay-{name}" for name in ("lower", "upper", "work", "mount")]
    for part in parts:
        part.mkdir()
    lower, upper, work, mount = map(str, parts)
    words = ["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", mount]
    done = subprocess.run(words, capture_output=True, check=False)
    if done.returncode == 0:
        run(["umount", mount])
    return done.returncode == 0


class Buildah:
    def __init__(self, scratch: Path, short: Path, driver: str):
        self.environment = os.environ | {"TMPDIR": str(scratch)}
        self.command = ["buildah", "--root", str(scratch / "storage"), "--runroot", str(short / "run"),
                        "--storage-driver", driver]  # fmt: skip

    def __call__(self, *words: str) -> str:
        return run([*AGAIN, *self.command, *words], env=self.environment, timeout=BUILD_LIMIT_S).strip()

    def import_base(self, tar: Path) -> None:
        container = self("from", "scratch")
        self("add", container, str(tar), "/")
        self("commit", container, BASE_NAME)
        self("rm", container)

    def build(self, place: Path, name: str, *options: str) -> str:
        return self("build", "--isolation", "chroot", "--pull-never", "--format", "docker", *options, "-t", name,
                    str(place))  # fmt: skip


class Container:
    """A container of an image: files that stay from one run to the next."""

    def __init__(self, buildah: Buildah, image: str):
        self.buildah = buildah
        self.name = buildah("from", "--pull-never", image)
        self.top = Path(buildah("mount", self.name))

    def start(self, words: list[str], options: list[str] = [], **popen) -> subprocess.Popen:
        """`buildah run`: `options` are its own, such as --env and --volume."""
        # With process ids of its own, so that nothing outlives a test.
        alone = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command = [*alone, *AGAIN, *self.buildah.command, "run", "--isolation", "chroot", *options, self.name, "--", *words]
        popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | popen
        return subprocess.Popen(command, text=True, env=os.environ | {"TERM": "dumb"}, **popen)

    def run(self, words: list[str], options: list[str] = [], text: str | None = None) -> subprocess.CompletedProcess:
        """To its end."""
        given = {} if text is None else {"stdin": subprocess.PIPE}
        process = self.start(words, options, **given)
        try:
            out, err = process.communicate(text, timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise SystemExit(f"not done after 60 s: {words}") from None
        return subprocess.CompletedProcess(words, process.returncode, out, err)


def descendants(pid: int) -> list[tuple[int, list[str]]]:
    """(pid, argv) of all processes below that one, parents first."""
    found = []
    # Each thread has children of its own.
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in map(int, children.read_text().split()):
                argv = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
                found += [(child, argv), *descendants(child)]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    return found


def find_process(run: subprocess.Popen, program: str) -> int | None:
    """The first process below it that runs that program."""
    return next((pid for pid, argv in descendants(run.pid) if argv and Path(argv[0]).name == program), None)
