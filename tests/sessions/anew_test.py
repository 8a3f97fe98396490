"""A broker that is started again for other settings: what it is told, and what it was to be asked."""

import unittest

from authorities_test import Programs
from capsule import until


class Anew(Programs):
    def with_setting(self, number: int, text: str) -> str:
        """capsule.toml with another setting of the broker's."""
        begin = '[broker]\nuser = "daemon"\n' if "[broker]" in text else ""
        rest = text.replace(begin, "") if begin else text
        return rest + (begin or "[broker]\n") + f"streams = {number}\n"

    def test_one_reload_of_a_setting_and_a_key_leaves_it_running(self):
        """The key comes with the grant, before the broker is ready."""
        capsule, _ = self.pair(config='[env]\nZAI_API_KEY = "FAKE-key-number-0"\n', keys={})
        session = self.spawn(capsule)
        config = capsule.top / "capsule.toml"
        before = config.read_text()
        for number in (1, 2):
            first = capsule.broker_pid()
            config.write_text(self.with_setting(60 + number, before.replace("number-0", f"number-{number}")))
            capsule.call("reload")
            self.assertTrue(until(lambda: capsule.broker_pid() != first and capsule.call("status")["broker"]["state"] == "running"))
        self.assertNotIn("does not answer", capsule.logged())
        self.assertEqual(session.ask().status, 200)


if __name__ == "__main__":
    unittest.main()
