"""What docker/entrypoint.sh hands to the program that becomes the agents' user: none of the container's keys, no terminal.
And that it finds what that user can read."""

import os
import pathlib
import pty
import re
import signal
import subprocess
import tempfile
import time
import unittest

TEXT = (pathlib.Path(__file__).resolve().parents[2] / "docker/entrypoint.sh").read_text()
# Of capsulectl. It answers as what it would become: something may be open, below a directory that agents can list.
STAND_IN = """#!/bin/sh
open=$(/usr/bin/ls -l /proc/$$/fd)
{ echo "asked $*"; /usr/bin/env; echo "terminal $(/usr/bin/cut -d' ' -f7 /proc/self/stat)"; echo "input $open"; /usr/bin/grep SigIgn /proc/self/status; } >>"${0%/*}/seen"
case $* in *find*) printf '1:2 /there\\0end\\0' ;; *) printf 'yes\\0end\\0' ;; esac
"""


def part(first: str, last: str) -> str:
    """From the line that begins with `first` to before the one that begins with `last`."""
    begin = TEXT.index("\n" + first) + 1
    return TEXT[begin:TEXT.index("\n" + last, begin) + 1]


def ignores_stop(status: str) -> bool:
    """Whether /proc/PID/status has SIGTSTP as ignored."""
    return bool(int(re.search(r"SigIgn:\s+(\w+)", status)[1], 16) >> (signal.SIGTSTP - 1) & 1)


class Becoming(unittest.TestCase):
    def seen_of(self, script: str, **more: str) -> str:
        """What capsulectl, by a stand-in, is given by the script, which is started on a terminal."""
        with tempfile.TemporaryDirectory() as directory:
            program = pathlib.Path(directory, "capsulectl")
            program.write_text(STAND_IN)
            program.chmod(0o755)
            ours, theirs = pty.openpty()
            subprocess.run(["setsid", "--ctty", "--wait", "bash", "-euo", "pipefail", "-c", script], check=True, stdin=theirs,
                           stdout=theirs, stderr=theirs,
                           env={"PATH": f"{directory}:/usr/bin:/bin", "ZAI_API_KEY": "FAKE-zai-of-the-container", **more})  # fmt: skip
            os.close(ours)
            os.close(theirs)
            return pathlib.Path(directory, "seen").read_text()

    def test_who_looks_for_open_secrets_has_no_key_and_no_terminal(self):
        seen = self.seen_of("capsuled() { echo /etc/hostname; }\nrefuse() { exit 1; }\n"
                            + part("as_agent() {", "# A fresh volume") + "close_secrets")  # fmt: skip
        for asked in seen.split("asked ")[1:]:
            self.assertNotIn("FAKE", asked)
            self.assertIn("0 -> /dev/null", asked)
            self.assertNotIn("/dev/pts/", asked)
            self.assertIn("terminal 0\n", asked)
        self.assertIn("test ! -x", asked)

    def test_a_shells_has_no_key_and_the_terminals_type(self):
        script = "is_root() { true; }\n" + part("    identity=()", "    run_session") + '"${identity[@]}" true'
        for more in {"TERM": "xterm-256color"}, {}:
            seen = self.seen_of(script, **more)
            self.assertNotIn("FAKE", seen)
            self.assertEqual("TERM=xterm-256color" in seen, bool(more))
            self.assertTrue(ignores_stop(seen), seen)


class Stopping(unittest.TestCase):
    def test_nothing_stops_a_session_for_good(self):
        with tempfile.TemporaryDirectory() as directory:
            program = pathlib.Path(directory, "capsulectl")
            program.write_text("#!/bin/sh\ngrep SigIgn /proc/self/status\n")
            program.chmod(0o755)
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", 'run_session() { "$@"; }\n' + part("    # Nothing here continues", "    ;;"), "", "claude"],
                                  check=True, capture_output=True, text=True, env={"PATH": f"{directory}:/usr/bin:/bin"})  # fmt: skip
        self.assertTrue(ignores_stop(done.stdout), done.stdout)


