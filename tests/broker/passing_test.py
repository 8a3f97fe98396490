"""What passes: the way there, the way back, and that it is not held up."""

import base64
import time
import unittest

from case import Case, authority
from harness import KEY, TARGET, TOKEN, answer, answering, read_reply, request, until


class Passing(Case):
    def test_a_request_goes_out_with_the_key_and_all_else_as_it_came(self):
        broker, provider = self.pair()
        reply = self.ask(broker, "User-Agent: claude-cli/2.1.197", "anthropic-beta: a,b", "Connection: keep-alive", "Cookie: c=d",
                         "X-Forwarded-For: 1.2.3.4", body=b'{"model":"m-0","x":"\xc3\xa9"}')
        self.assertEqual((reply.status, reply.body), (200, b'{"model":"m-1","usage":{"input_tokens":7,"output_tokens":3}}'))
        head, _, body = provider.bytes.partition(b"\r\n\r\n")
        self.assertEqual(body, b'{"model":"m-0","x":"\xc3\xa9"}')
        lines = head.decode().split("\r\n")
        self.assertEqual(lines[0], f"POST {TARGET} HTTP/1.1")
        for line in (f"Host: localhost:{provider.port}", f"x-api-key: {KEY}", "User-Agent: claude-cli/2.1.197", "anthropic-beta: a,b"):
            self.assertIn(line, lines)
        self.assertEqual(len(lines), 6, lines)
        self.assertNotIn(TOKEN.encode(), provider.bytes)

    def test_what_it_did_is_told(self):
        broker, _ = self.pair()
        self.ask(broker)
        seen = broker.traffic()
        self.assertEqual((seen["requests"], seen["failed"]), (1, 0))
        self.assertEqual(seen["tokens"], {"input": 7, "output": 3, "cached": 0})
        self.assertEqual(seen["models"], [{"asked": "m-0", "answered": "m-1", "count": 1}])
        self.assertEqual(seen["last"]["status"], 200)
        self.assertEqual(sum(seen["latency"]), 1)

    def test_a_limit_is_told_with_its_reset_and_gone_with_the_next_good_answer(self):
        limit = answer(b'{"error":{"code":"1308","message":"used up, resets at 2026-11-26 05:44:44"}}', "429 Too Many Requests")

        replies = [limit, answer()]

        def serve(peer, _):
            while replies:
                peer.request()
                peer.send(replies.pop(0))

        broker, provider = self.broker(), self.provider(serve)
        broker.grant(provider, refusals=[{"kind": "window", "status": 429, "code": "1308"}])
        self.assertEqual(self.ask(broker).status, 429)
        used_up = {"kind": "window", "message": "used up, resets at 2026-11-26 05:44:44", "resets_at": "2026-11-26 05:44:44"}
        self.assertEqual([each.get("limit") for each in broker.traffic()["verdicts"]], [used_up])
        self.assertEqual(self.ask(broker).status, 200)
        self.assertEqual([each.get("limit") for each in broker.traffic(requests=2)["verdicts"]], [None])

    def test_the_first_event_is_there_before_the_second_is_made(self):
        gate = {"open": False}

        def serve(peer, _):
            peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            peer.send(b"9\r\ndata: 1\n\n\r\n")
            until(lambda: gate["open"])
            peer.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

        broker, _ = self.pair(serve)
        connection = self.connect(broker)
        connection.sendall(request(broker.port))
        raw = b""
        while b"data: 1\n\n" not in raw:
            raw += connection.recv(65536)
        self.assertNotIn(b"data: 2", raw)
        gate["open"] = True
        while not raw.endswith(b"0\r\n\r\n"):
            raw += connection.recv(65536)
        self.assertIn(b"data: 2", raw)

    def test_connections_are_kept_on_both_sides(self):
        broker, provider = self.pair()
        connection = self.connect(broker)
        for _ in range(5):
            connection.sendall(request(broker.port))
            self.assertEqual(read_reply(connection).status, 200)
        self.assertEqual(self.ask(broker).status, 200)
        self.assertEqual(provider.connections, 1)

    def test_two_requests_in_one_packet_are_two(self):
        broker, provider = self.pair()
        connection = self.connect(broker)
        connection.sendall(request(broker.port, body=b"first") + request(broker.port, body=b"second"))
        raw = b""
        while raw.count(b"HTTP/1.1 200 OK\r\n") < 2:
            got = connection.recv(65536)
            self.assertTrue(got)
            raw += got
        self.assertLess(provider.bytes.index(b"first"), provider.bytes.index(b"second"))

    def test_keys_do_not_share_connections(self):
        broker, provider = self.pair()
        broker.grant(provider, session="s2", token="cst_other", key="FAKE-another-key-9876543210")
        self.ask(broker)
        self.ask(broker, token="cst_other")
        self.assertEqual(provider.connections, 2)
        for received in provider.received:
            self.assertEqual(received.count(b"FAKE-"), 1)

    def test_a_chunked_body_passes(self):
        broker, provider = self.pair()
        connection = self.connect(broker)
        connection.sendall(request(broker.port, "Transfer-Encoding: chunked", body=b"", length=False).replace(b"Content-Length: 0\r\n", b""))
        for piece in (b"5\r\nhel", b"lo\r\n", b"1\r\n!\r\n0\r\n\r\n"):
            connection.sendall(piece)
            time.sleep(0.01)
        self.assertEqual(read_reply(connection).status, 200)
        self.assertTrue(provider.bytes.endswith(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"))

    def test_who_expects_100_is_told_at_once(self):
        broker, provider = self.pair()
        connection = self.connect(broker)
        text = request(broker.port, "Expect: 100-continue", body=b"0123456789")
        head, body = text[:-10], text[-10:]
        connection.sendall(head)
        self.assertEqual(connection.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(body)
        self.assertEqual(read_reply(connection).status, 200)
        self.assertNotIn(b"Expect", provider.bytes)

    def test_the_probe_is_answered_here(self):
        broker, provider = self.pair()
        for target in ("/api/anthropic", "/api/anthropic/"):
            self.assertEqual(self.ask(broker, method="HEAD", target=target, token=None).status, 200)
        self.assertEqual(self.ask(broker, method="HEAD", target="/elsewhere", token=None).status, 401)
        self.assertEqual(provider.bytes, b"")

    def test_loopback_http_and_answers_until_the_end(self):
        def serve(peer, _):
            peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")

        broker, provider = self.broker(), self.provider(serve, tls=False)
        broker.grant(provider)
        self.assertEqual(self.ask(broker).body, b"until the end")

    def test_a_redirect_is_handed_back(self):
        broker, provider = self.pair(answering(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: https://elsewhere.example/\r\n"
                                               b"Set-Cookie: a=b\r\nAlt-Svc: h3\r\nContent-Length: 0\r\n\r\n"))
        reply = self.ask(broker)
        self.assertEqual((reply.status, reply.headers["location"]), (307, "https://elsewhere.example/"))
        self.assertNotIn("set-cookie", reply.headers)
        self.assertNotIn("alt-svc", reply.headers)
        self.assertEqual(provider.connections, 1)

    def test_a_proxys_head_has_a_bound(self):
        """It says nothing more and does not leave: nobody waits for its end."""
        def endless(peer, _):
            peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000)
            peer.more()

        broker = self.broker(proxy=f"http://user:word@127.0.0.1:{self.provider(endless, tls=False).port}", connect_ms=600_000)
        broker.grant(base_url="https://provider.example/api")
        reply = self.ask(broker, target="/api/v1/messages")
        self.refused(reply, 502, "capsule_upstream_unreachable")
        self.assertIn("the proxy does not answer", reply.error["message"])

    def test_through_a_proxy(self):
        provider = self.provider()
        seen = []

        def proxy(peer, _):
            while b"\r\n\r\n" not in peer.buffer:
                peer.more()
            seen.append(peer.buffer)
            peer.send(b"HTTP/1.1 403 No\r\n\r\n")

        way = self.provider(proxy, tls=False)
        broker = self.broker(proxy=f"http://us%65r:w%40rd%@127.0.0.1:{way.port}", no_proxy="localhost")
        broker.grant(base_url="https://api.z.ai/api/anthropic", provider="zai")
        reply = self.ask(broker)
        self.refused(reply, 502, "capsule_upstream_unreachable")
        self.assertIn("the proxy answered 403", reply.error["message"])
        self.assertTrue(seen[0].startswith(b"CONNECT api.z.ai:443 HTTP/1.1\r\n"))
        self.assertIn(b"Proxy-Authorization: Basic " + base64.b64encode(b"user:w@rd%") + b"\r\n", seen[0])
        broker.grant(provider, session="s2", token="cst_2")
        self.assertEqual(self.ask(broker, token="cst_2").status, 200)  # loopback goes by no proxy

    def test_tls_through_a_proxy(self):
        context = authority().server_context("elsewhere.example")

        def proxy(peer, way):
            self.assertTrue(peer.request()[0].startswith(b"CONNECT elsewhere.example:443 HTTP/1.1"))
            peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            peer.connection = context.wrap_socket(peer.connection, server_side=True)
            peer.request()
            peer.send(answer())

        way = self.provider(proxy, tls=False)
        broker = self.broker(proxy=f"http://127.0.0.1:{way.port}")
        broker.grant(base_url="https://elsewhere.example/api/anthropic")
        self.assertEqual(self.ask(broker).status, 200)
        self.assertIn(KEY.encode(), way.bytes)


if __name__ == "__main__":
    unittest.main()
