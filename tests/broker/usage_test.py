"""What is left of a plan: one question, one answer, whatever the provider sends."""

import json
import time
import unittest

from case import Case
from harness import KEY, Broker, answer, request

PLAN = {"usages": {"limit_5h": {"used_ratio": 0.42, "reset_time": "2026-11-26T14:00:00Z"}}}
GOOD = answer(json.dumps(PLAN).encode())


def sending(*pieces: bytes, pause: float = 0, ends: bool = False):
    """`ends`: with TLS' own goodbye, without which an answer may have been cut."""

    def serve(peer, _):
        peer.request()
        for piece in pieces:
            peer.send(piece)
            time.sleep(pause)
        if ends:
            peer.connection.unwrap()

    return serve


class Usage(Case):
    number = 0

    def asked(self, broker: Broker, url: str, key: str = KEY, shape: str = "kimi") -> dict:
        Usage.number += 1
        broker.tell("usage", id=str(Usage.number), url=url, shape=shape, key=key)
        told = broker.wait_for(lambda each: each.get("usage_answer", {}).get("id") == str(Usage.number))
        return told["usage_answer"]

    def of(self, serve) -> tuple[dict, bytes]:
        broker, provider = self.broker(), self.provider(serve)
        seen = self.asked(broker, f"https://localhost:{provider.port}/coding/v1/usages")
        self.assertEqual(broker.process.poll(), None)
        self.assertNotIn("FAKE-", json.dumps(seen))
        return seen, provider.bytes

    def test_one_request_with_the_key_to_that_address(self):
        seen, got = self.of(sending(GOOD))
        self.assertEqual(seen["windows"], [{"label": "5 hours", "used_percent": 42, "resets_at": "2026-11-26T14:00:00Z"}])
        head = got.decode()
        self.assertTrue(head.startswith("GET /coding/v1/usages HTTP/1.1\r\nHost: localhost:"), head)
        self.assertIn(f"Authorization: Bearer {KEY}\r\n", head)
        self.assertIn("User-Agent: capsule-broker/", head)
        self.assertEqual(head.count("\r\n\r\n"), 1)

    def test_however_it_is_cut(self):
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        body = json.dumps(PLAN).encode()
        for pieces in (
            [chunked, *(b"1\r\n%c\r\n" % byte for byte in body), b"0\r\n\r\n"],
            [bytes([byte]) for byte in GOOD],
            [b"HTTP/1.1 200 OK\r\n\r\n", body],
            [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body],
        ):
            with self.subTest(pieces[0]):
                seen, _ = self.of(sending(*pieces, ends=True))
                self.assertEqual([each["used_percent"] for each in seen["windows"]], [42], seen)

    def test_whatever_else_it_sends(self):
        for pieces, error in (
            ([answer(b"<html>sign in</html>")], "a web page"),
            ([answer(b"")], "empty"),
            ([answer(b'{"hello":1}')], "another shape"),
            ([answer(b'{"usages":')], "no JSON"),
            ([b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n" + b"[" * 200_000], "far too long"),
            ([b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 200_000], "far too long"),
            ([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"], "before its answer was whole"),
            ([b"\x16\x03\x01rubbish\r\n\r\n"], "no sound HTTP"),
            ([b"a" * 70_000], "no sound HTTP"),
            ([], "closed the connection"),
            ([answer(KEY.encode(), "401 Unauthorized")], "the key was refused (HTTP 401)"),
            ([answer(b"", "302 Found", "Location: https://elsewhere.example/")], "leads elsewhere"),
        ):
            with self.subTest(error):
                seen, _ = self.of(sending(*pieces))
                self.assertIn(error, seen["error"])
                self.assertEqual(seen["windows"], [])

    def test_a_slow_one_is_not_waited_for_for_ever_and_holds_nobody_up(self):
        broker, provider = self.broker(), self.provider(sending(b"HTTP/1.1 200 OK\r\n", *([b"X: y\r\n"] * 600), pause=0.1))
        broker.control.settimeout(60)
        other = self.provider()
        broker.grant(other)
        broker.tell("usage", id="slow", url=f"https://localhost:{provider.port}/", shape="zai", key=KEY)
        self.assertEqual(self.ask(broker).status, 200)
        told = broker.wait_for(lambda each: each.get("usage_answer", {}).get("id") == "slow")
        self.assertIn("in time", told["usage_answer"]["error"])

    def test_where_no_key_goes(self):
        broker, elsewhere = self.broker(), self.provider(sending(GOOD), name="elsewhere.example")
        for url, error in (
            ("http://example.invalid/", "http"),
            ("https://169.254.169.254/latest", "link-local"),
            ("ftp://localhost/", ""),
            ("", ""),
            (f"https://localhost:{elsewhere.port}/", "TLS: "),
            ("https://no-such-host.invalid/", "DNS: "),
            ("http://127.0.0.1:1/", "TCP: "),
        ):
            seen = self.asked(broker, url)
            self.assertIn(error, seen["error"])
        self.assertEqual(elsewhere.bytes, b"")
        self.assertIn("shape", self.asked(broker, "https://localhost:1/", shape="other")["error"])


if __name__ == "__main__":
    unittest.main()
