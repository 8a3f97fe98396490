"""One user's flood of connections and heads is nothing to another user's session, and little to another session of that user."""

import base64
import contextlib
import multiprocessing
import os
import re
import selectors
import signal
import socket
import struct
import tempfile
import time
import unittest

from case import Case
from clients_test import memory
from harness import KEY, TOKEN, read_reply, request, until

AGENT, FLOODER = 4242, 4243
OTHER = "cst_" + "F" * 43
WORST = 1 if os.environ.get("CAPSULE_TIMED") else 30  # seconds
MEDIAN = 0.1 if os.environ.get("CAPSULE_TIMED") else 2


def flood(uid: int, port: int, count: int, text: bytes, again: bool, filled, stop):
    """Keeps so many connections, each of which has sent the text (over and over: `again`); who is closed comes back."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    waiting = selectors.DefaultSelector()

    def come():
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(("127.0.0.1", port))
        left = [text]
        waiting.register(connection, selectors.EVENT_READ | (selectors.EVENT_WRITE if text else 0), left)

    begun = time.monotonic()
    for _ in range(count):
        come()
    while not stop.is_set():
        for key, ready in waiting.select(0.05):
            try:
                if ready & selectors.EVENT_WRITE:
                    key.data[0] = key.data[0][key.fileobj.send(key.data[0]):] or (text if again else b"")
                    if not key.data[0]:
                        waiting.modify(key.fileobj, selectors.EVENT_READ, key.data)
                if ready & selectors.EVENT_READ and not key.fileobj.recv(65536):
                    raise ConnectionError
            except BlockingIOError:
                pass
            except OSError:
                waiting.unregister(key.fileobj)
                key.fileobj.close()
                come()
        if time.monotonic() - begun > 1:
            filled.set()
    for key in list(waiting.get_map().values()):
        key.fileobj.close()
    waiting.close()


def is_closed(connection: socket.socket) -> bool:
    patience = connection.gettimeout()
    connection.setblocking(False)
    try:
        return connection.recv(4096, socket.MSG_PEEK) is not None
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(patience)


@unittest.skipUnless(os.geteuid() == 0, "becoming another user takes root")
class Floods(Case):
    def setUp(self):
        self.one, self.provided = self.broker(), self.provider()
        self.one.grant(self.provided, uid=AGENT)
        self.one.grant(self.provided, session="s2", token=OTHER, uid=FLOODER)

    @contextlib.contextmanager
    def flooded(self, count: int, text: bytes = b"", again: bool = False, uid: int = FLOODER):
        filled, stop = multiprocessing.Event(), multiprocessing.Event()
        child = multiprocessing.Process(target=flood, args=(uid, self.one.port, count, text, again, filled, stop))
        child.start()
        try:
            self.assertTrue(filled.wait(60))
            yield
        finally:
            stop.set()
            child.join(60)

    def served(self, kept: bool = False):
        """A session of AGENT's asks as if nobody else was there. `kept`: over one connection."""
        def ask(answers):
            os.setresgid(AGENT, AGENT, AGENT)
            os.setresuid(AGENT, AGENT, AGENT)
            taken = []
            connection = None
            for _ in range(60):
                begun = time.monotonic()
                if connection is None:
                    connection = socket.socket()
                    connection.settimeout(60)
                    connection.connect(("127.0.0.1", self.one.port))
                connection.sendall(request(self.one.port))
                taken.append((read_reply(connection).status, time.monotonic() - begun))
                if not kept:
                    connection.close()
                    connection = None
                time.sleep(0.02)
            answers.put(taken)

        answers = multiprocessing.Queue()
        child = multiprocessing.Process(target=ask, args=(answers,))
        child.start()
        taken = answers.get(timeout=120)
        child.join()
        self.assertEqual([status for status, _ in taken if status != 200], [])
        seconds = sorted(each for _, each in taken)
        if os.environ.get("CAPSULE_FIGURES"):
            print(f"\n{self.id()}: median {seconds[30] * 1000:.1f} ms, worst {seconds[-1] * 1000:.1f} ms", flush=True)
        self.assertLess(seconds[30], MEDIAN)
        self.assertLess(seconds[-1], WORST)

    def test_idle_connections_of_another_user(self):
        with self.flooded(1100):
            self.served()
            self.served(kept=True)
        self.assertTrue(self.one.wait_for(lambda told: told.get("strangers", {}).get("uid") == FLOODER))

    def test_connections_that_are_broken_off_are_asked_nothing_about(self):
        """Whose one is takes the kernel longer to say than all else, and who waits behind thousands of them waits for that."""
        with tempfile.NamedTemporaryFile("r") as trace:
            one = self.broker(wrapper=("strace", "-f", "-qq", "-o", trace.name, "-e", "trace=accept4,sendto"))
            one.grant(self.provided)
            os.kill(one.told[0]["ready"]["pid"], signal.SIGSTOP)
            for _ in range(100):
                with socket.create_connection(("127.0.0.1", one.port)) as connection:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets
            os.kill(one.told[0]["ready"]["pid"], signal.SIGCONT)
            self.assertEqual(self.ask(one).status, 200)
            calls = trace.read()
        self.assertGreater(len(re.findall(r"accept4\(.*\) = \d", calls)), 100)
        self.assertEqual(len(re.findall("nlmsg_type=(?:SOCK_DIAG|0x14)", calls)), 1, "the one that asked, and none of those")

    def test_idle_connections_where_descriptors_are_few(self):
        self.one = self.broker(wrapper=("prlimit", "--nofile=64:64"), connections=16)
        self.one.grant(self.provided, uid=AGENT)
        with self.flooded(100):
            self.served()

    def test_idle_connections_of_the_same_user_that_show_no_token(self):
        with self.flooded(1100, uid=AGENT):
            self.served()

    def test_memory_is_given_back_when_they_have_gone(self):
        before = memory(self.one.process)
        begun = request(self.one.port, token=OTHER) + b"POST / HTTP/1.1\r\nX: " + b"y" * 60_000
        with self.flooded(200, begun):  # fewer than strangers have places: each comes to send its head
            self.assertTrue(until(lambda: memory(self.one.process) > before + 8_000))
            during = memory(self.one.process)
        half = (before + during) / 2
        self.assertTrue(until(lambda: memory(self.one.process) < half), f"{before}, {during}, {memory(self.one.process)} KiB")

    def connect_as(self, one, uid: int) -> socket.socket:
        os.seteuid(uid)
        connection = socket.socket()  # whose it is from here on
        os.seteuid(0)
        connection.settimeout(60)
        connection.connect_ex(("127.0.0.1", one.port))  # one that is closed at once says so here, or later
        self.addCleanup(connection.close)
        return connection

    def has_its_place_beside(self, one, uids):
        """A user's connection among those of so many others, with none of which a token is shown."""
        mine = self.connect_as(one, AGENT)
        others = [self.connect_as(one, uid) for uid in uids]
        self.assertTrue(until(lambda: any(is_closed(each) for each in others)))
        mine.sendall(request(one.port))
        self.assertEqual(read_reply(mine).status, 200)

    def test_a_connection_each_of_many_users_without_a_session(self):
        """Whoever has a range of subuid(5) is as many users as it has numbers."""
        one = self.broker(stranger_ms=600_000)
        one.grant(self.provided, uid=AGENT)
        self.has_its_place_beside(one, range(100_000, 100_300))

    def test_users_without_a_session_have_a_few_places_and_nothing_is_done_about_more(self):
        """Who waits to be taken waits for all that is done about those before."""
        one = self.broker(stranger_ms=600_000)
        one.grant(self.provided, uid=AGENT)
        theirs = [self.connect_as(one, uid) for uid in range(100_000, 100_100)]
        self.assertTrue(until(lambda: is_closed(theirs[64])))
        mine = self.connect_as(one, AGENT)
        mine.sendall(request(one.port))
        self.assertEqual(read_reply(mine).status, 200)
        self.assertEqual([is_closed(each) for each in theirs], [False] * 64 + [True] * 36)
        theirs[0].sendall(request(one.port, token="cst_wrong"))
        self.assertEqual(read_reply(theirs[0]).status, 401)

    def test_of_long_heads_that_do_not_end_a_few_are_read(self):
        one = self.broker(stranger_ms=600_000, header_ms=600_000)
        one.grant(self.provided, uid=AGENT)
        one.grant(self.provided, session="s2", token=OTHER, uid=FLOODER)
        theirs = []
        for _ in range(40):
            theirs.append(self.connect_as(one, FLOODER))
            with contextlib.suppress(OSError):  # one that is closed before all is sent
                theirs[-1].sendall(b"POST / HTTP/1.1\r\nX: " + b"y" * 60_000)
        self.assertTrue(until(lambda: all(is_closed(each) for each in theirs[16:])))
        self.assertEqual([is_closed(each) for each in theirs[:16]], [False] * 16)
        for uid, token in ((AGENT, TOKEN), (FLOODER, OTHER)):
            mine = self.connect_as(one, uid)
            mine.sendall(request(one.port, "X-Long: " + "y" * 60_000, token=token))
            self.assertEqual(read_reply(mine).status, 200 if uid == AGENT else 503)

    def test_a_connection_each_of_many_users_for_whom_one_has_asked(self):
        one = self.broker(stranger_ms=600_000)
        one.grant(self.provided, uid=AGENT)
        uids = range(100_000, 100_300)
        for uid in uids:
            one.grant(self.provided, session=f"of {uid}", token=f"cst_{uid}", uid=uid, asked_by=FLOODER)
        self.has_its_place_beside(one, uids)

    def test_idle_connections_with_another_users_own_token(self):
        with self.flooded(1100, request(self.one.port, token=OTHER)):
            self.served()

    def test_heads_that_do_not_end(self):
        before = memory(self.one.process)
        head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{self.one.port}\r\n".encode() + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 900) for i in range(68))
        with self.flooded(1100, head):
            self.served()
            if not os.environ.get("CAPSULE_SANITIZE"):  # sanitizers keep freed memory back
                self.assertLess(memory(self.one.process) - before, 24 * 1024)

    def test_wrong_tokens_and_probes(self):
        with self.flooded(300, request(self.one.port, token="cst_wrong"), again=True):
            self.served()
        with self.flooded(300, request(self.one.port, method="HEAD", target="/api/anthropic", token=None), again=True):
            self.served()

    def test_those_that_send_on_and_on_after_their_refusal(self):
        with self.flooded(40, request(self.one.port, "Content-Length: 99999999", token="cst_wrong", length=False, body=bytes(1 << 20)), again=True):
            self.served()


    def test_streams_that_cost_the_most_to_look_into(self):
        """Each session of another user has as many as it may, and each has always more to read."""
        def endless(peer, _):
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b'{"usage":[')
            while True:
                peer.send(b"1," * 65536)

        self.one.grant(self.provider(lambda peer, _: drop(peer), tls=False), session="s2", token=OTHER, uid=FLOODER)
        self.one.grant(self.provider(endless, tls=False), session="s3", token=OTHER[:-1] + "3", uid=FLOODER)
        text = request(self.one.port, "Content-Length: 99999999999", token=OTHER, length=False, body=b'{"x":"' + b"\\n" * 100000)
        with self.flooded(60, text, again=True), self.flooded(60, request(self.one.port, token=OTHER[:-1] + "3")):
            self.served()

    def test_errors_that_cost_the_most_to_look_through_for_the_key(self):
        """A number of HTML that goes on and on, and the begin of what the key is in base64."""
        dear = (b"&#0000000000" + base64.b64encode(KEY.encode())[:9]) * 4096

        def endless(peer, _):
            peer.request()
            peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 99999999999\r\n\r\n")
            while True:
                peer.send(dear)

        self.one.grant(self.provider(endless, tls=False), session="s2", token=OTHER, uid=FLOODER)
        with self.flooded(8, request(self.one.port, token=OTHER)):
            self.served()