KEY = "FAKE-entrypoint-key"
TOML = f"[env]\\nZAI_API_KEY = \"{KEY}\"\\n"
# How a key is there, in a shell of root's, and what is then said to be open to agents; none: nothing is.
OPEN = {
    "a directory that they can list": (f"chmod 755 $s && echo {KEY} >$s/OTHER && mount -o remount,ro $s", "/run/secrets/OTHER"),
    "one that they go through": (f"chmod 711 $s && echo {KEY} >$s/ZAI_API_KEY && mount -o remount,ro $s", "/run/secrets/ZAI_API_KEY"),
    "one below such a one": (f"mkdir -m 711 $s/more && echo {KEY} >$s/more/OTHER && chmod 711 $s && mount -o remount,ro $s",
                             "/run/secrets/more/OTHER"),
    "links, as Kubernetes has": (f"mkdir $s/..1 && echo {KEY} >$s/..1/KEY && ln -s ..1 $s/..data && ln -s ..data/KEY $s/KEY && chmod 711 $s && "
                                 "mount -o remount,ro $s", "/run/secrets/KEY"),
    "their own directory": (f"mkdir $s/theirs && echo {KEY} >$s/theirs/KEY && chown -R agent $s/theirs && chmod 711 $s && mount -o remount,ro $s",
                            "/run/secrets/theirs/KEY"),
    "what is below their own directory, which root does not list": (
        f"mkdir $s/theirs && echo {KEY} >$s/theirs/KEY && chown -R agent $s/theirs && chmod 311 $s/theirs && mount -o remount,ro $s",
        "/run/secrets/theirs"),
    "a third user's directory that they go through": (
        f"mkdir $s/its && echo {KEY} >$s/its/KEY && chown -R 6201 $s/its && chmod 711 $s $s/its && mount -o remount,ro $s", "/run/secrets/its"),
    "one that they do not": (f"mkdir $s/its && echo {KEY} >$s/its/KEY && chown -R 6201 $s/its && chmod 711 $s && chmod 710 $s/its && "
                             "mount -o remount,ro $s", None),
    "a directory of root's below a third user's": (
        f"mkdir $s/its && mkdir -m 711 $s/its/more && echo {KEY} >$s/its/more/KEY && chown 6201 $s/its && chmod 711 $s && mount -o remount,ro $s",
        "/run/secrets/its/more"),
    "a link to a directory elsewhere that they go through": (
        f"mkdir -m 711 /mnt/more && echo {KEY} >/mnt/more/KEY && ln -s /mnt/more $s/db && chmod 711 $s && mount -o remount,ro $s",
        "/run/secrets/db"),
    "a link to one elsewhere that they can list": (
        f"mkdir /mnt/more && echo {KEY} >/mnt/more/KEY && ln -s /mnt/more $s/db && chmod 711 $s && mount -o remount,ro $s",
        "/run/secrets/db/KEY"),
    "a link to one that root has listed, where all is closed": (
        f"mkdir -m 711 $s/more && echo {KEY} >$s/more/KEY && chmod 400 $s/more/KEY && ln -s more $s/db && chmod 711 $s && mount -o remount,ro $s", None),
    "a link to one that root has listed where agents do not come": (
        f"mkdir -m 700 $s/more && mkdir -m 711 $s/more/more /mnt/more && echo {KEY} >$s/more/more/KEY && mount --bind $s/more/more /mnt/more && "
        "ln -s /mnt/more $s/db && chmod 711 $s && mount -o remount,ro $s", "/run/secrets/db"),
    "a link to one that root has listed, where something is open": (
        f"mkdir -m 711 $s/more && echo {KEY} >$s/more/KEY && ln -s more $s/db && chmod 711 $s && mount -o remount,ro $s", "/run/secrets/more/KEY"),
    "a name with a line end": (
        f"echo {KEY} >$s/$'a\nb' && chmod 711 $s && mount -o remount,ro $s", r"$'/run/secrets/a\nb'"),
    "a directory with a line end, below one of theirs": (
        f"mkdir -p $s/theirs/$'a\nb' && echo {KEY} >$s/theirs/$'a\nb'/KEY && chown -R agent $s/theirs && chmod 711 $s && mount -o remount,ro $s",
        r"$'/run/secrets/theirs/a\nb/KEY'"),
    "a file of a variable": (f"echo {KEY} >/mnt/zai && export ZAI_API_KEY_FILE=/mnt/zai", "/mnt/zai"),
    "a file with a name that find could take for its own word": (f"cd /mnt && echo {KEY} >-n && export ZAI_API_KEY_FILE=-n", "./-n"),
    "a configuration with a key": (f"printf '{TOML}' >/mnt/capsule.toml", "/mnt/capsule.toml"),
    "stored keys": (f"printf '{TOML}' >/mnt/auth.toml", "/mnt/auth.toml"),
    "a directory that is closed here": (f"echo {KEY} >$s/ZAI_API_KEY", None),
    "files for root alone": (f"umask 077 && echo {KEY} >/mnt/zai && cp /mnt/zai $s/ZAI_API_KEY && printf '{TOML}' >/mnt/auth.toml && chmod 711 $s && "
                             "export ZAI_API_KEY_FILE=/mnt/zai && mount -o remount,ro $s", None),
    "a configuration without a key": ("printf '[session]\\nkeys = \"broker\"\\n' >/mnt/capsule.toml", None),
}
PLACE = """
printf 'root:x:0:0::/root:/bin/sh\nagent:x:6200:6200::/:/bin/sh\n' >/mnt/passwd
printf 'root:x:0:\nagent:x:6200:\n' >/mnt/group
mount --bind /mnt/passwd /etc/passwd && mount --bind /mnt/group /etc/group
mkdir -p /run/secrets && mount -t tmpfs -o mode=755 tmpfs /run/secrets
s=/run/secrets
"""


