"""Names of providers: what one session asks of the name servers holds no other session up."""

import os
import random
import socket
import struct
import threading
import unittest

from case import Case
from harness import TOKEN, answer, answering, request, until

OTHER = "cst_" + "O" * 43


class NameServer:
    """Says 127.0.0.1 of every name, but nothing of "silent.example" and those below it."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(2, 254)}"
        self.socket.bind((self.address, 53))
        self.asked: list[str] = []
        threading.Thread(target=self.answer, daemon=True).start()

    def answer(self):
        while True:
            try:
                question, client = self.socket.recvfrom(2048)
            except OSError:
                return
            labels, at = [], 12
            while question[at]:
                labels.append(question[at + 1:at + 1 + question[at]].decode())
                at += 1 + question[at]
            kind, = struct.unpack(">H", question[at + 1:at + 3])
            self.asked.append(".".join(labels))
            if self.asked[-1].endswith("silent.example"):
                continue
            is_ipv4 = kind == 1
            reply = question[:2] + struct.pack(">5H", 0x8180, 1, is_ipv4, 0, 0) + question[12:at + 5]
            if is_ipv4:
                reply += b"\xc0\x0c" + struct.pack(">2HIH", 1, 1, 60, 4) + socket.inet_aton("127.0.0.1")
            self.socket.sendto(reply, client)


@unittest.skipIf(os.geteuid(), "other files in /etc take root")
class Names(Case):
    def setUp(self):
        self.server = NameServer()
        self.addCleanup(self.server.socket.close)
        files = {"resolv.conf": f"nameserver {self.server.address}\noptions timeout:30\n"}
        if os.path.exists("/etc/nsswitch.conf"):
            files["nsswitch.conf"] = "hosts: files dns\n"
        self.one = self.broker(wrapper=self.with_etc(files))
        self.provided = self.provider(answering(answer(b"{}", "200 OK", "Connection: close")), name="elsewhere.example")
        self.one.grant(base_url=f"https://elsewhere.example:{self.provided.port}/api/anthropic")

    def test_one_that_nobody_answers_holds_up_those_alone_that_want_it(self):
        self.one.grant(session="s2", token=OTHER, base_url="https://silent.example/api/anthropic")
        for _ in range(8):
            self.connect(self.one).sendall(request(self.one.port, token=OTHER))
        self.assertTrue(until(lambda: "silent.example" in self.server.asked))
        self.assertEqual(self.ask(self.one, token=TOKEN).status, 200)
        self.assertLessEqual(self.server.asked.count("silent.example"), 8, "asked for each of those that wait")

    def test_nor_do_those_of_many_providers(self):
        """The other one's own would be asked only after half a minute, and its request has 10 s."""
        silent = [f"{number}.silent.example" for number in range(8)]
        for host in silent:
            token = TOKEN[:-1] + host[0]
            self.one.grant(session=host, token=token, base_url=f"https://{host}/api/anthropic")
            self.connect(self.one).sendall(request(self.one.port, token=token))
        self.assertTrue(until(lambda: len(set(self.server.asked)) >= 4))
        self.assertEqual(self.ask(self.one).status, 200)
        self.assertTrue(until(lambda: set(silent) <= set(self.server.asked)))

    def test_one_is_not_asked_for_each_connection(self):
        for _ in range(20):
            self.assertEqual(self.ask(self.one).status, 200)
        self.assertEqual(self.provided.connections, 20)
        self.assertLess(self.server.asked.count("elsewhere.example"), 20)


if __name__ == "__main__":
    unittest.main()
