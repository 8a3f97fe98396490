"""To whom a connection to a provider goes, and when it is used again."""

import contextlib
import os
import re
import signal
import socket
import threading
import time
import unittest

from case import Case
from harness import BOUND, KEY, TOKEN, answer, answering, read_reply, request, until


@unittest.skipIf(os.geteuid(), "needs root to be another user")
class ServersOfOthers(Case):
    def test_get_no_key_on_the_loopback(self):
        """While an operator's server there is away, any user can have its port."""
        for does in ("takes", "waits"):
            broker, (server, url) = self.broker(), self.server(does)
            broker.grant(base_url=url)
            reply = self.ask(broker)
            self.refused(reply, 502, "capsule_upstream_unreachable")
            self.assertIn("uid 4711 listens there", reply.error["message"])
            self.assertIn("[broker] upstream_users", reply.error["message"])
            if does == "takes":
                self.assertEqual(server.stdout.readline(), "b''\n")

    def test_get_none_by_a_socket_that_root_made(self):
        """As systemd and inetd do for services: it is root's that listens, and theirs that takes the connection."""
        with socket.create_server(("127.0.0.1", 0)) as made:
            broker, (server, url) = self.broker(), self.server("has root's socket", port=made.fileno(), given=(made.fileno(),))
        broker.grant(base_url=url)
        reply = self.ask(broker)
        self.refused(reply, 502, "capsule_upstream_unreachable")
        self.assertIn("uid 4711 listens there", reply.error["message"])
        self.assertEqual(server.stdout.readline(), "b''\n")

    def test_get_none_where_root_takes_what_comes_to_them(self):
        """The kernel says that it is root's where it takes one itself for a user, as it does for AF_SMC."""
        os.seteuid(4711)
        try:
            theirs = socket.create_server(("127.0.0.1", 0))
        finally:
            os.seteuid(0)
        broker, provider = self.broker(), self.provider(tls=False, listener=theirs)
        broker.grant(provider)
        for _ in range(200):  # whether it is taken by the time that the broker asks differs
            reply = self.ask(broker)
            self.refused(reply, 502, "capsule_upstream_unreachable")
            self.assertIn("uid 4711 listens there", reply.error["message"])
        self.assertEqual(provider.bytes, b"")

    def test_get_it_where_the_operator_says_so(self):
        broker, (server, url) = self.broker(upstream_uids=[17, 4711]), self.server("takes")
        broker.grant(base_url=url)
        self.assertEqual(self.ask(broker).status, 200)
        self.assertIn(KEY, server.stdout.readline())

    def test_of_the_brokers_own_user_get_none_where_agents_are_that_user(self):
        """A sidecar's broker has the agents' uid and their loopback."""
        own = {"arguments": ["--uid", 4711, "--gid", 4711]}
        for limits, gets in (({}, True), ({"agents_uid": 4711}, False), ({"agents_uid": 4711, "upstream_uids": [4711]}, True)):
            with self.subTest(limits):
                broker, (server, url) = self.broker(**own, **limits), self.server("takes")
                broker.grant(base_url=url)
                reply = self.ask(broker)
                self.assertEqual(reply.status, 200 if gets else 502, reply.raw)
                got = server.stdout.readline()
                if gets:
                    self.assertIn(KEY, got)
                    continue
                self.assertEqual(got, "b''\n")
                for word in ("uid 4711 listens there. Agents may run as that user", "[access] own_user", "[broker] upstream_users"):
                    self.assertIn(word, reply.error["message"])

    def test_of_the_agents_user_get_no_password_of_a_proxys_either(self):
        server, url = self.server("takes")
        proxy = url.partition("//")[2].partition("/")[0]
        broker = self.broker(arguments=["--uid", 4711, "--gid", 4711], agents_uid=4711, proxy=f"http://user:FAKE-word@{proxy}")
        broker.grant(base_url="https://provider.example/api/anthropic")
        reply = self.ask(broker)
        self.refused(reply, 502, "capsule_upstream_unreachable")
        self.assertIn("uid 4711 listens there. Agents may run as that user", reply.error["message"])
        self.assertEqual(server.stdout.readline(), "b''\n")

    def test_of_root_get_it_but_not_where_agents_are_root(self):
        for agents, status in ((4711, 200), (0, 502)):
            broker, provider = self.broker(arguments=["--uid", 4711, "--gid", 4711], agents_uid=agents), self.provider(tls=False)
            broker.grant(provider)
            self.assertEqual(self.ask(broker).status, status)
            self.assertEqual(KEY.encode() in provider.bytes, status == 200)

    HOSTS = {"hosts": "127.0.0.1 localhost\n::1 localhost\n"}

    def test_on_one_address_do_not_take_the_operators_on_another(self):
        for does in ("takes", "waits", "is full"):
            with self.subTest(does):
                broker, provider = self.broker(wrapper=self.with_etc(self.HOSTS)), self.provider(tls=False)
                self.server(does, "::1", provider.port)
                broker.grant(provider)
                reply = self.ask(broker)
                self.assertEqual(reply.status, 200, reply.raw)
                self.assertIn(KEY.encode(), provider.bytes)
                provider.close()
                broker.grant(session="s2", token=TOKEN + "2", base_url=f"http://localhost:{provider.port}/api/anthropic", key=KEY + "2")
                if does != "is full":
                    self.assertIn("uid 4711 listens there", self.ask(broker, token=TOKEN + "2").error["message"])

    def test_are_not_even_tried_there(self):
        """Who lets connections wait has each new one to the right server wait. And over TLS, who takes them is the only one tried."""
        for tls in (False, True):
            with self.subTest(tls=tls):
                broker, provider = self.broker(wrapper=self.with_etc(self.HOSTS)), self.provider(tls=tls)
                server, _ = self.server("takes", "::1", provider.port)
                broker.grant(provider)
                reply = self.ask(broker)
                self.assertEqual(reply.status, 200, reply.raw)
                with socket.create_connection(("::1", provider.port)) as first:
                    first.sendall(b"first")
                    self.assertEqual(server.stdout.readline(), "b'first'\n")

    def test_that_take_nothing_for_root_do_not_either(self):
        """Of a server of root's without a place for a connection nothing tells whether it will have one."""
        for backlog in (0, 8):
            with self.subTest(backlog=backlog):
                broker, provider = self.broker(wrapper=self.with_etc(self.HOSTS)), self.provider(tls=False)
                with contextlib.ExitStack() as open_:
                    full = open_.enter_context(socket.create_server(("::1", provider.port), family=socket.AF_INET6, backlog=backlog))
                    for _ in range(0 if backlog else 4):
                        filling = open_.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
                        filling.connect_ex(full.getsockname())
                    broker.grant(provider)
                    reply = self.ask(broker)
                    self.assertEqual(reply.status, 200, reply.raw)


