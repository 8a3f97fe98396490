"""The capsuled that has the keys is not there."""

import threading
import time
import unittest
from pathlib import Path

from capsule import until
from remote import Remote


class Away(Remote):
    def test_one_that_is_not_up_yet_is_waited_for(self):
        provider = self.provider()
        keys = self.keys_capsule(provider)
        keys.stop()
        agents = self.agents_capsule(provider, keys.socket)
        started = threading.Timer(1, keys.start)
        started.start()
        session = self.spawn(agents)
        started.join()
        self.assertEqual(session.ask().status, 200)

    def test_one_that_never_comes_is_an_error_with_the_cure(self):
        provider = self.provider()
        agents = self.agents_capsule(provider, Path("/nonexistent/capsule.sock"))
        began = time.monotonic()
        error = self.raises(agents, "spawn", agent="claude", provider="zai")
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(error["data"]["code"], "io.error")
        for word in ("10 s", "/nonexistent/capsule.sock", "No such file"):
            self.assertIn(word, error["message"])
        self.assertIn("[broker] remote", error["data"]["hint"])
        status = agents.call("status")
        self.assertIn("keys.unreachable", [each["code"] for each in status["warnings"]])
        self.assertEqual(status["broker"]["state"], "failed")

    def test_a_health_check_tells_that_no_session_can_be_started(self):
        keys, agents, _ = self.two()
        self.assertTrue(until(lambda: agents.ctl("status", "--quiet").returncode == 0), agents.logged())
        keys.stop()
        self.assertTrue(until(lambda: agents.ctl("status", "--quiet").returncode == 1))
        self.assertEqual(agents.ctl("status", "--alive").returncode, 0, "a restart of the agents' side would help nobody")
        page = agents.ctl("status").stdout.replace("\n  ", " ")
        self.assertIn("the capsuled that has the keys is not there", page)
        self.assertIn("; see whether its container runs and shares that directory", page)
        self.assertIn("the keys' side is away", page)
        for word in ("No provider has a key yet", "absent", "no key"):
            self.assertNotIn(word, page, "nobody knows")
        keys.start()
        self.assertTrue(until(lambda: agents.ctl("status", "--quiet").returncode == 0))
        agents.stop()
        self.assertEqual(agents.ctl("status", "--alive").returncode, 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
