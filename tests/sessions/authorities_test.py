"""[broker] ca_file: the authorities in the place of the system's; and a broker that never gets ready."""

import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
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
        told.append(refused.exception.error["message"])
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
                           (lambda: file.write_bytes(whole[:-40]), "is torn"), (lambda: None, "No such file or directory")):  # fmt: skip
            file.unlink()
            make()
            self.refused_everywhere(capsule, file, said)
            if file.is_dir():
                file.rmdir()
            file.unlink(missing_ok=True)
            file.write_bytes(whole)
        self.assertEqual(session.ask().status, 200)

    def test_a_certificate_that_is_none_is_told_by_the_broker(self):
        capsule, file = self.started()
        file.write_text("-----BEGIN CERTIFICATE-----\nRkFLRQ==\n-----END CERTIFICATE-----\n")
        capsule.call("reload")
        self.assertTrue(until(lambda: "[broker] ca_file: one of its certificates cannot be read" in capsule.logged()))


class Late(Case):
    """A broker that never says that it is ready."""

    def test_is_ended_and_told_of_and_tried_again(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        programs = Path(folder.name)
        programs.chmod(0o755)
        shutil.copy2(CAPSULED, programs / "capsuled")
        broker = programs / "capsule-broker"
        broker.write_text(f"#!/bin/sh\necho $$ >>{folder.name}/started\nexec sleep 10000\n")
        broker.chmod(0o755)
        capsule = self.capsule(self.provider(), program=str(programs / "capsuled"))
        said = "it said nothing for 20 s before it was ready"
        self.assertTrue(until(lambda: said in (capsule.call("status")["broker"].get("error") or ""), 20 + BOUND))
        self.assertEqual(capsule.call("status")["broker"]["state"], "failed")
        self.assertIn(f"capsule-broker ended and is started again: {said}", capsule.logged())
        self.assertNotEqual(capsule.ctl("status", "--quiet").returncode, 0)
        first = (programs / "started").read_text().split()[0]
        self.assertTrue(until(lambda: not Path(f"/proc/{first}").exists()))
        shutil.copy2(Path(CAPSULED).parent / "capsule-broker", programs / "next")
        (programs / "next").rename(broker)
        self.assertTrue(until(lambda: capsule.call("status")["broker"]["state"] == "running", 40 + BOUND), capsule.logged())
        self.assertEqual(self.spawn(capsule).ask().status, 200)


if __name__ == "__main__":
    unittest.main()
