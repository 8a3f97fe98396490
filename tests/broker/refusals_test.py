"""What is refused, each with its status, its code, a cure, and no byte of it at the provider."""

import os
import socket
import time
import unittest

from case import Case
from harness import TOKEN, read_reply, request, until

OTHER = "cst_" + "O" * 43


class Refusals(Case):
    def setUp(self):
        self.one, self.provider_ = self.pair()

    def nothing_sent(self):
        self.assertEqual(self.provider_.connections, 0)

    def test_whose_token_it_is(self):
        self.refused(self.ask(self.one, token=OTHER), 401, "capsule_session_ended")
        self.refused(self.ask(self.one, token=None), 401, "capsule_no_token")
        self.refused(self.ask(self.one, "Authorization: Basic dXNlcjp4", token=None), 401, "capsule_no_token")
        self.refused(self.ask(self.one, token=TOKEN[:-1]), 401, "capsule_session_ended")
        self.nothing_sent()
        self.one.wait_for(lambda told: told.get("strangers", {}).get("code") == "capsule_session_ended")

    def test_are_told_with_their_user_and_not_one_by_one(self):
        """Whoever is refused writes a line into the daemon's log with each report."""
        def told(after: int = 0) -> dict:
            return self.one.wait_for(lambda each: "strangers" in each, after)["strangers"]

        self.ask(self.one, token=OTHER)
        self.assertEqual(told(), {"code": "capsule_session_ended", "count": 1, "uid": os.geteuid()})
        before = len(self.one.told)
        for _ in range(6):
            self.ask(self.one, token=OTHER)
            time.sleep(0.4)  # twice as long as what is told at once is gathered
        self.ask(self.one, token=None)
        reports = [told(before), told(before + 1)]
        self.assertEqual([(each["code"], each["count"]) for each in reports], [("capsule_no_token", 1), ("capsule_session_ended", 6)])

    @unittest.skipUnless(os.geteuid() == 0, "becoming another user takes root")
    def test_are_not_told_with_each_of_many_users_who_have_no_session(self):
        """Whoever has a range of subuid(5) is as many users as it has numbers."""
        one = self.broker()
        one.grant(self.provider_, uid=4242)
        many = 60
        for uid in range(100_000, 100_000 + many):
            os.seteuid(uid)
            connection = socket.socket()  # whose it is from here on
            os.seteuid(0)
            connection.settimeout(60)
            connection.connect(("127.0.0.1", one.port))
            self.addCleanup(connection.close)
            connection.sendall(request(one.port, token=OTHER))
        told = lambda: [each["strangers"] for each in one.told if "strangers" in each]
        one.wait_for(lambda _: sum(each["count"] for each in told()) == many)
        self.assertLess(len(told()), many / 2)  # if it takes two reports

    def test_a_session_without_a_key(self):
        self.one.grant(self.provider_, session="s2", token=OTHER, key=None)
        self.refused(self.ask(self.one, token=OTHER), 401, "capsule_key_absent")
        self.nothing_sent()

    def test_another_users_token(self):
        self.one.grant(self.provider_, session="s2", token=OTHER, uid=4242)
        self.refused(self.ask(self.one, token=OTHER), 403, "capsule_not_this_session")
        self.nothing_sent()

    def test_where_it_may_not_go(self):
        for target in ("/", "/api", "/api/anthropicx", "/api/paas/v4/chat/completions"):
            self.refused(self.ask(self.one, target=target), 403, "capsule_not_this_session")
        for target in ("/api/anthropic/../paas", "/api/anthropic//v1", "/api/anthropic/%2e%2e/x", "/api/anthropic/a%2fb",
                       "/api/anthropic/a%5Cb", "/api/anthropic/%252e%252e", "http://127.0.0.1/api/anthropic/v1", "*",
                       f"/api/anthropic/v1?key={TOKEN}"):
            self.refused(self.ask(self.one, target=target), 400, "capsule_bad_target")
        self.nothing_sent()

    def test_who_is_no_agent(self):
        for host in ("localhost", "evil.example", f"localhost:{self.one.port}", "127.0.0.1", f"127.0.0.1:{self.one.port + 1}"):
            self.refused(self.ask(self.one, host=host), 403, "capsule_not_this_session")
        for header in ("Origin: http://127.0.0.1", "Origin: null", "Sec-Fetch-Mode: cors", "sec-fetch-site: none"):
            self.refused(self.ask(self.one, header), 403, "capsule_not_this_session")
        self.nothing_sent()

    def test_what_is_no_plain_http(self):
        base = request(self.one.port, body=b"")
        start = base[: -len(b"Content-Length: 0\r\n\r\n")]
        for rest in (b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
                     b"Transfer-Encoding: gzip\r\n\r\n", b"Transfer-Encoding : chunked\r\n\r\n", b"A: b\r\n c\r\n\r\n", b"A : b\r\n\r\n",
                     b"A: b\0\r\n\r\n", b"A: b\rc\r\n\r\n", b"A: b\n\r\n", b"Trailer: x\r\n\r\n"):
            self.refused(self.ask_raw(self.one, start + rest), 400, "capsule_bad_request")
        self.refused(self.ask_raw(self.one, base.replace(b"HTTP/1.1", b"HTTP/1.0")), 400, "capsule_bad_request")
        self.refused(self.ask_raw(self.one, b"\x16\x03\x01\x02\x00\r\n\r\n"), 400, "capsule_bad_request")
        self.refused(self.ask(self.one, method="CONNECT", target="api.z.ai:443"), 405, "capsule_bad_method")
        self.refused(self.ask(self.one, "Expect: 200-ok"), 417, "capsule_bad_request")
        self.nothing_sent()

    def test_chunks_that_are_not_plain(self):
        start = request(self.one.port, "Transfer-Encoding: chunked", body=b"", length=False)
        for body in (b"3;x=y\r\nabc\r\n0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n", b"x\r\n", b"3\nabc\n0\n\n"):
            self.refused(self.ask_raw(self.one, start + body), 400, "capsule_bad_request")
        self.nothing_sent()

    def test_no_upgrade(self):
        self.refused(self.ask(self.one, "Upgrade: websocket", "Connection: Upgrade", method="GET"), 426, "capsule_no_upgrade")
        self.nothing_sent()

    def test_headers_without_end(self):
        self.refused(self.ask(self.one, "X-Long: " + "a" * 70000), 431, "capsule_head_too_large")
        self.refused(self.ask_raw(self.one, b"GET /" + b"a" * 70000), 431, "capsule_head_too_large")
        self.nothing_sent()

    def test_the_shape_is_the_agents(self):
        self.one.grant(self.provider_, session="s2", token=OTHER, key=None, surface="openai_responses", provider="minimax", label="MiniMax")
        reply = self.ask(self.one, "Authorization: Bearer " + OTHER, token=None)
        self.assertEqual(reply.status, 401)
        self.assertEqual(reply.error["type"], "authentication_error")
        self.assertIsNone(reply.error["param"])
        self.assertIn("MiniMax", reply.error["message"])