class ServersThatTakeTheirTime(Case):
    """No key goes to one on the loopback without TLS before it has taken the connection."""

    def late(self, seconds: float, connect_ms: int):
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        broker = self.broker(connect_ms=connect_ms)
        broker.grant(base_url=f"http://127.0.0.1:{server.getsockname()[1]}/api/anthropic")

        def take():
            time.sleep(seconds)
            connection, _ = server.accept()
            with connection:
                connection.settimeout(BOUND)
                while b"\r\n\r\n{" not in (got := connection.recv(65536, socket.MSG_PEEK)) and got:
                    time.sleep(0.01)
                connection.sendall(answer())

        threading.Thread(target=take, daemon=True).start()
        return self.ask(broker)

    def test_are_waited_for(self):
        self.assertEqual(self.late(1.0, 30_000).status, 200)

    def test_are_not_waited_for_without_end(self):
        self.refused(self.late(60.0, 500), 504, "capsule_upstream_timeout")

    def test_may_take_one_only_when_something_has_come(self):
        """What Apache does (TCP_DEFER_ACCEPT). There are servers that close a connection for an empty line."""
        for begins in ("POST", "GET", "CONNECT"):
            provider = self.provider(tls=False)
            provider.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 30)
            broker = self.broker(proxy=f"http://user:word@127.0.0.1:{provider.port}")
            broker.grant(provider, **({"base_url": "https://provider.example/api/anthropic"} if begins == "CONNECT" else {}))
            self.ask(broker, method="GET" if begins == "GET" else "POST")
            self.assertTrue(provider.bytes.startswith(begins.encode() + b" "), provider.bytes)


