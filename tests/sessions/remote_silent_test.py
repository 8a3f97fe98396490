"""The capsuled that has the keys takes connections and does not answer."""

import contextlib
import os
import signal
import threading
import time
import unittest
from pathlib import Path

from capsule import Capsule, Refused, until
from remote import Remote, Server


class Silent(Remote):
    def test_others_are_answered_while_it_hangs(self):
        keys, agents, _ = self.two()
        self.spawn(agents)
        os.kill(keys.process.pid, signal.SIGSTOP)
        try:
            waiting = threading.Thread(target=self.try_spawn, args=(agents,))
            waiting.start()
            began = time.monotonic()
            for _ in range(20):
                agents.call("rpc.discover")
            status = agents.call("status")
            self.assertLess(time.monotonic() - began, 8)
            self.assertIn("keys.unreachable", [each["code"] for each in status["warnings"]])
        finally:
            os.kill(keys.process.pid, signal.SIGCONT)
        waiting.join()

    def try_spawn(self, agents: Capsule):
        with contextlib.suppress(Refused):
            self.spawn(agents)

    def test_one_that_takes_connections_and_never_answers_is_told(self):
        agents = self.agents_capsule(self.provider(), Path("/nonexistent/before"))
        silent = Server(agents.top / "silent.sock", answers_at_all=False)
        self.addCleanup(silent.close)
        self.move(agents, agents.top / "silent.sock")
        self.assertTrue(until(lambda: "it takes connections, but has not answered for 5 s" in agents.logged()))
        broker = agents.call("status")["broker"]
        self.assertEqual(broker["state"], "failed")
        self.assertIn("has not answered for 5 s", broker["error"])
        self.assertIn("has not answered for 5 s", agents.ctl("status").stdout.replace("\n  ", " "))

    def test_one_that_answers_no_more_is_told(self):
        keys, agents, _ = self.two()
        self.spawn(agents)
        self.assertEqual(agents.call("status")["broker"]["state"], "running")
        os.kill(keys.process.pid, signal.SIGSTOP)
        try:
            self.try_spawn(agents)
            self.assertIn("does not answer: 15 s for", agents.logged())
            broker = agents.call("status")["broker"]
            self.assertEqual((broker["state"], broker["error"]), ("failed", "it does not answer"))
        finally:
            os.kill(keys.process.pid, signal.SIGCONT)
        self.assertTrue(until(lambda: agents.call("status")["broker"]["state"] == "running"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