# Root, on a terminal, with a key in a descriptor and in its session's keyring, starts a program as agents.
LAUNCHER = """
import ctypes, os, sys
call = ctypes.CDLL(None).syscall
call(250, 1, b"root's")  # keyctl(KEYCTL_JOIN_SESSION_KEYRING)
call(248, b"user", b"roots", b"FAKE", 4, -3)  # add_key
os.dup2(os.open("/dev/null", os.O_RDONLY), 40)
os.execvp("bash", ["bash", "-euo", "pipefail", "-c", sys.argv[1]])
"""
# That program. It types into the terminal that it has, if the kernel lets it.
TAKER = """
import ctypes, fcntl, os, signal, termios
print("descriptors", [each for each in range(256) if os.path.exists(f"/proc/self/fd/{each}")])
print("key", ctypes.CDLL(None).syscall(250, 10, -3, b"user", b"roots", 0) >= 0)  # keyctl(KEYCTL_SEARCH)
print("uid", os.getuid(), os.getgroups(), signal.getsignal(signal.SIGTSTP).name)
print([line.strip() for line in open("/proc/self/status") if line.startswith(("NoNewPrivs", "CapEff"))])
try:
    terminal = os.open("/dev/tty", os.O_RDWR)
    print("terminal", os.ttyname(0))
    for letter in b"typed\\n":
        fcntl.ioctl(terminal, termios.TIOCSTI, bytes([letter]))
except OSError as error:
    print(error)
"""