class EarlyProvider:
    """Answers a POST before it has read the body, keeps the connection, and reads on when it is told to."""

    def __init__(self):
        self.answers, self.reads_on = threading.Event(), threading.Event()
        self.missing = [0]  # bytes of the newest body that are not there yet

    def __call__(self, peer, _):
        rest = b""
        while True:
            while b"\r\n\r\n" not in rest:
                rest += self.more(peer)
            head, _, rest = rest.partition(b"\r\n\r\n")
            size = int((re.search(rb"content-length: *(\d+)", head, re.I) or [b"", b"0"])[1])
            missing = [size - len(rest)]
            if size:
                self.missing = missing
                self.answers.wait(BOUND)
            peer.send(answer() if size else answer(b"{}", "200 OK", "Connection: close"))
            if not size:
                return  # each body has buffers of a new connection's size
            self.reads_on.wait(BOUND)
            rest = rest[size:]
            while missing[0] > 0:
                got = self.more(peer)
                missing[0] -= len(got)
                if missing[0] < 0:
                    rest = got[missing[0]:]  # the next request's

    @staticmethod
    def more(peer) -> bytes:
        got = peer.connection.recv(256 * 1024)
        if not got:
            raise ConnectionError("it closed")
        return got


class AnswersBeforeItHasRead(Case):
    def ask_early(self, size: int, patience: float) -> tuple[bool, int, int]:
        """Whether the agent's connection goes on; how many bytes of the body were not written when the answer was
        there (after so many seconds without one more); and on how many new connections the next request came."""
        self.early.answers.clear()
        self.early.reads_on.clear()
        with self.connect(self.broker_) as connection, self.connect(self.broker_) as other:
            body = request(self.broker_.port, body=b"A" * size)
            threading.Thread(target=self.send, args=(connection, body), daemon=True).start()
            time.sleep(0.1)  # for the kernel's buffers to be full: too short a time only makes the test see less
            self.early.answers.set()
            reply = read_reply(connection)
            self.assertEqual(reply.status, 200)
            self.broker_.process.send_signal(signal.SIGSTOP)
            self.early.reads_on.set()
            missing, since = self.early.missing[0], time.monotonic()
            while missing > 0 and time.monotonic() - since < patience:
                time.sleep(0.01)
                if self.early.missing[0] != missing:
                    missing, since = self.early.missing[0], time.monotonic()
            self.broker_.process.send_signal(signal.SIGCONT)
            before = self.provider_.connections
            other.sendall(request(self.broker_.port, method="GET"))
            self.assertEqual(read_reply(other).status, 200)
            return reply.headers.get("connection") != "close", missing, self.provider_.connections - before

    @staticmethod
    def send(connection, body: bytes):
        with contextlib.suppress(OSError):
            connection.sendall(body)

    def test_the_next_request_takes_another_connection(self):
        """Else its head, with the key, could get into the middle of what the provider takes for the first one's body."""
        self.early = EarlyProvider()
        self.broker_, self.provider_ = self.broker(), self.provider(self.early, tls=False)
        self.broker_.grant(self.provider_)
        low, high = 64 * 1024, 16 * 1024 * 1024
        while high - low > 32 * 1024:  # where what the kernel takes of a body ends
            middle = (low + high) // 2
            goes_on, _, _ = self.ask_early(middle, 0)
            low, high = (middle, high) if goes_on else (low, middle)
        seen = 0
        for size in range(high - 160 * 1024, high + 96 * 1024, 16 * 1024):
            _, missing, new = self.ask_early(size, 1)
            seen += missing > 0
            self.assertTrue(missing == 0 or new == 1, f"of {size} bytes {missing} were not written")
        self.assertGreater(seen, 0, "no body was too large for the kernel's buffers")


