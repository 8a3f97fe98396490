"""What users name is bounded before it goes over the one connection that everybody's grants hang on ([broker] remote)."""

import json
import unittest

from remote import Beside, Remote

LONGEST_MODEL = 256


class LongNames(Remote):
    def setUp(self):
        self.keys, self.agents, _ = self.two()

    def refused_for_its_length(self, method: str, **params) -> dict:
        error = self.raises(self.agents, method, **params)
        self.assertLess(len(json.dumps(error)), 1024, "nor is it repeated")
        return error

    def test_a_too_long_model_is_refused_and_cuts_nobody(self):
        session = self.spawn(self.agents)
        before = self.keys.call("sessions.list")["sessions"]
        for length in (LONGEST_MODEL + 1, 200_000, 261_900):
            error = self.refused_for_its_length("spawn", agent="claude", provider="zai", model="m" * length)
            self.assertEqual(error["data"]["code"], "invalid_params")
            self.assertIn("at most 256 bytes", error["data"]["hint"])
        self.refused_for_its_length("grant", agent="claude", provider="zai", model="m" * 100_000)
        self.assertEqual(self.keys.call("sessions.list")["sessions"], before)
        self.assertTrue(session.answered())
        self.assertNotIn("no connection to the capsuled that has the keys", self.agents.logged())

    def test_the_longest_is_as_good_as_any(self):
        session = self.spawn(self.agents, model="m" * LONGEST_MODEL)
        self.assertTrue(session.answered())
        self.assertEqual(self.agents.call("sessions.list")["sessions"][0]["model"], "m" * LONGEST_MODEL)

    def test_other_names_are_refused_here_too(self):
        for method in ("spawn", "grant"):
            for name in ("agent", "provider", "workspace", "role", "ends_with"):
                self.refused_for_its_length(method, **({"agent": "claude", "provider": "zai"} | {name: "x" * 100_000}))
        for name in ("agent", "workspace", "role"):
            self.refused_for_its_length("providers.list", **({"agent": "claude"} | {name: "x" * 100_000}))
        for name in ("workspace", "role"):
            self.refused_for_its_length("auth.list", **{name: "x" * 100_000})
        self.refused_for_its_length("sessions.end", id="x" * 100_000)
        self.assertNotIn("x" * 100, self.agents.logged())


class TakesLess(Beside):
    MOST = 400

    def setUp(self):
        self.asked = []
        self.rows = {}

        def grant(params):
            self.asked.append(("grant", params))
            id = f"{len(self.rows):x>100}"
            self.rows[id] = self.row(id)
            return self.GIVEN | {"session": {"id": id, "keys": "broker", "ends_with": "connection"}}

        def listed(params):
            self.asked.append(("sessions.list", params))
            return {"sessions": [self.rows[id] for id in params["ids"]]}

        self.agents = self.beside(status={**self.SAME, "version": "1.0.0", "request_bytes": self.MOST}, auth_list={"rows": [self.ROW]},
                                  grant=grant, sessions_list=listed)  # fmt: skip

    def test_what_it_would_close_the_connection_at_is_not_sent(self):
        self.spawn(self.agents)
        error = self.raises(self.agents, "spawn", agent="claude", provider="zai", model="m" * LONGEST_MODEL)
        self.assertEqual(error["data"]["code"], "request.too_large")
        self.assertIn(f"takes requests of at most {self.MOST} bytes", error["message"])
        self.assertIn("request_bytes where that one runs", error["data"]["hint"])
        self.assertEqual([method for method, _ in self.asked], ["grant"])

    def test_what_sessions_did_is_asked_in_so_many_parts(self):
        for _ in range(5):
            self.spawn(self.agents)
        self.asked.clear()
        self.assertEqual([each["requests"]["total"] for each in self.agents.call("sessions.list")["sessions"]], [7] * 5)
        for method, params in self.asked:
            self.assertLessEqual(len(json.dumps({"jsonrpc": "2.0", "id": "1", "method": method, "params": params})), self.MOST)
        self.assertEqual(sum(len(params["ids"]) for _, params in self.asked if not params.get("brief")), 5)

    def test_usage_of_a_provider_that_nobody_knows_is_not_asked_there(self):
        for name in ("nope", "x" * 200_000):
            error = self.raises(self.agents, "usage", provider=name)
            self.assertEqual(error["data"]["code"], "provider.unknown")


if __name__ == "__main__":
    unittest.main(verbosity=2)
