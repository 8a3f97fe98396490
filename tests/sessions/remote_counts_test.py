"""What another capsuled's sessions did, and how often it is asked for that."""

import json
import time
import unittest

from remote import Beside

SESSIONS = 400
YOUNG = 0.25  # seconds; an answer of that age is good enough


class HowOftenItIsAsked(Beside):
    def setUp(self):
        super().setUp()
        self.rows, self.asked = {}, []

        def grant(_):
            id = f"there{len(self.rows)}"
            self.rows[id] = self.row(id)
            return self.GIVEN | {"session": {"id": id, "keys": "broker", "ends_with": "connection"}}

        def listed(params):
            self.asked.append(sorted(params["ids"]))
            return {"sessions": [self.rows[id] for id in params["ids"]]}

        self.agents = self.beside(status=self.SAME, auth_list={"rows": [self.ROW]}, grant=grant, sessions_list=listed)
        self.ids = [self.spawn(self.agents).id for _ in range(6)]

    def often(self, most: int, ask):
        """Not more often than an answer gets old, however fast it is asked for."""
        begin = time.monotonic()
        for _ in range(60):
            ask()
        self.assertLessEqual(len(self.asked), most * ((time.monotonic() - begin) / YOUNG + 2))

    def test_a_young_answer_is_good_enough_for_all(self):
        self.often(2, lambda: self.agents.call("sessions.list"))

    def test_and_for_who_names_many(self):
        self.often(1, lambda: self.agents.call("sessions.list", ids=self.ids[:5], brief=True))
        self.assertEqual(set(map(len, self.asked)), {6})

    def test_who_names_a_few_has_what_they_did_up_to_now(self):
        self.agents.call("sessions.list")
        for total in range(100, 110):
            self.asked.clear()
            for each in self.rows.values():
                each["requests"] = each["requests"] | {"total": total}
            seen = self.agents.call("sessions.list", ids=self.ids[:4])["sessions"]
            self.assertEqual([each["requests"]["total"] for each in seen], [total] * 4)
            self.assertEqual(self.asked, [[f"there{i}" for i in range(4)]])


class ManySessions(Beside):
    def test_what_its_sessions_did_is_asked_in_parts(self):
        """All rows at once are more than is read of one answer, and the connection would end, and every grant with it."""
        rows = {}

        def grant(_):
            id = f"there{len(rows)}"
            models = [{"asked": "a" * 128, "answered": f"{i:0>128}", "count": 1} for i in range(32)]
            rows[id] = self.row(id) | {"model": "m" * 256, "workspace": "w" * 64, "role": "r" * 64, "models": models,
                                       "last": {"at": "2026-11-27T00:00:00Z", "status": 400, "message": "w" * 500}}  # fmt: skip
            return {"session": {"id": id, "keys": "broker", "ends_with": "connection"}, "token": None, "warnings": [],
                    "key_scope": "container", "base_urls": {"anthropic_messages": "http://127.0.0.1:9/api/anthropic"}}  # fmt: skip

        asked = []

        def listed(params):
            asked.append(params)
            return {"sessions": [rows[id] | ({"models": []} if params.get("brief") else {}) for id in params.get("ids", rows)]}

        status = {**self.SAME, "version": "1.0.0"}
        agents = self.beside(status=status, auth_list={"rows": [self.ROW]}, grant=grant, sessions_list=listed)
        status.update({key: value for key, value in agents.call("status").items() if key not in status})
        status["broker"] = None
        for _ in range(SESSIONS):
            self.spawn(agents)
        self.assertGreater(len(json.dumps(list(rows.values()))), 4 * 1024 * 1024)
        seen = agents.call("sessions.list")["sessions"]
        self.assertEqual([each["requests"]["total"] for each in seen], [7] * SESSIONS)
        of_all_models = lambda: sum(len(params["ids"]) for params in asked if not params.get("brief"))
        self.assertEqual(of_all_models(), SESSIONS)
        asked.clear()
        rows["there7"]["requests"]["total"] = rows["there8"]["streams"] = 1
        time.sleep(2 * YOUNG)
        self.assertEqual(len(agents.call("sessions.list")["sessions"]), SESSIONS)
        self.assertEqual(of_all_models(), 2, "all models are asked for of those that have done something since")
        asked.clear()
        time.sleep(2 * YOUNG)
        agents.call("sessions.list")
        self.assertEqual(of_all_models(), 0, "though a request is under way, whose model is told at its end")
        rows["there8"]["streams"] = 0
        time.sleep(2 * YOUNG)
        agents.call("sessions.list")
        self.assertEqual(of_all_models(), 1)
        asked.clear()
        self.assertEqual(len(agents.call("sessions.list", ids=[seen[0]["id"]])["sessions"]), 1)
        self.assertEqual([len(params["ids"]) for params in asked], [1], "who asks for one has one asked for")
        agents.call("sessions.list", ids=["x"])
        self.assertEqual(len(asked), 1)
        asked.clear()
        agents.call("sessions.list", ids=[seen[0]["id"]] * 300)
        self.assertEqual([len(params["ids"]) for params in asked], [1], "once, however often it is named")
        asked.clear()
        for each in rows.values():
            each["requests"]["total"] = 8
        time.sleep(2 * YOUNG)
        agents.call("status")
        self.assertEqual([params["brief"] for params in asked], [True, True], "status needs no models but another one's")
        self.assertEqual(len(rows), SESSIONS)  # none was granted anew


if __name__ == "__main__":
    unittest.main(verbosity=2)
