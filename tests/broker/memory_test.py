"""Where a key may be in the broker's memory, and when it is nowhere any more."""

import os
import socket
import time
import unittest

from case import Case, sending
from harness import KEY, TOKEN, answer, request, until


def holds(pid: int, text: bytes) -> bool:
    """Whether a process's memory has the text. As root."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            begin, end = (int(each, 16) for each in span.split("-"))
            memory.seek(begin)
            try:
                if text in memory.read(end - begin):
                    return True
            except OSError:
                pass
    return False


@unittest.skipIf(os.geteuid(), "reading another process's memory takes root")
@unittest.skipIf(os.environ.get("CAPSULE_SANITIZE"), "a sanitizer's memory is too much to read")
class Memory(Case):
    def gone(self, broker, session: str = "s1"):
        """With the last session that has it."""
        broker.tell("revoke", session=session, reason="ended")
        self.assertTrue(until(lambda: not holds(broker.process.pid, KEY.encode())), "the key is still there")

    def test_the_last_end_wipes_the_key(self):
        broker, provider = self.pair()
        broker.grant(provider, session="s2", token="cst_two")
        for token in (TOKEN, "cst_two"):
            self.assertEqual(self.ask(broker, token=token).status, 200)
        self.assertTrue(holds(broker.process.pid, KEY.encode()), "a live session's key is there: the look finds it")
        broker.tell("revoke", session="s1", reason="ended")
        self.assertTrue(holds(broker.process.pid, KEY.encode()))
        self.gone(broker, "s2")

    def test_and_what_was_read_of_an_error_that_repeats_it(self):
        repeats = b'{"error":{"message":"' + b"x" * 3000 + b" %s" % KEY.encode() + b'"}}'

        def serve(peer, _):
            """Each in two pieces: the second one is read for itself."""
            for status in ("401 Unauthorized", "200 OK"):
                peer.request()
                sent = answer(repeats, status)
                peer.send(sent[:-3000])
                time.sleep(0.05)
                peer.send(sent[-3000:])
            peer.request()
            peer.send(answer(repeats, "401 Unauthorized", "Content-Encoding: br"))

        broker, _ = self.pair(serve)
        for _ in range(3):
            self.assertNotIn(KEY.encode(), self.ask(broker).raw)
        self.gone(broker)

    def test_and_what_was_read_of_an_answer_that_repeats_it(self):
        """Of one that is none of an error's, too: in a header, in its body, behind its end."""
        body = b'{"echo":"' + b"x" * 3000 + b" %s" % KEY.encode() + b'"}'
        shapes = {"header": answer(b"{}", "200 OK", f"X-Echo: {KEY}"), "body": answer(body), "end": answer(b"{}") + b" " * 3000 + KEY.encode()}
        for where, sent in shapes.items():
            for tls in (True, False):
                with self.subTest(where, tls=tls):
                    broker, provider = self.broker(), self.provider(sending(sent), tls=tls)
                    broker.grant(provider)
                    self.assertEqual(self.ask(broker).status, 200)
                    self.gone(broker)

    def test_and_what_a_usage_was_answered_that_repeats_it(self):
        broker, provider = self.broker(), self.provider(sending(answer(b'{"echo":"%s"}' % KEY.encode())))
        broker.tell("usage", id="u", url=f"https://localhost:{provider.port}/", shape="zai", key=KEY)
        broker.wait_for(lambda each: "usage_answer" in each)
        self.assertIn(KEY.encode(), provider.bytes)
        self.assertTrue(until(lambda: not holds(broker.process.pid, KEY.encode())), "the key is still there")

    def test_no_provider_keeps_it_by_a_handshake_without_end(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            silent.settimeout(30)
            broker = self.broker(connect_ms=300_000)
            broker.grant(base_url=f"https://localhost:{silent.getsockname()[1]}/api/anthropic")
            self.connect(broker).sendall(request(broker.port))
            with silent.accept()[0] as taken:
                self.assertTrue(taken.recv(1), "the handshake has begun")
                self.gone(broker)


if __name__ == "__main__":
    unittest.main()
