"""Connections to providers that are kept for a next request: how many, and whose make room."""

import threading
import unittest

from case import Case
from harness import answer, read_reply, request, until


class Kept(Case):
    def setUp(self):
        self.open, self.lock = 0, threading.Lock()
        self.provided = self.provider(self.serve, tls=False)

    def serve(self, peer, _):
        self.count(1)
        try:
            while True:
                peer.request()
                peer.send(answer())
        finally:
            self.count(-1)

    def count(self, more: int):
        with self.lock:
            self.open += more

    def ask_with_key(self, broker, number: int):
        """Over a connection of its own, as each agent does."""
        with broker.connect() as connection:
            self.ask_over(connection, broker, number)

    def grant_keys(self, broker, numbers, **members):
        for number in numbers:
            broker.grant(self.provided, session=f"s{number}", token=f"cst_{number}", key=f"FAKE-key-{number}-0123456789", **members)

    def test_of_all_keys_together_half_as_many_as_agents_have(self):
        broker = self.broker(connections=8)
        self.grant_keys(broker, range(12))
        for number in range(12):
            self.ask_with_key(broker, number)
        self.assertTrue(until(lambda: self.open == 4), self.open)
        before = self.provided.connections
        for number in range(8, 12):
            self.ask_with_key(broker, number)
        self.assertEqual(self.provided.connections, before, "the shortest idle are kept")

    def test_whoever_has_most_makes_room(self):
        broker = self.broker(connections=8)
        self.grant_keys(broker, range(1), asked_by=4242)
        self.grant_keys(broker, range(1, 12), asked_by=4243)
        for number in range(12):
            self.ask_with_key(broker, number)
        self.assertTrue(until(lambda: self.open == 4), self.open)
        before = self.provided.connections
        self.ask_with_key(broker, 0)
        self.assertEqual(self.provided.connections, before)

    def with_few_descriptors(self):
        """They may be more than it has."""
        broker = self.broker(wrapper=("prlimit", "--nofile=64:64"))
        self.grant_keys(broker, range(100))
        return broker

    def ask_over(self, connection, broker, number: int):
        connection.sendall(request(broker.port, token=f"cst_{number}"))
        reply = read_reply(connection)
        self.assertEqual(reply.status, 200, reply.raw)

    def test_where_no_descriptor_is_left_they_make_room_for_agents(self):
        broker = self.with_few_descriptors()
        for number in range(40):
            self.ask_over(self.connect(broker), broker, number)

    def test_and_for_other_providers(self):
        broker = self.with_few_descriptors()
        one = self.connect(broker)
        for number in range(100):
            self.ask_over(one, broker, number)
        self.assertGreater(self.open, 32)


if __name__ == "__main__":
    unittest.main()