@unittest.skipIf(os.geteuid(), "needs root to be another user")
class Taking(unittest.TestCase):
    def said_by(self, script: str) -> tuple[str, str]:
        """What the program says, and the terminal that root has it started on."""
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            for name, text in ("launcher", LAUNCHER), ("taker", TAKER):
                pathlib.Path(directory, name).write_text(text)
            script = ("mount -t tmpfs -o mode=755 tmpfs /run && mount -t tmpfs -o mode=755 tmpfs /mnt\n" + PLACE + script.replace("TAKER", f"{directory}/taker")
                      + "\nif IFS= read -r -t 0 typed; then echo something was typed into the shell of root; fi\n")  # fmt: skip
            ours, theirs = pty.openpty()
            done = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc", "setsid", "--ctty", "--wait",
                                     "python3", f"{directory}/launcher", script], stdin=theirs, stdout=theirs, stderr=theirs,
                                    env={"PATH": f"{pathlib.Path(os.environ['CAPSULED']).parent}:/usr/sbin:/usr/bin:/sbin:/bin"})  # fmt: skip
            self.addCleanup(os.close, ours)
            name = os.ttyname(theirs)
            os.close(theirs)
            said = b""
            try:
                while read := os.read(ours, 65536):
                    said += read
            except OSError:  # nobody has it any more
                pass
            self.assertEqual(done.wait(), 0, said)
            return said.decode(), name

    def check(self, said: str) -> None:
        self.assertIn("descriptors [0, 1, 2]\r\n", said)
        self.assertIn("key False\r\n", said)
        self.assertIn("uid 6200 [6200] SIG_DFL\r\n", said)
        self.assertIn("['CapEff:\\t0000000000000000', 'NoNewPrivs:\\t1']", said)
        self.assertNotIn("something was typed", said)

    def test_the_shell_has_a_terminal_of_its_own_and_nothing_else_of_roots(self):
        said, roots = self.said_by("is_root() { true; }\n" + part("    identity=()", "    run_session") + '"${identity[@]}" python3 TAKER\n')
        self.check(said)
        self.assertIn("terminal /dev/", said)
        self.assertNotIn(f"terminal {roots}\r\n", said)

    def test_nor_has_what_looks_for_open_secrets(self):
        said, _ = self.said_by(part("as_agent() {", "# Answers of") + "as_agent python3 TAKER | cat\n")
        self.check(said)
        self.assertNotIn("terminal", said)


@unittest.skipIf(os.geteuid(), "needs root to be another user")
class Closing(unittest.TestCase):
    def start(self, made: str, instead: str = "", limit: int = 60) -> subprocess.CompletedProcess:
        """With functions of the script's own replaced by those in `instead`, and so many seconds for the agents' user."""
        script = ("set -euo pipefail\nmount -t tmpfs -o mode=755 tmpfs /run && mount -t tmpfs -o mode=755 tmpfs /mnt\n" + PLACE + made + "\n"
                  + part("say() {", "# Becomes a program") + part("as_agent() {", "# A fresh volume").replace("SECONDS + 60", f"SECONDS + {limit}")
                  + instead + '\nclose_secrets --config /mnt/capsule.toml\necho started\n')  # fmt: skip
        bin = pathlib.Path(os.environ["CAPSULED"]).parent
        return subprocess.run(["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc", "bash", "-c", script],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              env={"PATH": f"{bin}:/usr/sbin:/usr/bin:/sbin:/bin", "STATE_DIRECTORY": "/mnt"})  # fmt: skip

    def test_what_agents_can_read_is_found(self):
        for name, (made, said) in OPEN.items():
            with self.subTest(name):
                done = self.start("touch /mnt/capsule.toml\n" + made)
                self.assertNotIn(KEY, done.stdout + done.stderr)
                if said is None:
                    self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "started\n", ""))
                    continue
                self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
                self.assertIn(f"agents can read {said}, so", done.stderr)
                self.assertIn("hint: close it", done.stderr)

    def test_where_it_cannot_be_known_nothing_starts(self):
        for instead, said in (("as_agent() { echo no capability >&2 && return 127; }", "it cannot be asked whether agents can read keys"),
                              ("printf '#!/bin/sh\\nexit 1\\n' >/mnt/find && chmod 755 /mnt/find\n"
                               "as_agent() { env -i PATH=\"/mnt:$PATH\" \"$@\"; }", "it cannot be asked whether agents can read keys"),
                              ("find() { command find \"$@\" && echo no directory >&2 && return 1; }", "no directory")):  # fmt: skip
            with self.subTest(said):
                done = self.start("touch /mnt/capsule.toml && chmod 711 $s", instead)
                self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
                self.assertIn(said, done.stderr)

    def test_who_is_kept_from_ending_keeps_nobody_waiting(self):
        for answers, said in (("file /mnt/zai\\0", "it cannot be asked whether agents can read keys"), ("end\\0", "")):
            with self.subTest(answers):
                stopped = f"as_agent() {{ printf '{answers}'; exec sleep 240 2>/dev/null; }}"
                began = time.monotonic()
                done = self.start("touch /mnt/capsule.toml && chmod 711 $s", stopped, limit=2)
                self.assertLess(time.monotonic() - began, 120)
                self.assertEqual((done.returncode, done.stdout), (1, "") if said else (0, "started\n"), done.stderr)
                self.assertIn(said, done.stderr)