def drop(peer):
    """Whatever comes."""
    while peer.connection.recv(1 << 20):
        pass


class Places(Case):
    def silent(self, **limits):
        broker, provider = self.broker(**limits), self.provider(lambda peer, _: (peer.request(), peer.more()))
        broker.grant(provider)
        return broker, provider

    def hold(self, broker, provider, count: int):
        """So many requests that the provider does not answer."""
        before = provider.connections
        held = [self.connect(broker) for _ in range(count)]
        for each in held:
            each.sendall(request(broker.port))
        self.assertTrue(until(lambda: provider.connections == before + count))
        return held

    def kept(self, broker):
        connection = self.connect(broker)
        connection.sendall(request(broker.port))
        self.assertEqual(read_reply(connection).status, 200)
        return connection

    def test_a_connection_that_shows_no_token_is_closed_soon(self):
        broker, _ = self.pair(stranger_ms=500)
        kept, idle, begun = self.kept(broker), self.connect(broker), self.connect(broker)
        begun.sendall(b"POST /api")
        self.assertEqual(idle.recv(100), b"")
        self.assertEqual(begun.recv(100), b"")
        kept.sendall(request(broker.port))
        self.assertEqual(read_reply(kept).status, 200)

    def test_a_user_that_is_alone_has_three_quarters_of_the_places_at_work(self):
        broker, provider = self.silent(connections=8)
        self.hold(broker, provider, 6)
        reply = self.ask(broker)
        self.refused(reply, 503, "capsule_too_many_connections")
        self.assertEqual(reply.headers["retry-after"], "1")

    def test_the_oldest_idle_one_makes_room(self):
        broker, _ = self.pair(connections=3)
        first, second, third = (self.kept(broker) for _ in range(3))
        first.sendall(request(broker.port))  # so that the second is the longest without a request
        self.assertEqual(read_reply(first).status, 200)
        fourth = self.kept(broker)
        self.assertEqual(read_reply(second).status, 503)
        for each in (first, third, fourth):
            each.sendall(request(broker.port))
            self.assertEqual(read_reply(each).status, 200)

    def test_who_has_shown_a_token_does_not_make_room_for_those_that_have_not(self):
        broker, _ = self.pair(connections=8)
        kept = [self.kept(broker) for _ in range(8)]
        strangers = [self.connect(broker) for _ in range(80)]
        self.assertEqual(read_reply(strangers[0]).status, 503)
        for each in kept:
            each.sendall(request(broker.port, token=TOKEN))
            self.assertEqual(read_reply(each).status, 200)


if __name__ == "__main__":
    unittest.main()
