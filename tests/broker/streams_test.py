"""Streams that are not as they should be: counted as far as they are sound, never a byte changed, never held back."""

import socket
import threading
import time
import unittest

from case import Case
from harness import BOUND, KEY, request

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(text: str) -> bytes:
    return b"data: " + text.encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def dechunked(body: bytes) -> bytes:
    out = b""
    while body != b"0\r\n\r\n":
        size, _, body = body.partition(b"\r\n")
        out += body[:int(size, 16)]
        assert body[int(size, 16):].startswith(b"\r\n"), body
        body = body[int(size, 16) + 2:]
    return out


def streaming(*pieces: bytes):
    """Each piece in a chunk and a write of its own."""

    def serve(peer, _):
        while True:
            peer.request()
            peer.send(HEAD)
            for piece in pieces:
                peer.send(chunk(piece))
            peer.send(b"0\r\n\r\n")

    return serve


START = event('{"type":"message_start","message":{"model":"m-0","usage":{"input_tokens":10,"output_tokens":1}}}')
DELTA = event('{"type":"content_block_delta","delta":{"text":"caf\u00e9 \u2603 \\"usage\\":{\\"output_tokens\\":999}"}}')


def usage(output: str) -> bytes:
    return event('{"type":"message_delta","usage":{"output_tokens":%s}}' % output)


class Unread(Case):
    def test_the_kernel_keeps_little_of_it(self):
        """The broker's memory has a limit that the agent's has not."""
        sent = 0

        def serve(peer, _):
            nonlocal sent
            peer.request()
            peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 26))
            while True:
                peer.send(b"x" * 16384)
                sent += 16384

        broker, _ = self.pair(serve)
        connection = self.connect(broker)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request(broker.port))
        before = -1
        while before != sent or sent == 0:
            before = sent
            time.sleep(1)
        self.assertLess(sent, 1 << 20)

    def test_nor_of_a_request_that_the_provider_does_not_take(self):
        ended = threading.Event()
        self.addCleanup(ended.set)

        def serve(peer, _):
            peer.request_head()
            ended.wait()

        broker, _ = self.pair(serve)
        connection = self.connect(broker)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        connection.sendall(request(broker.port, f"Content-Length: {1 << 24}", body=b"", length=False))
        connection.settimeout(3)
        sent = 0
        with self.assertRaises(TimeoutError):
            while sent < 1 << 24:
                sent += connection.send(b" " * 16384)
        self.assertLess(sent, 1 << 21)


class Streams(Case):
    def passes(self, *pieces: bytes) -> dict:
        """Gives what was counted of a stream that came through byte for byte."""
        broker, _ = self.pair(streaming(*pieces))
        connection = self.connect(broker)
        connection.sendall(request(broker.port))
        raw = b""
        while not raw.endswith(b"\r\n0\r\n\r\n"):
            got = connection.recv(1 << 20)
            self.assertTrue(got, raw[-200:])
            raw += got
        body = raw.partition(b"\r\n\r\n")[2]
        self.assertEqual(body, b"".join(map(chunk, pieces)) + b"0\r\n\r\n")
        seen = broker.traffic()
        self.assertEqual((seen["requests"], seen["failed"], seen["last"]["status"]), (1, 0, 200))
        return seen

    def tokens(self, *pieces: bytes) -> tuple[int, int]:
        counted = self.passes(*pieces)["tokens"]
        return counted["input"], counted["output"]

    def test_a_sound_one(self):
        seen = self.passes(START, DELTA, usage("42"))
        self.assertEqual(seen["tokens"], {"input": 10, "output": 42, "cached": 0})
        self.assertEqual(seen["models"], [{"asked": "m-0", "answered": "m-0", "count": 1}])

    def test_broken_events(self):
        for broken in (
            b"data: {\"type\":\"message_delta\",\"usage\":{\"output_tok\n\n",
            b"data: ]}]}\"\n\n",
            b"data: \xff\xfe\x00\n\n",
            b"data" + b":" * 5000 + b"\n\n",
            b"event\nid\nretry: x\n: no\n\n\n\n",
            b"{\"usage\":{\"output_tokens\":7}}\n",
            event("[" * 5000),
            event('{"usage":' * 2000),
            event('{"usage":{"output_tokens":-5,"input_tokens":"11"}}'),
            event('{"usage":{"output_tokens":99999999999999999999}}'),
            event('{"usage":{"output_tokens":{"a":[]}}}'),
        ):
            with self.subTest(broken[:40]):
                self.assertEqual(self.tokens(START, broken, DELTA, usage("42")), (10, 42))

    def test_a_usage_that_goes_backwards(self):
        self.assertEqual(self.tokens(START, usage("50"), usage("20"), usage("0")), (10, 50))

    def test_half_a_character_at_a_chunks_end(self):
        whole = START + DELTA + usage("42")
        for at in (whole.index(b"\xc3\xa9") + 1, whole.index(b"\xe2\x98\x83") + 2, whole.rindex(b"42") + 1):
            self.assertEqual(self.tokens(whole[:at], whole[at:]), (10, 42))
        self.assertEqual(self.tokens(*(whole[at : at + 1] for at in range(len(whole)))), (10, 42))

    def test_a_million_tiny_events(self):
        tiny = b"data:1\n\n" * 1000
        begin = time.monotonic()
        self.assertEqual(self.tokens(START, *[tiny] * 1000, usage("42")), (10, 42))
        self.assertLess(time.monotonic() - begin, 3 * BOUND)

    def test_an_event_arrives_before_the_next_is_sent(self):
        gate = {"open": False}

        def serve(peer, _):
            peer.request()
            peer.send(HEAD + chunk(b"data: {\"usa"))
            end = time.monotonic() + BOUND
            while not gate["open"] and time.monotonic() < end:
                time.sleep(0.01)
            peer.send(chunk(b"ge\":{\"output_tokens\":3}}\n\n") + b"0\r\n\r\n")

        broker, _ = self.pair(serve)
        connection = self.connect(broker)
        connection.sendall(request(broker.port))
        raw = b""
        while b"usa" not in raw:
            raw += connection.recv(65536)
        gate["open"] = True
        while not raw.endswith(b"0\r\n\r\n"):
            raw += connection.recv(65536)
        self.assertEqual(broker.traffic()["tokens"]["output"], 3)

    def test_an_error_in_a_stream_that_repeats_the_key(self):
        """Of status 200, wherever it is cut: what had gone on before keeps its chunks."""
        error = b'event: error\ndata: {"type":"error","error":{"type":"authentication_error","message":"no key %s, sorry"}}\n\n'
        events, told = START + error % KEY.encode(), START + error % (b"*" * len(KEY))
        raw = chunk(START) + chunk(events[len(START):len(START) + 40]) + chunk(events[len(START) + 40:]) + b"0\r\n\r\n"
        cuts = [*range(len(START), len(START) + 25), *range(len(raw) - 60, len(raw), 7)]

        def serve(peer, _):
            peer.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for cut in cuts:
                peer.request()
                peer.send(HEAD + raw[:cut])
                time.sleep(0.01)
                peer.send(raw[cut:])

        broker, _ = self.pair(serve)
        for cut in cuts:
            reply = self.ask(broker)
            self.assertEqual(dechunked(reply.raw.partition(b"\r\n\r\n")[2]), told, cut)
        self.assertEqual(broker.traffic(requests=len(cuts))["failed"], len(cuts))


if __name__ == "__main__":
    unittest.main()
