"""Agents that vanish, crawl, or send a great deal."""

import json
import os
import select
import socket
import struct
import threading
import time
import unittest

from case import Case, sending
from harness import BOUND, TOKEN, answer, read_reply, request, until


def reset(connection: socket.socket):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def memory(process) -> int:
    """Resident kilobytes without its program's own, of which more is read as it does more."""
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))


class Clients(Case):
    def test_one_that_vanishes_while_the_provider_thinks(self):
        gone = threading.Event()

        def serve(peer, _):
            peer.request()
            try:
                peer.more()
            finally:
                gone.set()

        for leave in (reset, socket.socket.close):
            gone.clear()
            broker, provider = self.pair(serve)
            connection = self.connect(broker)
            connection.sendall(request(broker.port))
            self.assertTrue(until(lambda: b"m-0" in provider.bytes))
            leave(connection)
            self.assertTrue(gone.wait(20), "the provider goes on for nobody")

    def test_one_that_vanishes_in_a_download(self):
        gone = threading.Event()

        def serve(peer, _):
            peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                while True:
                    peer.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            finally:
                gone.set()

        broker, _ = self.pair(serve)
        connection = self.connect(broker)
        connection.sendall(request(broker.port))
        connection.recv(1000)
        reset(connection)
        self.assertTrue(gone.wait(20))
        self.assertEqual(broker.traffic()["failed"], 1)

    def test_one_that_vanishes_in_an_upload(self):
        gone = threading.Event()

        def serve(peer, _):
            try:
                peer.request()
            finally:
                gone.set()

        broker, provider = self.pair(serve)
        connection = self.connect(broker)
        connection.sendall(request(broker.port, "Content-Length: 1000000", length=False, body=b"begun"))
        self.assertTrue(until(lambda: b"begun" in provider.bytes))
        connection.close()
        self.assertTrue(gone.wait(20))
        self.assertEqual(broker.traffic()["failed"], 1)

    def test_one_that_vanishes_while_its_upload_waits_for_the_provider(self):
        """Nothing is left of it, also not of what the provider has not taken."""
        gone = threading.Event()

        def serve(peer, _):
            peer.request_head()
            broken = select.poll()
            broken.register(peer.connection, select.POLLHUP)
            if broken.poll(1000 * BOUND):
                gone.set()

        for leave in (reset, socket.socket.close):
            gone.clear()
            broker, provider = self.broker(), self.provider(serve, tls=False)
            broker.grant(provider)
            connection = self.connect(broker)
            connection.sendall(request(broker.port, "Content-Length: 100000000", length=False, body=b""))
            connection.settimeout(1)
            with self.assertRaises(TimeoutError):  # none takes more
                while True:
                    connection.send(bytes(1 << 20))
            leave(connection)
            self.assertTrue(gone.wait(BOUND), "the provider has it still")
            self.assertEqual(broker.traffic()["failed"], 1)

    def test_two_hundred_megabytes_up(self):
        size = 200 * 1000 * 1000
        got = {"bytes": 0}

        def serve(peer, _):
            while b"\r\n\r\n" not in peer.buffer:
                peer.buffer += peer.connection.recv(65536)
            got["bytes"] = len(peer.buffer.partition(b"\r\n\r\n")[2])
            while got["bytes"] < size:
                got["bytes"] += len(peer.connection.recv(1 << 20))
            peer.send(answer())

        broker, _ = self.pair(serve)
        before = memory(broker.process)
        connection = self.connect(broker)
        connection.settimeout(120)
        connection.sendall(request(broker.port, f"Content-Length: {size}", length=False, body=b""))
        piece = bytes(1 << 20)
        left = size
        while left > 0:
            connection.sendall(piece[:left])
            left -= len(piece[:left])
        self.assertEqual(read_reply(connection).status, 200)
        self.assertEqual(got["bytes"], size)
        if not os.environ.get("CAPSULE_SANITIZE"):  # sanitizers keep freed memory back
            self.assertLess(memory(broker.process) - before, 2048)

    def test_one_that_does_not_read_holds_the_provider_back(self):
        sent = {"bytes": 0}

        def serve(peer, _):
            peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
            for _ in range(200):
                peer.send(bytes(1000000))
                sent["bytes"] += 1000000

        broker, _ = self.pair(serve)
        before = memory(broker.process)
        connection = self.connect(broker)
        connection.sendall(request(broker.port))
        self.assertTrue(until(lambda: sent["bytes"] > 0))
        last = -1
        while last != sent["bytes"]:  # until nothing more goes in
            last = sent["bytes"]
            time.sleep(0.5)
        self.assertLess(sent["bytes"], 100_000_000)
        if not os.environ.get("CAPSULE_SANITIZE"):  # sanitizers keep freed memory back
            self.assertLess(memory(broker.process) - before, 2048)
        left = 200_000_000
        while b"\r\n\r\n" not in (raw := connection.recv(65536)):
            pass
        left -= len(raw.partition(b"\r\n\r\n")[2])
        while left > 0:
            left -= len(connection.recv(1 << 20))
        self.assertEqual(left, 0)

    def test_byte_by_byte(self):
        broker, _ = self.pair()
        connection = self.connect(broker)
        for byte in request(broker.port):
            connection.sendall(bytes([byte]))
            time.sleep(0.002)
        self.assertEqual(read_reply(connection).status, 200)

    def test_a_refused_upload_still_gets_its_answer(self):
        broker, provider = self.pair()
        connection = self.connect(broker)
        connection.sendall(request(broker.port, "Content-Length: 5000000", token="cst_wrong", length=False, body=bytes(500000)))
        self.refused(read_reply(connection), 401, "capsule_session_ended")
        self.assertEqual(provider.connections, 0)

    def test_what_capsuled_has_not_read_is_added_up(self):
        """A busy broker tells more than a capsuled reads that has much else to do: it is told later, and nothing is lost."""
        def serve(peer, _):
            while True:
                peer.request()
                peer.send(answer(b'{"model":"%s"}' % (b"a" * 120)))

        one, provider = self.broker(), self.provider(serve, tls=False)
        sessions, rounds, models = 8, 16, 32
        connections = []
        for i in range(sessions):
            one.grant(provider, session=f"s{i}", token=TOKEN[:-1] + str(i))
            connections.append(self.connect(one))
        for _ in range(rounds):
            for i, connection in enumerate(connections):
                for model in range(models):
                    body = b'{"model":"%s%02d"}' % (b"m" * 120, model)
                    connection.sendall(request(one.port, token=TOKEN[:-1] + str(i), body=body))
                    self.assertEqual(read_reply(connection).status, 200)
            time.sleep(0.3)  # it tells four times a second
        told = size = 0
        while told < sessions * rounds * models:
            line = one.lines.readline()
            size += len(line)
            told += json.loads(line).get("traffic", {}).get("requests", 0)
        self.assertEqual(told, sessions * rounds * models)
        self.assertLess(size, 800_000)

    def test_one_that_is_turned_out_keeps_no_way_to_the_broker_taken(self):
        """After an orderly end its port leads there for as long as it likes, and one user could have all of them."""
        broker, _ = self.pair(stranger_ms=300, header_ms=300)
        idle, begun, refused = (self.connect(broker) for _ in range(3))
        begun.sendall(b"POST /api")
        refused.sendall(request(broker.port, token="cst_wrong"))
        self.assertEqual(read_reply(refused).status, 401)
        for each in idle, begun, refused:
            self.assertEqual(each.recv(100), b"", "first there is an orderly end")
            self.assertTrue(until(lambda each=each: self.is_closed(each)))
        strangers = [self.connect(broker) for _ in range(600)]
        self.assertEqual(read_reply(strangers[0]).status, 503)
        self.assertTrue(until(lambda: self.is_closed(strangers[0])))

    def of_a_size(self, *headers: bytes):
        """More than the kernel takes of this client, and less than it has room for at the broker."""
        return sending(b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Type: text/plain", *headers]) + b"\r\n\r\n" + b"x" * 60_000)

    def connect_with_little_room(self, broker) -> socket.socket:
        connection = socket.socket()
        self.addCleanup(connection.close)
        connection.settimeout(BOUND)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", broker.port))
        return connection

    def test_one_that_pauses_while_it_reads_has_all_of_a_whole_answer(self):
        """The kernel has it, and a reset would take it back."""
        length = b"Content-Length: 60000"
        reading = []
        for ends, provider_says, agent_says in (("agent", [length], ["Connection: close"]), ("provider", [b"Connection: close"], []), ("idle", [length], []),
                                                ("half", [length], [])):  # fmt: skip
            broker, provider = self.broker(idle_ms=60_000 if ends == "half" else 300), self.provider(self.of_a_size(*provider_says), tls=False)
            broker.grant(provider)
            connection = self.connect_with_little_room(broker)
            connection.sendall(request(broker.port, *agent_says))
            reading.append((ends, connection, connection.recv(1)))
            if ends == "half":  # it has nothing more to say
                broker.traffic()
                connection.shutdown(socket.SHUT_WR)
        time.sleep(4)  # longer than who is refused may take to go
        for ends, connection, got in reading:
            with self.subTest(ends):
                while piece := connection.recv(1 << 20):
                    got += piece
                self.assertEqual(len(got.partition(b"\r\n\r\n")[2]), 60_000)
                self.assertTrue(until(lambda connection=connection: self.is_closed(connection)), "and then keeps no way to the broker taken")

    def test_one_that_never_reads_on_keeps_none_taken_either(self):
        broker, provider = self.broker(), self.provider(self.of_a_size(), tls=False)
        broker.grant(provider, timeout_ms=500)
        connection = self.connect_with_little_room(broker)
        connection.sendall(request(broker.port))
        connection.recv(1)
        self.assertTrue(until(lambda: self.is_closed(connection)))

    def is_closed(self, connection: socket.socket) -> bool:
        closed = 7  # TCP_CLOSE
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == closed


if __name__ == "__main__":
    unittest.main()
