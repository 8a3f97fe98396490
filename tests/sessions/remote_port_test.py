"""The port of a broker whose sessions another capsuled has: nobody else gets it, or these sessions end."""

import socket
import unittest

from capsule import until
from held_port import AS_ROOT, HeldPort, listen
from remote import Remote


class RemotePort(Remote, HeldPort):
    @AS_ROOT
    def test_no_other_user_gets_it_while_the_keys_are_away(self):
        for own_user in ("spawn", "admin"):
            with self.subTest(own_user=own_user):
                keys, agents, _ = self.two(own_user=own_user)
                session = self.spawn(agents)
                self.holder(keys)
                for down in (lambda keys=keys: self.kill_all(keys), lambda keys=keys: self.assertEqual(keys.stop(), 0)):
                    self.not_taken(keys, session, down)
                    self.holder(keys)

    @AS_ROOT
    def test_nor_while_both_are_away(self):
        keys, agents, _ = self.two(own_user="admin")
        session = self.spawn(agents)
        self.holder(keys)
        self.assertEqual(agents.stop(), 0)
        self.assertTrue(until(lambda: self.states(keys) == {}))

        def down():
            self.assertEqual(keys.stop(), 0)

        with self.stranger(session.port) as (tried, taken):
            for _ in range(2):
                down()
                before = tried.value
                self.assertTrue(until(lambda before=before: tried.value > before + 1000))
                self.assertFalse(taken.is_set())
                keys.start()
            agents.start()
            self.assertTrue(until(session.answered), agents.logged())
            self.assertFalse(taken.is_set())

    @AS_ROOT
    def test_nor_that_of_a_session_that_ends_with_its_connection(self):
        """Its agent may run on, with the address and a token that is worth nothing."""
        capsule, _ = self.pair()
        connection = capsule.connect()
        granted = connection.call("grant", agent="claude", provider="zai", ends_with="connection")
        port = int(granted["base_urls"]["anthropic_messages"].split(":")[2].split("/")[0])
        self.holder(capsule)
        with self.stranger(port) as (tried, taken):
            self.assertEqual(capsule.stop(), 0)
            self.assertTrue(until(lambda: tried.value > 1000))
            self.assertFalse(taken.is_set())

    def test_where_it_is_lost_sessions_end_and_that_is_told(self):
        for own_user in ("spawn", "admin"):
            with self.subTest(own_user=own_user):
                keys, agents, _ = self.two(own_user=own_user)
                session = self.spawn(agents)
                self.kill_all(keys)
                keys.end_holder()
                taken = []  # the last thread of a killed broker may still have it for a moment
                self.assertTrue(until(lambda taken=taken, port=session.port: self.has(port, taken)))
                with taken[-1]:
                    keys.start()
                    self.assertTrue(until(lambda agents=agents: self.states(agents) == {}), agents.logged())
                    [ended] = agents.call("sessions.list", all=True)["sessions"]
                    self.assertEqual(ended["id"], session.id)
                    self.assertIn(f"another program took 127.0.0.1:{session.port} ", ended["ended"])
                self.assertTrue(until(lambda keys=keys: keys.call("status")["broker"]["state"] == "running"), keys.logged())
                self.assertEqual(self.spawn(agents).ask().status, 200)

    def has(self, port: int, taken: list) -> bool:
        taken.append(listen(port, (socket.SO_REUSEADDR,)))
        return taken[-1] is not None


if __name__ == "__main__":
    unittest.main()
