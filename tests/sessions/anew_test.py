"""A broker that is started again for other settings: what it is told, and what it was to be asked."""

import json
import threading
import time
import unittest

from authorities_test import Programs
from capsule import BOUND, until
from harness import answer, answering


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

    def test_a_key_goes_to_no_address_of_before_a_reload(self):
        """`usage` is asked while there is no broker to ask."""
        self.broker_is('while [ -e slow ]; do touch began; sleep 0.05; done\nexec ./real/capsule-broker "$@"')
        row = {"type": "TOKENS_LIMIT", "unit": 3, "number": 5, "percentage": 42}
        usage = answer(json.dumps({"code": 200, "data": {"level": "pro", "limits": [row]}}).encode())
        old, new, provider = (self.provider(answering(usage)) for _ in range(3))
        table = '[providers.zai.usage]\nurl = "http://127.0.0.1:{}/plan"\n'
        capsule = self.capsule(provider, table.format(old.port), program=str(self.programs / "capsuled"))
        self.assertEqual(self.spawn(capsule).ask().status, 200)
        config = capsule.top / "capsule.toml"
        other = self.with_setting(61, config.read_text())
        (self.programs / "slow").touch()
        config.write_text(other)
        capsule.call("reload")
        rows = []
        asks = threading.Thread(target=lambda: rows.extend(capsule.call("usage", provider="zai")["providers"]))
        asks.start()
        self.assertTrue(until((self.programs / "began").exists))
        time.sleep(0.3)  # until it waits for the broker, of which nothing tells
        config.write_text(other.replace(table.format(old.port), table.format(new.port)))
        capsule.call("reload")
        (self.programs / "slow").unlink()
        asks.join(BOUND)
        self.assertEqual([each.get("error") for each in rows], [None])
        self.assertEqual((old.connections, new.connections), (0, 1))


if __name__ == "__main__":
    unittest.main()
