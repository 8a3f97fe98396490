"""[broker] ca_file: the authorities in the place of the system's; and a broker that never gets ready."""

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from capsule import BOUND, CAPSULED, Capsule, Case, Refused, until
from harness import Authority, Provider, answer, answering


@functools.cache
def authority(name: str) -> Authority:
    folder = tempfile.TemporaryDirectory()
    Path(folder.name).chmod(0o755)
    made = Authority(Path(folder.name))
    made.keep = folder
    return made


class Authorities(Case):
    """Whoever could change the file would say whose server gets the keys."""

    def started(self) -> tuple[Capsule, Path]:
        """On a provider with TLS, whose certificate the file's authority has signed."""
        provider = Provider(answering(answer()), authority("own").server_context())
        self.addCleanup(provider.close)
        capsule = self.capsule(provider)
        file = capsule.top / "ca.pem"
        file.write_bytes(b"K\xf6nig's own\n\n" + authority("own").ca.read_bytes())  # names beside them are in any coding
        file.chmod(0o644)
        config = capsule.top / "capsule.toml"
        user = 'user = "daemon"\n' if os.geteuid() == 0 else ""
        config.write_text(config.read_text().replace("http://127.0.0.1:", "https://localhost:").replace(
            f"[broker]\n{user}", "") + f'[broker]\n{user}ca_file = "{file}"\n')  # fmt: skip
        capsule.call("reload")
        return capsule, file

    def refused_everywhere(self, capsule: Capsule, file: Path, *said: str):
        """By --check-config, at a start, at a reload, and in status; what was loaded before goes on."""
        line = next(number for number, text in enumerate((capsule.top / "capsule.toml").read_text().splitlines(), 1) if "ca_file" in text)
        told = [capsule.start_fails("--check-config"), capsule.start_fails("--socket", str(capsule.top / "second.sock"))]
        with self.assertRaises(Refused) as refused:
            capsule.call("reload")
        told.append(str(refused.exception.error))
        told.append(str(capsule.call("status")["config"]))
        for text in told:
            for each in (f"capsule.toml:{line}:11: [broker] ca_file: {file}: ", *said):
                self.assertIn(each, text)

    def test_those_of_the_file_are_trusted_and_no_others(self):
        capsule, file = self.started()
        session = self.spawn(capsule)
        self.assertEqual(session.ask().status, 200)
        file.write_bytes(authority("another").ca.read_bytes())
        self.assertEqual(session.ask().status, 200, "a change counts from a reload on")
        capsule.call("reload")
        self.assertTrue(until(lambda: self.status_of(session) == 502), capsule.logged())
        file.write_bytes(authority("another").ca.read_bytes() + authority("own").ca.read_bytes())
        capsule.call("reload")
        self.assertTrue(until(lambda: self.status_of(session) == 200), capsule.logged())

    def status_of(self, session) -> int:
        with contextlib.suppress(OSError):
            return session.ask().status
        return 0

    def test_a_file_that_others_could_change_is_refused(self):
        capsule, file = self.started()
        session = self.spawn(capsule)
        file.chmod(0o666)
        self.refused_everywhere(capsule, file, f"not read: {file} can be written to by everybody")
        file.chmod(0o644)
        capsule.call("reload")
        link = capsule.top / "others" / "ca.pem"
        link.parent.mkdir()
        link.symlink_to(file)
        link.parent.chmod(0o777)
        config = capsule.top / "capsule.toml"
        config.write_text(config.read_text().replace(str(file), str(link)))
        self.refused_everywhere(capsule, link, f"not read: {link.parent} can be written to by everybody")
        self.assertEqual(session.ask().status, 200)

    def test_what_is_no_file_of_certificates_is_refused_at_once(self):
        capsule, file = self.started()
        session = self.spawn(capsule)
        whole = file.read_bytes()

        def fifo():
            os.mkfifo(file, 0o600)

        def large():
            file.touch()
            os.truncate(file, 8 * 1024 * 1024 + 1)

        for make, said in ((fifo, "this is no regular file"), (file.mkdir, "this is no regular file"),
                           (large, "this is larger than 8 MiB"),
                           (lambda: file.write_text("FAKE-not-pem\n"), "no certificate (-----BEGIN CERTIFICATE-----) is in it"),
                           (lambda: file.write_bytes(whole[:-40]), "the certificate that begins in line "), (lambda: None, "No such file or directory")):  # fmt: skip
            file.unlink()
            make()
            self.refused_everywhere(capsule, file, said)
            if file.is_dir():
                file.rmdir()
            file.unlink(missing_ok=True)
            file.write_bytes(whole)
        self.assertEqual(session.ask().status, 200)

    def test_one_certificate_that_is_none_is_refused_before_any_broker_has_it(self):
        """A broker would end for it, again and again, and every session with it."""
        capsule, file = self.started()
        session, pid = self.spawn(capsule), capsule.broker_pid()
        whole = file.read_bytes()
        for text, said in ((whole + b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "the certificate that begins in line "),
                           (whole[whole.index(b"MI"):] + whole, "a certificate is torn: 1 begin and 2 end in it"),
                           (whole + b" " + whole[whole.index(b"-----BEGIN"):], "a certificate is torn: 2 begin and 2 end in it, and 1 can be read")):  # fmt: skip
            file.write_bytes(text)
            self.refused_everywhere(capsule, file, said, "put it in whole, with its BEGIN and its END at the start of a line each")
        self.assertEqual((session.ask().status, self.spawn(capsule).ask().status, capsule.broker_pid()), (200, 200, pid))
        file.write_bytes(whole)
        capsule.call("reload")
        self.assertEqual(capsule.broker_pid(), pid, "nothing has changed")

    def test_a_byte_order_mark_hides_none(self):
        capsule, file = self.started()
        file.write_bytes(b"\xef\xbb\xbf" + authority("own").ca.read_bytes())
        capsule.call("reload")
        self.assertEqual(self.spawn(capsule).ask().status, 200)

    def test_a_wrong_file_that_no_broker_needs_stops_nothing(self):
        capsule, file = self.started()
        config = capsule.top / "capsule.toml"
        config.write_text(config.read_text().replace('keys = "broker"', 'keys = "env"'))
        file.unlink()
        capsule.call("reload")
        capsule.stop()
        done = subprocess.run([CAPSULED, "--check-config"], env=capsule.environment, capture_output=True, text=True, check=False, timeout=BOUND)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        capsule.start()
        self.assertIn("env", capsule.call("spawn", agent="claude", provider="zai"))
        config.write_text(config.read_text().replace('keys = "env"', 'keys = "broker"'))
        self.refused_everywhere(capsule, file, "No such file or directory")


