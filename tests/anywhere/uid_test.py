#!/usr/bin/env python3
"""capsuled and its sessions as a uid without a name, and what such a start can lack.

    uid_test.py CAPSULED CAPSULECTL [unittest's own arguments]
"""

import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

import box

HERE = Path(__file__).resolve().parent
KEY = "FAKE-anywhere-minimax-01"
SKIPPED = 77  # ctest: skipped
programs = Path()

SERVE = """
capsuled {options} 2>/mnt/log &
for i in $(seq 400); do capsulectl status --quiet 2>/dev/null && break; kill -0 $! 2>/dev/null || break; sleep 0.05; done
{then}
kill %1 && wait %1
echo "ended $?"
cat /mnt/log >&2
"""


def serve(then: str, options: str = "") -> str:
    return SERVE.format(then=then, options=options)


class AnyUid:
    """What holds in each of the boxes."""

    kind: type
    given = {"HOME": "/mnt", "CAPSULE_SOCKET": "/srv/capsule.sock", "MINIMAX_API_KEY": KEY}

    def run_box(self, script: str, **changed: str):
        environment = {name: value for name, value in (self.given | changed).items() if value}
        done = box.run(self.kind(programs), script, environment)
        self.assertNotIn(KEY, done.stderr)
        return done

    def refused(self, *words: str, **changed: str) -> None:
        """A start that ends at once, with one error that has these words, and a hint."""
        done = self.run_box("timeout 20 capsuled", **changed)
        self.assertEqual(done.returncode, 1, done.stderr)
        for word in (*words, "hint: "):
            self.assertIn(word, done.stderr)

    def test_a_session_has_the_key_and_its_files_in_the_home_of_the_environment(self):
        done = self.run_box(serve("capsulectl exec codex --provider minimax; echo code $?; ls -A /mnt/.codex"))
        lines = done.stdout.splitlines()
        for wanted in (str(box.UID), f"USER={box.UID}", "HOME=/mnt", "code 0", "ended 0", "minimax.config.toml"):
            self.assertIn(wanted, lines, done.stdout + done.stderr)
        self.assertEqual([line for line in lines if KEY in line], [f"MINIMAX_API_KEY={KEY}"])

    def test_keys_are_stored_below_that_home(self):
        then = "echo FAKE-anywhere-zai-02 | capsulectl auth set zai >/dev/null; stat -c %a /mnt/.local/state/capsule/auth.toml"
        done = self.run_box(serve(then))
        self.assertIn("600\nended 0\n", done.stdout, done.stderr)

    def test_ids_may_be_numbers(self):
        config = (f'[daemon]\\nsocket_group = "0"\\n[session]\\nuser = "{box.UID}"\\n'
                  f'[access]\\nspawn = ["{box.UID}", "@0", "4242", "@4242"]\\n')  # fmt: skip
        done = self.run_box(f"printf '{config}' >/mnt/capsule.toml\n" + serve(
            "stat -c '%g %a' /srv/capsule.sock; capsulectl exec codex --provider minimax", "--config /mnt/capsule.toml"))  # fmt: skip
        self.assertIn("0 660\n", done.stdout, done.stderr)
        self.assertIn("HOME=/mnt\n", done.stdout, done.stderr)

    def test_temporary_files_are_where_tmpdir_says(self):
        done = self.run_box("mkdir /mnt/t\n" + serve(
            "capsulectl exec codex --provider minimax >/dev/null; sort -u /mnt/looked"), TMPDIR="/mnt/t")  # fmt: skip
        looked = done.stdout.removesuffix("ended 0\n").splitlines()
        self.assertTrue(looked, done.stderr)
        for place in looked:
            self.assertTrue(place.startswith("/mnt/t/capsuled-"), place)

    def test_a_tmpdir_that_is_not_there_ends_nothing(self):
        done = self.run_box(serve("capsulectl exec codex --provider minimax"), TMPDIR="/mnt/missing")
        self.assertIn(f"MINIMAX_API_KEY={KEY}\n", done.stdout, done.stderr)
        self.assertIn("ended 0\n", done.stdout)

    def test_a_state_directory_that_cannot_be_written_to_is_told_before_a_session_is_asked_for(self):
        tokens = "printf '[session]\\nkeys = \"broker\"\\n' >/mnt/capsule.toml\n"
        for place, why in (("/usr/state", "Read-only file system|Permission denied"), ("/media/state", "No space left on device")):
            done = self.run_box(tokens + "capsuled --check-config --config /mnt/capsule.toml; echo checked $?; echo -- >&2\n"
                                + serve("capsulectl status", "--config /mnt/capsule.toml"), STATE_DIRECTORY=place)  # fmt: skip
            self.assertIn("checked 0\n", done.stdout, done.stderr)
            checked, _, logged = done.stderr.partition("--\n")
            for text in (checked, logged, " ".join(done.stdout.split())):
                self.assertRegex(text, why)
            self.assertIn("no session with a token can be started: ", checked)
            self.assertIn("no session with a token can be started: ", logged)
        done = self.run_box(tokens + serve("capsulectl status", "--config /mnt/capsule.toml"), STATE_DIRECTORY="/mnt/state")
        self.assertNotIn("no session with a token can be started", done.stdout + done.stderr)

    def test_a_start_without_a_home_is_refused(self):
        self.refused("no home directory", "HOME", HOME="")

    def test_a_home_of_slash_is_told(self):
        self.refused("the home directory is /", f"uid {box.UID} can write to", HOME="/")

    def test_a_home_that_is_no_directory_is_told(self):
        self.refused("the home /etc/passwd is not a directory", "HOME", HOME="/etc/passwd")
        self.refused("no home directory", "an absolute path", HOME="mnt")

    def test_a_home_of_another_user_is_told(self):
        self.refused("the home /etc belongs to user ", f"uid {box.UID} cannot write there", HOME="/etc")

    def test_a_socket_directory_that_cannot_be_made_is_told(self):
        self.refused("cannot make the socket's directory /opt/run", "mount a volume there",
                     CAPSULE_SOCKET="/opt/run/capsule.sock")  # fmt: skip


