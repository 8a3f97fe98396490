"""What docker/entrypoint.sh hands to the program that becomes the agents' user: none of the container's keys, no terminal."""

import pathlib
import pty
import subprocess
import tempfile
import unittest

TEXT = (pathlib.Path(__file__).resolve().parents[2] / "docker/entrypoint.sh").read_text()
STAND_IN = "#!/bin/sh\n{ /usr/bin/env; echo \"input $(/usr/bin/readlink /proc/self/fd/0)\"; } >>\"${0%/*}/seen\"\n"


def part(first: str, last: str) -> str:
    """From the line that begins with `first` to before the one that begins with `last`."""
    begin = TEXT.index("\n" + first) + 1
    return TEXT[begin:TEXT.index("\n" + last, begin) + 1]


class Becoming(unittest.TestCase):
    def seen_of(self, script: str, **more: str) -> str:
        """What setpriv, by a stand-in, is given by the script, which is started on a terminal."""
        with tempfile.TemporaryDirectory() as directory:
            program = pathlib.Path(directory, "setpriv")
            program.write_text(STAND_IN)
            program.chmod(0o755)
            ours, theirs = pty.openpty()
            subprocess.run(["bash", "-euo", "pipefail", "-c", script], check=True, stdin=theirs,
                           env={"PATH": f"{directory}:/usr/bin:/bin", "ZAI_API_KEY": "FAKE-zai-of-the-container", **more})
            return pathlib.Path(directory, "seen").read_text()

    def test_who_looks_for_open_secrets_has_no_key_and_no_terminal(self):
        seen = self.seen_of(part("as_agent() {", "# A session that can read") + "as_agent find /")
        self.assertNotIn("FAKE", seen)
        self.assertIn("input /dev/null", seen)

    def test_a_shells_has_no_key_and_the_terminals_type(self):
        script = "is_root() { true; }\n" + part("    identity=()", "    run_session") + '"${identity[@]}" true'
        for more in {"TERM": "xterm-256color"}, {}:
            seen = self.seen_of(script, **more).rpartition("input")[0].rpartition("input")[2]  # the first asks what it may
            self.assertNotIn("FAKE", seen)
            self.assertEqual("TERM=xterm-256color" in seen, bool(more))


if __name__ == "__main__":
    unittest.main()