class Programs(Case):
    """With another program in the place of capsule-broker."""

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.programs = Path(folder.name)
        self.programs.chmod(0o755)
        shutil.copy2(CAPSULED, self.programs / "capsuled")
        (self.programs / "real").mkdir()
        shutil.copy2(Path(CAPSULED).parent / "capsule-broker", self.programs / "real")

    def broker_is(self, script: str):
        new = self.programs / "new"
        new.write_text(f"#!/bin/sh\ncd {self.programs}\n{script}\n")
        new.chmod(0o755)
        new.rename(self.programs / "capsule-broker")

    def started(self) -> Capsule:
        return self.capsule(self.provider(), program=str(self.programs / "capsuled"))

    def with_authorities(self, capsule: Capsule) -> tuple[str, Path]:
        """capsule.toml with a ca_file, and that file."""
        file = capsule.top / "ca.pem"
        file.write_bytes(authority("own").ca.read_bytes())
        file.chmod(0o644)
        text = (capsule.top / "capsule.toml").read_text()
        named = f'[broker]\nca_file = "{file}"\n'
        return text.replace("[broker]\n", named) if "[broker]\n" in text else text + named, file

    def warned(self, capsule: Capsule) -> str:
        return "".join(each["message"] for each in capsule.call("status")["warnings"] if each["code"] == "broker.down")