class Bounds(Case):
    def test_streams_of_a_session(self):
        def silent(peer, _):
            peer.request()
            peer.more()

        broker, provider = self.pair(silent, streams=2)
        held = [self.connect(broker) for _ in range(2)]
        for each in held:
            each.sendall(request(broker.port))
        self.assertTrue(until(lambda: provider.connections == 2))
        reply = self.ask(broker)
        self.refused(reply, 429, "capsule_busy")
        self.assertEqual(reply.headers["retry-after"], "1")
        broker.grant(provider, session="s2", token=OTHER)
        third = self.connect(broker)
        third.sendall(request(broker.port, token=OTHER))
        self.assertTrue(until(lambda: provider.connections == 3))  # another session is not held up

    def test_a_head_that_does_not_come(self):
        broker, provider = self.pair(header_ms=300, idle_ms=100000)
        connection = self.connect(broker)
        connection.sendall(b"POST /api")
        self.assertEqual(connection.recv(100), b"")
        self.assertEqual(provider.connections, 0)

    def test_an_idle_connection(self):
        broker, _ = self.pair(idle_ms=300)
        connection = self.connect(broker)
        connection.sendall(request(broker.port))
        self.assertEqual(read_reply(connection).status, 200)
        self.assertEqual(connection.recv(100), b"")

    def test_a_silent_provider(self):
        broker, provider = self.broker(), self.provider(lambda peer, _: (peer.request(), peer.more()))
        broker.grant(provider, timeout_ms=300)
        self.refused(self.ask(broker), 504, "capsule_upstream_timeout")


if __name__ == "__main__":
    unittest.main()
