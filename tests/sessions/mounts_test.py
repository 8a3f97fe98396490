"""What is mounted read-only for the daemon, and written to elsewhere by whom it belongs to: systemd's ProtectSystem=, and a
file of the agents' user that a container gets with `:ro`."""

import os
import pwd
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

from capsule import BOUND, CAPSULED, KEY, Capsule, until

AGENT = pwd.getpwnam("games")
MOUNTS = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
AS_UNIT = "setpriv --bounding-set=-all,+setuid,+setgid,+chown,+dac_override,+kill --inh-caps=-all --no-new-privs"
PLANTED = "FAKE-planted-by-the-agent-0001"


def there_are_mounts() -> bool:
    return os.geteuid() == 0 and not subprocess.run([*MOUNTS, "mount --bind /usr /usr"], check=False, capture_output=True).returncode


class AmongItsOwn(Capsule):
    """As the unit runs it: everything but its own folder is read-only, for it alone."""

    def __init__(self, read_only: Path, config: str, keys: dict[str, str]):
        self.read_only = shlex.quote(str(read_only))
        super().__init__(1, config, keys, f'user = "{AGENT.pw_name}"\nkeys = "env"')

    def command(self, *words: str) -> list[str]:
        own, theirs = shlex.quote(str(self.top)), self.read_only
        return [*MOUNTS, f"mount --bind {own} {own} && mount --bind {theirs} {theirs} && mount -o remount,bind,ro {theirs} "
                f'&& mount -o remount,bind,ro / && ! touch {theirs}/x 2>/dev/null && exec {AS_UNIT} "$0" "$@"', CAPSULED, *words]

    def start(self):
        self.process = subprocess.Popen(self.command(), env=self.environment, stdout=self.log, stderr=self.log)
        assert until(self.answers), self.logged()

    def check(self, config: Path) -> str:
        done = subprocess.run(self.command("--check-config"), env=self.environment | {"CAPSULE_CONFIG": str(config)}, text=True,
                              capture_output=True, check=False, timeout=BOUND)  # fmt: skip
        return done.stdout + done.stderr


@unittest.skipUnless(there_are_mounts(), "needs root, and mounts of its own")
class ReadOnlyHere(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        Path(folder.name).chmod(0o755)
        self.theirs = Path(folder.name) / "of the agents"
        self.theirs.mkdir()
        os.chown(self.theirs, AGENT.pw_uid, AGENT.pw_gid)

    def agent_writes(self, name: str, text: str, mode: int = 0o644) -> Path:
        """Whatever the daemon's own mounts are."""
        file = self.theirs / name
        subprocess.run(["sh", "-c", 'cat >"$0" && chmod "$1" "$0"', file, f"{mode:o}"], input=text, text=True, check=True,
                       user=AGENT.pw_uid, group=AGENT.pw_gid, extra_groups=[])  # fmt: skip
        return file

    def capsule(self, config: str, **keys: str) -> AmongItsOwn:
        capsule = AmongItsOwn(self.theirs, config, keys)
        self.addCleanup(capsule.close)
        return capsule

    def why_not(self, capsule: AmongItsOwn) -> str:
        """Why the key of the provider cannot be used."""
        found = [each["message"] for each in capsule.call("status")["warnings"] if each["code"] == "key.error"]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def refused(self, said: str):
        for word in (str(self.theirs), f"belongs to user {AGENT.pw_uid}", "chown root", "read-only keeps nobody"):
            self.assertIn(word, said)

    def test_a_key_file_of_theirs_is_not_used(self):
        file = self.agent_writes("key", PLANTED)
        capsule = self.capsule("", ZAI_API_KEY_FILE=str(file))
        self.refused(self.why_not(capsule))
        self.assertNotIn("FAKE", capsule.ctl("auth", "list").stdout)

    def test_nor_their_op(self):
        op = self.agent_writes("op", f"#!/bin/sh\n: >'{self.theirs}/../ran'\nprintf {PLANTED}\n", 0o755)
        self.theirs.parent.chmod(0o777)
        capsule = self.capsule(f'[keys]\nop = "{op}"\n[env]\nZAI_API_KEY = "op://a/b/c"\n', OP_SERVICE_ACCOUNT_TOKEN="FAKE-op-token")
        said = capsule.ctl("spawn", "claude", "--provider", "zai")
        self.assertNotEqual(said.returncode, 0)
        self.assertIn("op is not run", said.stderr)
        self.assertFalse((self.theirs.parent / "ran").exists())

    def test_nor_their_configuration_and_authorities(self):
        capsule = self.capsule("", ZAI_API_KEY=KEY)
        config = self.agent_writes("capsule.toml", '[access]\nadmin = ["*"]\n')
        self.refused(capsule.check(config))
        authorities = self.agent_writes("ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        own = capsule.top / "second.toml"
        own.write_text(f'[session]\nkeys = "broker"\n[broker]\nuser = "daemon"\nca_file = "{authorities}"\n')
        self.refused(capsule.check(own))

    def test_what_is_roots_is_used(self):
        file = self.agent_writes("key", KEY)
        for each in (self.theirs, file):
            os.chown(each, 0, 0)
        capsule = self.capsule("", ZAI_API_KEY_FILE=str(file))
        self.assertEqual([each for each in capsule.call("status")["warnings"] if each["code"].startswith("key.")], [])
        self.assertIn("keys.readable", str(capsule.call("status")["warnings"]))


if __name__ == "__main__":
    unittest.main()
