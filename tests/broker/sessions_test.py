"""The lives of sessions and keys: rotation, removal, the end; whose socket it is."""

import contextlib
import multiprocessing
import os
import signal
import socket
import struct
import threading
import time
import unittest

from case import Case, inside, sending
from harness import Broker, KEY, TOKEN, answer, read_reply, request, until

NEW = "FAKE-rotated-key-5555555555"


def streaming(gate):
    """Sends a first event at once and the rest when the gate is open; every later request is answered."""

    def serve(peer, _):
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        if until(lambda: gate["open"]):
            peer.send(b"3\r\ntwo\r\n0\r\n\r\n")

    return serve


class Sessions(Case):
    def begun(self, broker):
        connection = self.connect(broker)
        connection.sendall(request(broker.port))
        raw = b""
        while b"one" not in raw:
            raw += connection.recv(65536)
        return connection

    def test_nobody_is_told_of_a_token_before_the_broker_is_ready(self):
        """It may end for what it is configured with: the token's requests would hang."""
        grant = {"session": "s1", "token_sha256": "0" * 64, "provider": "zai", "label": "Z.AI", "base_url": "http://127.0.0.1:1/api",
                 "surface": "anthropic_messages", "agent": "claude", "timeout_ms": 1000, "refusals": []}  # fmt: skip
        broker = Broker(before=[{"grant": grant}, {"revoke": {"session": "s1", "reason": "ended"}}])
        self.addCleanup(broker.close)
        broker.wait_for(lambda message: message.get("taken", {}).get("message") == "revoke")
        self.assertEqual([next(iter(each)) for each in broker.told], ["ready", "taken", "taken"])

    def test_a_token_is_good_as_long_as_a_session_has_it(self):
        """Whose grant was under way when its caller began anew has a second one with the same token."""
        for ends, goes_on in (("s1", "s2"), ("s2", "s1")):
            broker, provider = self.pair()
            broker.grant(provider, session="s2")
            broker.tell("revoke", session=ends, reason="its connection has ended")
            self.assertEqual(self.ask(broker).status, 200, goes_on)
            broker.tell("revoke", session=goes_on, reason="it was ended")
            self.refused(self.ask(broker), 401, "capsule_session_ended")

    def test_only_a_token_that_may_be_granted_anew_is_told_to_ask_again(self):
        broker, provider = self.pair()
        self.refused(self.ask(broker, token=TOKEN + "2"), 401, "capsule_session_ended")
        broker.tell("revoke", session="s1", reason="its connection has ended", grants_ms=3_000_000)
        self.refused(self.ask(broker), 503, "capsule_starting")
        self.refused(self.ask(broker, token=TOKEN + "2"), 401, "capsule_session_ended")
        broker.grant(provider)
        self.assertEqual(self.ask(broker).status, 200)
        broker.tell("revoke", session="s1", reason="its connection has ended", grants_ms=1)
        self.assertTrue(until(lambda: self.ask(broker).status == 401), "and no longer than that")

    def test_a_rotated_key_is_the_next_requests_and_streams_go_on(self):
        gate = {"open": False}
        broker, provider = self.pair(streaming(gate))
        connection = self.begun(broker)
        broker.tell("key", provider="zai", value=NEW)
        second = self.connect(broker)
        second.sendall(request(broker.port))
        self.assertTrue(until(lambda: len(provider.received) == 2 and NEW.encode() in provider.received[1]))
        self.assertNotIn(KEY.encode(), provider.received[1])
        gate["open"] = True
        raw = b""
        while not raw.endswith(b"0\r\n\r\n"):
            got = connection.recv(65536)
            self.assertTrue(got, "the running stream was cut")
            raw += got
        self.assertIn(b"two", raw)

    def test_a_removed_key(self):
        broker, provider = self.pair()
        broker.tell("key", session="s1", reason="it was unset by capsulectl auth")
        reply = self.ask(broker)
        self.refused(reply, 401, "capsule_key_absent")
        self.assertIn("it was unset by capsulectl auth", reply.error["message"])
        broker.tell("key", session="s1", value=NEW)
        self.assertEqual(self.ask(broker).status, 200)
        self.assertIn(NEW.encode(), provider.bytes)

    def test_a_key_that_is_removed_while_its_provider_is_connected_to(self):
        broker, provider = self.pair(connect_ms=60_000)
        come, go, real = threading.Event(), threading.Event(), provider.context

        class Slow:
            def wrap_socket(self, raw, server_side):
                come.set()
                go.wait(60)
                return real.wrap_socket(raw, server_side=server_side)

        provider.context = Slow()
        connection = self.connect(broker)
        connection.sendall(request(broker.port))
        self.assertTrue(come.wait(60))
        broker.tell("key", session="s1", reason="it was unset by capsulectl auth")
        broker.wait_for(lambda told: told.get("taken", {}).get("message") == "key")
        go.set()
        self.refused(read_reply(connection), 401, "capsule_key_absent")
        self.assertNotIn(KEY.encode(), provider.bytes)

    def test_the_end_cuts_its_streams_and_no_others(self):
        gate = {"open": False}
        broker, provider = self.pair(streaming(gate))
        broker.grant(provider, session="s2", token="cst_two")
        connection = self.begun(broker)
        other = self.connect(broker)
        other.sendall(request(broker.port, token="cst_two"))
        raw = b""
        while b"one" not in raw:
            raw += other.recv(65536)
        begin = time.monotonic()
        broker.tell("revoke", session="s1", reason="its process has ended")
        with self.assertRaises(ConnectionResetError):
            while connection.recv(65536):
                pass
        self.assertLess(time.monotonic() - begin, 1 if os.environ.get("CAPSULE_TIMED") else 10)
        reply = self.ask(broker)
        self.refused(reply, 401, "capsule_session_ended")
        self.assertIn("its process has ended", reply.error["message"])
        gate["open"] = True
        while b"two" not in raw:
            raw += other.recv(65536)

    def test_a_message_that_is_none_ends_it(self):
        broker, _ = self.pair()
        broker.control.sendall(b'{"grant":{"session":1}}\n')
        self.assertEqual(broker.process.wait(20), 1)
        self.assertIn("grant", broker.stderr())

    def test_it_ends_with_capsuled(self):
        broker, _ = self.pair()
        broker.lines.close()
        broker.control.close()
        self.assertEqual(broker.process.wait(20), 0)
        broker, _ = self.pair()
        broker.tell("end")
        self.assertEqual(broker.process.wait(20), 0)

    def test_its_end_is_not_that_of_an_answer_that_only_ends(self):
        """Only the end of the connection says that such an answer is whole."""
        for end in (lambda broker: broker.control.shutdown(socket.SHUT_RDWR), lambda broker: broker.tell("end"),
                    lambda broker: broker.process.kill()):  # fmt: skip
            stop = threading.Event()
            broker, _ = self.pair(half_an_answer(stop))
            connection = self.begun(broker)
            end(broker)
            with self.assertRaises(ConnectionResetError):
                while connection.recv(65536):
                    pass
            stop.set()

    def test_nor_is_its_end_that_of_a_whole_one_that_is_not_taken(self):
        """The kernel would try on without the broker, and a connection of no process keeps the next one from the port."""
        body = bytes(60_000)  # more than a client's kernel takes, and less than the broker's has room for
        length = b"Content-Length: %d\r\n\r\n" % len(body) + body
        chunks = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
        for name, answered, headers, ends_its_side in (
            ("length", length, (), False), ("chunks", chunks, (), False), ("closes", length, ("Connection: close",), False),
            ("only its end", b"Connection: close\r\n\r\n" + body, (), False), ("has no more to say", length, (), True),
        ):  # fmt: skip
            with self.subTest(name):
                serve = sending(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" + answered)
                broker, provider = self.broker(), self.provider(serve, tls=False)
                broker.grant(provider)
                connection = socket.socket()
                self.addCleanup(connection.close)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect(("127.0.0.1", broker.port))
                connection.sendall(request(broker.port, *headers))
                self.assertEqual(broker.traffic()["failed"], 0, "all of it has passed")
                if ends_its_side:
                    connection.shutdown(socket.SHUT_WR)
                    time.sleep(0.5)
                broker.process.kill()
                broker.process.wait()
                self.assertEqual(left_at(broker.port), [])
                with self.assertRaises(ConnectionResetError):
                    while connection.recv(65536):
                        pass


def left_at(port: int) -> list[str]:
    """What the kernel still sends from there."""
    sending_on = ("04", "09", "0B")  # FIN-WAIT-1, LAST-ACK, CLOSING
    with open("/proc/net/tcp") as table:
        return [line for line in table if line.split()[1] == f"0100007F:{port:04X}" and line.split()[3] in sending_on]


def half_an_answer(stop: threading.Event):
    def serve(peer, _):
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n")
        stop.wait(60)

    return serve


def ask_as(uid: int, port: int, text: bytes, answers):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(text)
        answers.put(read_reply(connection).status)


def ask_mapped(uid: int, port: int, text: bytes, answers):
    os.setresuid(uid, uid, uid)
    with socket.create_connection(("::ffff:127.0.0.1", port), timeout=20) as connection:
        connection.sendall(text)
        answers.put(read_reply(connection).status)


def ask_bound(uid: int, port: int, text: bytes, answers):
    """From a socket that belongs to the loopback's interface: any user may do that."""
    os.setresuid(uid, uid, uid)
    with socket.socket() as connection:
        connection.settimeout(20)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        connection.connect(("127.0.0.1", port))
        connection.sendall(text)
        answers.put(read_reply(connection).status)


def ask_hidden(uid: int, port: int, text: bytes, answers):
    """From a socket that belongs to another interface once the request is sent: any user may do that, too."""
    os.setresuid(uid, uid, uid)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(text)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"card")
        answers.put(0)
        with contextlib.suppress(OSError):
            connection.recv(1)