class Slow(Programs):
    def test_a_check_that_takes_long_holds_nobody_up_and_undoes_nothing_newer(self):
        self.broker_is('while [ "$1" = --check-authorities ] && [ -e slow ]; do touch began; sleep 0.05; done\nexec ./real/capsule-broker "$@"')
        capsule = self.started()
        session = self.spawn(capsule)
        config = capsule.top / "capsule.toml"
        before, (named, _) = config.read_text(), self.with_authorities(capsule)
        (self.programs / "slow").touch()
        config.write_text(named + "[limits]\nconnections = 77\n")
        answers = []
        reload = threading.Thread(target=lambda: answers.append(capsule.call("reload")))
        reload.start()
        self.assertTrue(until((self.programs / "began").exists))
        for _ in range(5):
            self.assertNotEqual(capsule.call("status")["connections"]["limit"], 77)
            self.assertEqual(session.ask().status, 200)
        self.assertTrue(reload.is_alive())
        config.write_text(before + "[limits]\nconnections = 78\n")
        capsule.call("reload")
        (self.programs / "slow").unlink()
        reload.join(BOUND)
        self.assertEqual(len(answers), 1)
        self.assertEqual(capsule.call("status")["connections"]["limit"], 78)
        config.write_text(named + "[limits]\nconnections = 79\n")
        capsule.call("reload")
        self.assertEqual(capsule.call("status")["connections"]["limit"], 79)

    def test_a_checker_that_fails_is_told(self):
        self.broker_is('[ "$1" = --check-authorities ] && kill -9 $$\nexec ./real/capsule-broker "$@"')
        capsule = self.started()
        named, ca = self.with_authorities(capsule)
        (capsule.top / "capsule.toml").write_text(named)
        with self.assertRaises(Refused) as refused:
            capsule.call("reload")
        self.assertIn(f"[broker] ca_file: {ca}: it cannot be checked: it was ended by signal 9 (Killed)", refused.exception.error["message"])


class Down(Programs):
    """What `status` says of a broker that does not run."""

    def is_told(self, script: str, *said: str):
        self.broker_is(script)
        capsule = self.started()
        self.assertTrue(until(lambda: self.warned(capsule)), capsule.logged())
        status, page = capsule.call("status"), " ".join(capsule.ctl("status").stdout.split())
        self.assertEqual(status["broker"]["state"], "failed")
        for each in said:
            self.assertIn(each, self.warned(capsule))
            self.assertIn(each, page)
        self.assertNotIn("stands before", json.dumps(status))
        self.broker_is('exec ./real/capsule-broker "$@"')
        self.assertEqual(self.spawn(capsule).ask().status, 200)
        self.assertEqual(self.warned(capsule), "")

    def test_in_its_own_words(self):
        self.is_told('exec ./real/capsule-broker "$@" 3</dev/null', "the listening socket: not an IPv4 socket", "capsule-broker is not started by hand")

    def test_by_its_status(self):
        self.is_told("exit 7", "it ended with status 7", "capsule-broker --version")

    def test_by_its_signal(self):
        self.is_told("kill -9 $$", "it was ended by signal 9 (Killed)", "whether memory ran out")

    def test_that_closes_its_connection(self):
        self.is_told("exec 4<&-\nexec sleep 1000", "it closed its connection to capsuled", "capsule-broker --version")

    def test_that_stands_still(self):
        self.broker_is('exec ./real/capsule-broker "$@"')
        capsule = self.started()
        self.spawn(capsule)
        self.assertEqual(self.warned(capsule), "")
        os.kill(capsule.broker_pid(), signal.SIGSTOP)
        with self.assertRaises(Refused) as refused:
            self.spawn(capsule)
        self.assertIn("it has not answered for 5 s", refused.exception.error["message"])
        self.assertIn("it has not answered for 5 s", self.warned(capsule))
        os.kill(capsule.broker_pid(), signal.SIGCONT)
        self.assertEqual(self.spawn(capsule).ask().status, 200)
        self.assertEqual(self.warned(capsule), "")


class Late(Programs):
    """A broker that never says that it is ready."""

    def test_is_ended_and_told_of_and_tried_again(self):
        self.broker_is("echo $$ >>started\nexec sleep 10000")
        capsule = self.started()
        said = "it said nothing for 20 s before it was ready"
        self.assertTrue(until(lambda: said in (capsule.call("status")["broker"].get("error") or ""), 20 + BOUND))
        self.assertIn(said, self.warned(capsule))
        self.assertEqual(capsule.call("status")["broker"]["state"], "failed")
        self.assertIn(f"capsule-broker ended and is started again: {said}", capsule.logged())
        self.assertNotEqual(capsule.ctl("status", "--quiet").returncode, 0)
        first = (self.programs / "started").read_text().split()[0]
        self.assertTrue(until(lambda: not Path(f"/proc/{first}").exists()))
        self.broker_is('exec ./real/capsule-broker "$@"')
        self.assertTrue(until(lambda: capsule.call("status")["broker"]["state"] == "running", 40 + BOUND), capsule.logged())
        self.assertEqual(self.spawn(capsule).ask().status, 200)


if __name__ == "__main__":
    unittest.main()
