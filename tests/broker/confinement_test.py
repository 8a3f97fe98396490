"""What the broker has given up before it takes anybody."""

import os
import subprocess
import unittest

from case import Case, authority
from harness import BINARY, Broker

FILTERS = not os.environ.get("CAPSULE_SANITIZE")  # sanitizers make too many calls for a filter


def status(pid: int) -> dict[str, str]:
    with open(f"/proc/{pid}/status") as lines:
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


class Confinement(Case):
    def test_no_capability_no_new_privileges_and_a_filter(self):
        broker, _ = self.pair()
        self.assertEqual(self.ask(broker).status, 200)
        for task in os.listdir(f"/proc/{broker.process.pid}/task"):  # the thread that looks names up, too
            seen = status(int(task))
            for each in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"):
                if each != "CapBnd" or os.geteuid() == 0:
                    self.assertEqual(int(seen[each], 16), 0, each)
            self.assertEqual(seen["NoNewPrivs"], "1")
            self.assertEqual(seen["Seccomp"], "2" if FILTERS else "0")

    def test_no_core(self):
        broker, _ = self.pair()
        with open(f"/proc/{broker.process.pid}/limits") as lines:
            limits = {line[:26].strip(): line[26:].split()[:2] for line in lines}
        self.assertEqual(limits["Max core file size"], ["0", "0"])

    @unittest.skipUnless(os.geteuid() == 0, "becoming another user takes root")
    def test_it_becomes_its_own_user_for_good_and_others_of_it_cannot_look(self):
        broker = Broker(ca=authority().ca, arguments=("--uid", 4711, "--gid", 4712))
        self.addCleanup(broker.close)
        provider = self.provider()
        broker.grant(provider)
        self.assertEqual(self.ask(broker).status, 200)
        seen = status(broker.process.pid)
        self.assertEqual(seen["Uid"].split(), ["4711"] * 4)
        self.assertEqual(seen["Gid"].split(), ["4712"] * 4)
        self.assertEqual(seen["Groups"], "")
        self.assertEqual(os.stat(f"/proc/{broker.process.pid}/mem").st_uid, 0, "it is dumpable")
        look = subprocess.run(["setpriv", "--reuid", "4711", "--regid", "4712", "--clear-groups", "cat",
                               f"/proc/{broker.process.pid}/environ"], capture_output=True)
        self.assertNotEqual(look.returncode, 0)

    @unittest.skipUnless(os.geteuid() == 0, "a tracer that makes calls fail takes root")
    def test_it_does_not_start_unconfined(self):
        for call in ("seccomp", "capset") if FILTERS else ("capset",):
            with self.assertRaisesRegex(AssertionError, "cannot confine the broker: " + call):
                Broker(wrapper=("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={call}:error=EPERM"))

    def test_what_it_is_given_must_be_a_listening_loopback_socket(self):
        done = subprocess.run(["sh", "-c", "exec 3</dev/null 4</dev/null; exec " + BINARY], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("capsuled hands over a listening socket on 127.0.0.1", done.stderr)

    def test_the_command_line(self):
        self.assertEqual(subprocess.run([BINARY, "--version"], capture_output=True).returncode, 0)
        for wrong in (["--help"], ["--uid", "1"], ["--uid", "x", "--gid", "1"], ["--port", "1"], ["--uid", "1", "--gid", "99999999999"]):
            self.assertEqual(subprocess.run([BINARY, *wrong], capture_output=True).returncode, 2, wrong)


if __name__ == "__main__":
    unittest.main()