def ask_from(uid: int, port: int, source: int, text: bytes, stays: bool, said):
    """Its port is the next one's who wants it at once, if it resets the connection."""
    os.setresuid(uid, uid, uid)
    with socket.socket() as connection:
        connection.settimeout(20)
        connection.bind(("127.0.0.1", source))
        connection.connect(("127.0.0.1", port))
        connection.sendall(text)
        said.put(connection.getsockname()[1])
        if stays:
            said.put(read_reply(connection).status)
        else:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@unittest.skipUnless(os.geteuid() == 0, "becoming another user takes root")
class Users(Case):
    def status_as(self, uid: int, broker, ask=ask_as) -> int:
        answers = multiprocessing.Queue()
        child = multiprocessing.Process(target=ask, args=(uid, broker.port, request(broker.port), answers))
        child.start()
        status = answers.get(timeout=30)
        child.join()
        return status

    def test_a_token_is_good_for_its_user_alone(self):
        broker, provider = self.broker(), self.provider()
        broker.grant(provider, uid=4242)
        for ask in (ask_as, ask_mapped, ask_bound):
            self.assertEqual(self.status_as(4243, broker, ask), 403)
            self.assertEqual(self.status_as(0, broker, ask), 403)
        self.assertEqual(provider.connections, 0)
        for ask in (ask_as, ask_mapped, ask_bound):
            self.assertEqual(self.status_as(4242, broker, ask), 200)

    def test_a_token_is_no_good_to_a_user_who_hides_the_socket(self):
        """The kernel does not say whose it is then, and says nothing of another network namespace by that."""
        with inside(self.network("ip link set lo up && ip link add card type veth peer name other")):
            broker, provider = self.broker(), self.provider()
            broker.grant(provider, uid=4242)
            answers = multiprocessing.Queue()
            child = multiprocessing.Process(target=ask_hidden, args=(4243, broker.port, request(broker.port), answers))
            os.kill(broker.process.pid, signal.SIGSTOP)
            try:
                child.start()
                answers.get(timeout=30)
            finally:
                os.kill(broker.process.pid, signal.SIGCONT)
            broker.wait_for(lambda told: "strangers" in told or "traffic" in told)
            child.terminate()
            child.join()
        self.assertEqual([each["strangers"]["code"] for each in broker.told if "strangers" in each], ["capsule_peer_gone"])
        self.assertEqual(provider.connections, 0)

    def test_a_request_whose_socket_is_closed_already_is_nobodys(self):
        broker, provider = self.broker(), self.provider()
        broker.grant(provider, uid=4242)
        os.kill(broker.process.pid, 19)
        try:
            for _ in range(5):
                with socket.create_connection(("127.0.0.1", broker.port), timeout=20) as connection:
                    connection.sendall(request(broker.port))
        finally:
            os.kill(broker.process.pid, 18)
        broker.wait_for(lambda told: told.get("strangers", {}).get("code") == "capsule_peer_gone")
        self.assertEqual(provider.connections, 0)

    def test_nor_is_it_whose_socket_has_its_port_by_then(self):
        """Of the token's user, who is asked for by address and port."""
        broker, provider = self.broker(), self.provider()
        broker.grant(provider, uid=4242)
        thief, owner = multiprocessing.Queue(), multiprocessing.Queue()
        os.kill(broker.process.pid, signal.SIGSTOP)
        try:
            left = multiprocessing.Process(target=ask_from, args=(4243, broker.port, 0, request(broker.port, body=b"stolen"), False, thief))
            left.start()
            port = thief.get(timeout=30)
            left.join()
            comes = multiprocessing.Process(target=ask_from, args=(4242, broker.port, port, request(broker.port, body=b"own"), True, owner))
            comes.start()
            self.assertEqual(owner.get(timeout=30), port)
        finally:
            os.kill(broker.process.pid, signal.SIGCONT)
        self.assertEqual(owner.get(timeout=30), 200)
        comes.join()
        broker.wait_for(lambda told: told.get("strangers", {}).get("code") == "capsule_peer_gone")
        self.assertIn(b"own", provider.bytes)
        self.assertNotIn(b"stolen", provider.bytes)


if __name__ == "__main__":
    unittest.main()