@unittest.skipIf(os.geteuid(), "needs root to be another user")
class Logging(unittest.TestCase):
    def test_writes_to_nothing_that_others_made(self):
        script = ("logs=$1\nlog=\ncapsuled() { :; }\nlast_job() { :; }\nwith_sessions_path() { echo a line; }\n"
                  + part("launch_daemon() {", "start_daemon()").replace("[ -t 2 ]", "true") + 'launch_daemon\nwait "$daemon"\n')  # fmt: skip
        for make in (lambda log: log.symlink_to("elsewhere"), lambda log: os.mkfifo(log), lambda log: log.write_text("theirs\n"),
                     lambda log: log.joinpath("in it").mkdir(parents=True)):  # fmt: skip
            with tempfile.TemporaryDirectory() as logs:
                log, elsewhere = pathlib.Path(logs, "capsuled.log"), pathlib.Path(logs, "elsewhere")
                for name in log, log.with_name("capsuled.log.1"):
                    make(name)
                    os.chown(name, 6201, 6201, follow_symlinks=False)
                subprocess.run(["bash", "-euo", "pipefail", "-c", script, "", logs], check=True, stdin=subprocess.DEVNULL, timeout=120)
                self.assertEqual((elsewhere.exists(), log.read_text(), log.is_symlink()), (False, "a line\n", False))
                self.assertFalse(os.path.lexists(f"{log}.1"), "which would keep the log from being renamed")


class OneUser(unittest.TestCase):
    def start(self, top: str) -> subprocess.CompletedProcess:
        script = ("set -euo pipefail\n" + part("say() {", "# Becomes a program") + part("# A directory of one's own", "logs=/run")
                  .replace("/tmp/", f"{top}/").replace("/home/agent", "/nonexistent") + "prepare_one_user\n"
                  + 'stat -c "%a %u" "$own" "$HOME"\n')  # fmt: skip
        return subprocess.run(["bash", "-c", script.replace("local own\n", "")], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              env={"PATH": "/usr/bin:/bin", "HOME": "/", "CAPSULE_SOCKET": f"{top}/run/s", "CAPSULE_CONFIG": "none"},
                              user=6200 if os.geteuid() == 0 else None, group=6200 if os.geteuid() == 0 else None)  # fmt: skip

    def test_has_a_home_that_nobody_else_has_made(self):
        uid = 6200 if os.geteuid() == 0 else os.geteuid()
        with tempfile.TemporaryDirectory() as top:
            os.chmod(top, 0o1777)
            for _ in range(2):
                done = self.start(top)
                self.assertEqual((done.returncode, done.stdout), (0, f"700 {uid}\n700 {uid}\n"), done.stderr)

    @unittest.skipIf(os.geteuid(), "needs root to be two others")
    def test_one_that_was_there_is_refused(self):
        for made in lambda own: own.mkdir(), lambda own: own.symlink_to("/var"), lambda own: own.touch():
            with tempfile.TemporaryDirectory() as top:
                os.chmod(top, 0o1777)
                own = pathlib.Path(top, "capsule-6200")
                made(own)
                os.chown(own, 6201, 6201, follow_symlinks=False)
                done = self.start(top)
                self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
                self.assertIn(f"{own} is not a directory of user 6200's", done.stderr)
                self.assertIn("hint: remove it", done.stderr)


if __name__ == "__main__":
    unittest.main()