class KeptConnections(Case):
    def connections_after(self, broker, provider, **members) -> int:
        """How many new ones the next request takes, after this one."""
        self.assertGreater(self.ask(broker, "Connection: close", **members).status, 0)
        before = provider.connections
        self.assertGreater(self.ask(broker, "Connection: close", method="HEAD").status, 0)
        return provider.connections - before

    def test_after_an_answer_of_the_usual_kind(self):
        broker, provider = self.pair()
        self.assertEqual(self.connections_after(broker, provider), 0)
        self.assertEqual(self.connections_after(broker, provider, method="GET"), 0)

    def test_not_after_one_behind_which_a_server_may_send_more(self):
        """A body behind the answer to HEAD, a 204 or a 304 would be the next session's answer."""
        for status, method in (("200 OK", "HEAD"), ("204 No Content", "POST"), ("304 Not Modified", "GET")):
            reply = f"HTTP/1.1 {status}\r\nETag: x\r\n\r\n".encode()
            broker, provider = self.pair(answering(reply))
            self.assertEqual(self.connections_after(broker, provider, method=method), 1, status)

    def test_not_after_a_body_was_refused(self):
        """A server that has not read it takes it for the next request, which would have the next one's key."""
        broker, provider = self.pair(answering(answer(b"{}", "404 Not Found")))
        self.assertEqual(self.connections_after(broker, provider), 1)
        self.assertEqual(self.connections_after(broker, provider, method="GET"), 0)

    def test_not_behind_a_body_where_no_model_is_asked(self):
        broker, provider = self.pair()
        self.assertEqual(self.connections_after(broker, provider, target="/api/anthropic/v1/messages?beta=true"), 0)
        self.assertEqual(self.connections_after(broker, provider, target="/api/anthropic/v1/files"), 1)
        self.assertEqual(self.connections_after(broker, provider, method="PUT", target="/api/anthropic/v1/messages"), 1)
        self.assertEqual(self.connections_after(broker, provider, target="/api/anthropic/v1/x/messages"), 1)

    def test_not_where_the_body_came_after_the_answer(self):
        """Neither a refusal nor a good answer is one to a body of which nothing had come."""
        for status in ("404 Not Found", "200 OK"):
            came = threading.Event()

            def serve(peer, _, status=status, came=came):
                peer.request_head()
                peer.send(answer(b"{}", status)[:-2])
                peer.more()
                came.wait(BOUND)
                peer.send(b"{}")
                while True:
                    peer.more()

            broker, provider = self.pair(serve)
            connection = self.connect(broker)
            connection.sendall(request(broker.port, "Content-Length: 12", length=False, body=b""))
            got = b""
            while b"\r\n\r\n" not in got:
                got += connection.recv(65536)
            connection.sendall(b"GET /hidden ")
            self.assertTrue(until(lambda: provider.bytes.endswith(b"GET /hidden ")))
            came.set()
            while not got.endswith(b"{}"):
                got += connection.recv(65536)
            other = self.connect(broker)
            other.sendall(request(broker.port))
            self.assertTrue(until(lambda: provider.bytes.count(b"POST") == 2))
            self.assertEqual(provider.connections, 2, status)

    def test_a_body_with_a_method_that_has_none_goes_nowhere(self):
        broker, provider = self.pair()
        hidden = b"DELETE /admin/keys HTTP/1.1\r\nHost: x\r\nX-Rest: "
        reply = self.ask(broker, f"Content-Length: {len(hidden)}", method="GET", length=False, body=hidden)
        self.refused(reply, 400, "capsule_bad_request")
        self.assertEqual(provider.bytes, b"")


if __name__ == "__main__":
    unittest.main()
