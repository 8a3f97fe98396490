"""Providers that are not as they should be."""

import contextlib
import os
import select
import signal
import socket
import struct
import threading
import time
import unittest

from case import Case, sending
from harness import BOUND, Broker, answer, read_reply, request, until


def descriptors(broker: Broker) -> int:
    return len(os.listdir(f"/proc/{broker.process.pid}/fd"))


class Providers(Case):
    def unreachable(self, broker, step: str):
        reply = self.ask(broker)
        self.refused(reply, 502, "capsule_upstream_unreachable")
        self.assertTrue(reply.error["message"].startswith(step), reply.error["message"])

    def test_not_there(self):
        broker = self.broker()
        broker.grant()  # port 1
        self.unreachable(broker, "TCP: ")

    def test_no_such_name(self):
        broker = self.broker()
        broker.grant(base_url="https://no-such-host.invalid/api/anthropic")
        self.unreachable(broker, "DNS: ")

    def test_a_certificate_of_another_name(self):
        broker, provider = self.broker(), self.provider(name="elsewhere.example")
        broker.grant(provider)
        self.unreachable(broker, "TLS: ")
        self.assertEqual(provider.bytes, b"")

    def test_a_certificate_that_nobody_trusts(self):
        provider = self.provider()
        broker = Broker()  # the system's store
        self.addCleanup(broker.close)
        broker.grant(provider)
        self.unreachable(broker, "TLS: ")
        self.assertEqual(provider.bytes, b"")

    def test_a_certificate_of_another_time_is_told_with_the_machines_clock(self):
        broker, provider = self.broker(), self.provider(name="expired")
        broker.grant(provider)
        today = time.strftime("%Y-%m-%d", time.gmtime())
        reply = self.ask(broker)
        self.refused(reply, 502, "capsule_upstream_unreachable")
        self.assertIn(f"certificate has expired; by this machine's clock it is {today}", reply.error["message"])

    def test_tls_that_is_too_old(self):
        broker, provider = self.broker(), self.provider(oldest=True)
        broker.grant(provider)
        self.unreachable(broker, "TLS: ")
        self.assertEqual(provider.bytes, b"")

    def test_one_that_has_closed_is_not_who_serves_its_port_by_then(self):
        """No request is written, nor an answer read, where nobody knows any more who was there."""
        broker = self.broker()
        with socket.create_server(("127.0.0.1", 0)) as server, self.connect(broker) as connection, socket.socket() as other:
            broker.grant(base_url=f"http://127.0.0.1:{server.getsockname()[1]}/api/anthropic")
            connection.sendall(request(broker.port))
            self.assertTrue(select.select([server], [], [], BOUND)[0])
            time.sleep(0.2)  # the broker waits for who takes it
            os.kill(broker.process.pid, signal.SIGSTOP)
            try:
                first, source = server.accept()
                first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                first.close()

                def bound() -> bool:  # as soon as the kernel has taken the reset to the broker's end
                    try:
                        other.bind(source)
                    except OSError:
                        return False
                    return True

                self.assertTrue(until(bound))
                other.connect(server.getsockname())
                second, _ = server.accept()
            finally:
                os.kill(broker.process.pid, signal.SIGCONT)
            reply = read_reply(connection)
            second.close()
        self.refused(reply, 502, "capsule_upstream_unreachable")
        self.assertTrue(reply.error["message"].startswith("TCP: "), reply.error["message"])
        self.assertIn("it closed the connection", reply.error["message"])

    def test_rubbish(self):
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2"
        for rubbish in (b"<html>\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0",
                        b"HTTP/1.1 200 OK\nA: b\n\n", b"HTTP/1.1 101 Switching\r\n\r\n", b"\0" * 70000,
                        chunked + b";a=b\r\n{}\r\n0\r\n\r\n", chunked + b"\r\n{}\r\n0\r\nA: b\r\n\r\n"):
            with self.subTest(rubbish[:40]):
                broker, _ = self.pair(sending(rubbish))
                self.refused(self.ask(broker), 502, "capsule_upstream_invalid")

    def test_a_hundred_headers_of_a_kilobyte(self):
        broker, _ = self.pair(sending(answer(b"{}", "200 OK", *(f"X-{n}: {'a' * 1000}" for n in range(100)))))
        self.refused(self.ask(broker), 502, "capsule_upstream_invalid")
        broker, _ = self.pair(sending(answer(b"{}", "200 OK", *(f"X-{n}: {'a' * 1000}" for n in range(50)))))
        self.assertEqual(len(self.ask(broker).headers), 52)

    def test_it_closes_without_an_answer(self):
        broker, _ = self.pair(sending())
        reply = self.ask(broker)
        self.refused(reply, 502, "capsule_upstream_unreachable")

    def cut_short(self, *pieces):
        broker, _ = self.pair(sending(*pieces))
        connection = self.connect(broker)
        connection.sendall(request(broker.port))
        raw = b""
        with self.assertRaises(ConnectionResetError):  # and not an orderly end, which could pass for the answer's
            while got := connection.recv(65536):
                raw += got
        seen = broker.traffic()
        self.assertEqual(seen["failed"], 1)

    def test_it_stops_in_the_middle(self):
        self.cut_short(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        self.cut_short(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")

    def test_chunks_that_are_rubbish(self):
        begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" + b"a" * 0x100000  # more than is read at once
        self.cut_short(begun, b"\r\nxyz\r\n")

    def test_it_trickles(self):
        def serve(peer, _):
            peer.request()
            for byte in answer(b"slowly"):
                peer.send(bytes([byte]))
                time.sleep(0.002)

        broker, _ = self.pair(serve)
        self.assertEqual(self.ask(broker).body, b"slowly")

    def test_a_kept_connection_that_was_closed_is_tried_again_and_nothing_else_is(self):
        def serve(peer, provider):
            peer.request()
            if peer.number != 1:
                peer.send(answer())

        broker, provider = self.pair(serve)  # it closes after each answer, though it said nothing of it
        self.assertEqual(self.ask(broker).status, 200)
        self.refused(self.ask(broker), 502, "capsule_upstream_unreachable")  # a new one that does not answer
        self.assertEqual(provider.connections, 2)
        self.assertEqual(self.ask(broker).status, 200)

    def test_an_early_answer_to_a_long_upload(self):
        def serve(peer, _):
            while b"\r\n\r\n" not in peer.buffer:
                peer.more()
            peer.send(answer(b'{"error":{"message":"too large"}}', "413 Too Large", "Connection: close"))

        broker, _ = self.pair(serve)
        connection = self.connect(broker)
        connection.sendall(request(broker.port, "Content-Length: 50000000", length=False, body=b"x" * 1000))
        reply = read_reply(connection)
        self.assertEqual(reply.status, 413)

    def test_one_that_takes_no_more_after_an_early_answer_holds_nothing(self):
        over = threading.Event()
        self.addCleanup(over.set)

        def serve(peer, _):
            while b"\r\n\r\n" not in peer.buffer:
                peer.more()
            time.sleep(0.5)  # until the broker cannot write
            peer.send(answer(b'{"error":{"message":"too large"}}', "413 Too Large"))
            over.wait(3 * BOUND)

        broker, _ = self.pair(serve)
        before = descriptors(broker)
        connection = self.connect(broker)
        connection.sendall(request(broker.port, "Content-Length: 500000000", length=False, body=b""))

        def upload():
            with contextlib.suppress(OSError):
                while True:
                    connection.sendall(bytes(1 << 16))

        sender = threading.Thread(target=upload, daemon=True)
        sender.start()
        self.assertEqual(read_reply(connection).status, 413)
        sender.join(0.5)
        self.assertTrue(sender.is_alive(), "it is cut off while it still sends: its answer may be lost")
        self.assertTrue(until(lambda: descriptors(broker) == before))

    def test_one_that_says_go_on_without_end_is_given_up(self):
        def serve(peer, _):
            peer.request()
            while True:
                peer.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 40_000)

        broker, provider = self.broker(), self.provider(serve, tls=False)
        broker.grant(provider)
        connection = self.connect(broker)
        connection.sendall(request(broker.port))
        self.assertTrue(until(lambda: b"m-0" in provider.bytes))
        self.refused(self.ask(broker, token="cst_wrong"), 401, "capsule_session_ended")
        self.refused(read_reply(connection), 502, "capsule_upstream_invalid")

    def test_what_tls_has_taken_in_already_is_not_waited_for(self):
        over = threading.Event()
        self.addCleanup(over.set)

        def serve(peer, _):
            peer.request()
            os.kill(broker.process.pid, signal.SIGSTOP)
            peer.send(b"HTTP/1.1 200 OK\r\nContent-")
            peer.connection.settimeout(0.2)
            with contextlib.suppress(OSError):  # its end of TLS, and not of the connection
                peer.connection.unwrap()
            os.kill(broker.process.pid, signal.SIGCONT)
            over.wait(3 * BOUND)

        broker, _ = self.pair(serve)
        self.refused(self.ask(broker), 502, "capsule_upstream_unreachable")

    def test_an_answer_with_more_than_it_said_is_cut_and_its_connection_not_used_again(self):
        broker, provider = self.pair(sending(answer(b"{}") + b"HTTP/1.1 200 OK\r\n\r\nsmuggled"))
        for _ in range(2):
            self.assertEqual(self.ask(broker).body, b"{}")
        self.assertEqual(provider.connections, 2)

    def test_bytes_that_come_after_an_answer_are_nobodys_answer(self):
        answered, sent = threading.Event(), threading.Event()

        def serve(peer, provider):
            peer.request()
            peer.send(answer(b"{}"))
            if provider.connections == 1:
                answered.wait(BOUND)
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled")
                sent.set()
            peer.more()

        broker, provider = self.pair(serve)
        self.assertEqual(self.ask(broker).body, b"{}")
        answered.set()
        self.assertTrue(sent.wait(BOUND))
        self.assertEqual(self.ask(broker).body, b"{}")
        self.assertEqual(provider.connections, 2)

    def test_a_body_that_was_streamed_is_not_sent_again_without_its_end(self):
        def serve(peer, _):
            peer.request()
            peer.send(answer(b"{}"))
            peer.request()  # and it goes, as one may that was kept for long

        broker, provider = self.pair(serve)
        self.assertEqual(self.ask(broker).status, 200)
        connection = self.connect(broker)
        whole = request(broker.port, body=b"A" * 300_000)
        connection.sendall(whole[:1000])
        time.sleep(0.2)
        connection.sendall(whole[1000:])
        self.refused(read_reply(connection), 502, "capsule_upstream_unreachable")
        self.assertEqual(provider.connections, 1)

    def test_no_key_goes_to_link_local_addresses(self):
        broker = self.broker()
        with self.assertRaises(AssertionError):
            broker.grant(base_url="https://169.254.169.254/api/anthropic")


if __name__ == "__main__":
    unittest.main()
