"""What a start tells of, before anybody asks for a session."""

import subprocess
import unittest

from capsule import BOUND, CAPSULED, Case, Refused


class State(Case):
    """The state directory."""

    def test_a_second_daemon_does_not_listen_before_it_has_it(self):
        capsule, _ = self.pair()
        socket = capsule.top / "second.sock"
        second = subprocess.Popen([CAPSULED, "--socket", str(socket)], env=capsule.environment, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)  # fmt: skip
        self.addCleanup(second.kill)
        while second.poll() is None:
            self.assertFalse(socket.exists(), "whoever connects would wait for nothing")
        said = second.communicate()[1]
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"another capsuled uses the state directory {capsule.top}/state", said)

    def test_where_a_daemon_answers_the_next_one_says_so_at_once(self):
        capsule, _ = self.pair()
        self.assertIn(f"another daemon answers on {capsule.socket}", capsule.start_fails())

    def test_one_that_cannot_be_written_to_is_told_at_start(self):
        provider = self.provider()
        capsule = self.capsule(provider)
        capsule.stop()
        place = capsule.top / "kept" / "sessions"
        place.parent.mkdir()
        place.write_text("no directory")
        capsule.keys |= {"STATE_DIRECTORY": str(place.parent)}
        checked = subprocess.run([CAPSULED, "--check-config"], env=capsule.environment, capture_output=True, text=True,
                                 check=False, timeout=BOUND)  # fmt: skip
        self.assertEqual(checked.returncode, 0, "it starts all the same")
        self.assertIn(f"warning: no session with a token can be started: cannot write {place}", checked.stderr)
        capsule.start()
        self.assertIn(f"no session with a token can be started: cannot write {place}/", capsule.logged())
        status = capsule.call("status")
        [told] = [each for each in status["warnings"] if each["code"] == "state.unwritable"]
        self.assertIn(f"cannot write {place}/", told["message"])
        self.assertIn("make it writable for the daemon's user", told["message"])
        self.assertEqual(capsule.ctl("status", "--quiet").returncode, 1)
        self.assertEqual(capsule.ctl("status", "--alive").returncode, 0)
        with self.assertRaises(Refused):
            self.spawn(capsule)
        place.unlink()
        self.assertNotIn("state.unwritable", [each["code"] for each in capsule.call("status")["warnings"]])
        self.assertEqual(list(place.glob("writable*")), [])
        self.assertEqual(self.spawn(capsule).ask().status, 200)

    def test_one_that_cannot_be_written_to_stops_nothing_where_no_token_is_given_out(self):
        provider = self.provider()
        capsule = self.capsule(provider, session='keys = "env"')
        capsule.stop()
        capsule.keys |= {"STATE_DIRECTORY": "/proc/nothing"}
        capsule.start()
        self.assertNotIn("state directory", capsule.logged())
        self.assertNotIn("state.unwritable", [each["code"] for each in capsule.call("status")["warnings"]])


if __name__ == "__main__":
    unittest.main()