class InAUserNamespaceWithOneUid(AnyUid, unittest.TestCase):
    kind = box.OneUid

    def test_a_socket_directory_of_another_user_is_told(self):
        self.refused("refusing to listen in /etc", "--socket", CAPSULE_SOCKET="/etc/capsule.sock")

    def test_its_root_cannot_serve_a_user_whom_it_does_not_have(self):
        done = box.run(box.OneUid(programs, 0), "printf '[session]\\nuser = \"daemon\"\\n' >/mnt/capsule.toml\n"
                       "timeout 20 capsuled --config /mnt/capsule.toml", self.given)  # fmt: skip
        self.assertEqual(done.returncode, 1, done.stderr)
        for word in ("the daemon's user namespace does not have uid 1 ", "/etc/subuid", "remove [session] user"):
            self.assertIn(word, done.stderr)
        self.assertNotIn("CAP_SETUID", done.stderr, "which that root has")

    def test_whom_its_unknown_users_look_like_runs_no_daemon(self):
        """Each of them would be the daemon's own user, who may do everything."""
        overflow = int(Path("/proc/sys/kernel/overflowuid").read_text())
        done = box.run(box.OneUid(programs, overflow), "timeout 20 capsuled", self.given)
        self.assertEqual(done.returncode, 1, done.stderr)
        for word in (f"the daemon runs as uid {overflow}, under which the kernel shows any user of another user namespace",
                     "hint: run capsuled as another user"):  # fmt: skip
            self.assertIn(word, done.stderr)


@unittest.skipUnless(os.geteuid() == 0, "only root can make volumes that are another's")
class OnVolumesOfRoot(AnyUid, unittest.TestCase):
    kind = box.Volumes

    def test_says_once_that_others_could_change_the_sockets_directory(self):
        done = self.run_box(serve("true"))
        self.assertEqual(done.stderr.count("everybody may write to /srv"), 1, done.stderr)

    def test_a_directory_that_is_no_volume_is_refused(self):
        self.refused("refusing to listen in /tmp/open: everybody may write there", CAPSULE_SOCKET="/tmp/open/s")

    def test_a_socket_directory_that_cannot_be_written_to_is_told(self):
        self.refused("cannot bind /etc/capsule.sock", f"let uid {box.UID} write", CAPSULE_SOCKET="/etc/capsule.sock")

    def test_root_refuses_such_a_volume(self):
        for home, said in (("/nonexistent", "refusing to listen in /srv: everybody may write there"),
                           ("/mnt", "HOME /mnt is no place for sessions of root: /mnt can be written to by everybody")):  # fmt: skip
            done = box.run(box.Volumes(programs, 0), "timeout 20 capsuled", {**self.given, "HOME": home})
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(said, done.stderr)


def main() -> None:
    global programs
    capsuled, capsulectl, *rest = sys.argv[1:]
    if not box.can_unshare():
        print("needs unprivileged user namespaces: `unshare --user --map-root-user --mount true` must work")
        sys.exit(SKIPPED)
    # Where whoever runs the boxes can reach it, wherever the build folder is.
    with tempfile.TemporaryDirectory() as folder:
        programs = Path(folder)
        programs.chmod(0o755)
        for program in (capsuled, capsulectl):
            shutil.copy(program, programs)
        for agent in ("claude", "codex", "opencode"):
            shutil.copy(HERE / "agent.sh", programs / agent)
        shutil.copy(HERE.parent / "support/data/codex_models.json", programs)
        unittest.main(argv=[sys.argv[0], *rest], verbosity=2)


if __name__ == "__main__":
    main()
