"""Errors of providers that repeat the key: the session is given asterisks."""

import base64
import socket
import threading
import time
import unittest
from urllib.parse import quote

from case import Case, sending
from harness import BOUND, KEY, answer, request


class Errors(Case):
    def test_an_error_that_repeats_the_key(self):
        body = b'{"error":{"message":"key ' + KEY.encode() + b' is wrong"}}'
        half = len(body) // 2

        def serve(peer, _):
            peer.request()
            peer.send(b"HTTP/1.1 401 Unauthorized\r\nX-Key: %s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                      % KEY.encode())
            for piece in (body[:half], body[half:]):
                peer.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            peer.send(b"0\r\n\r\n")
            peer.request()
            peer.send(answer(body, "401 Unauthorized"))
            peer.request()
            peer.send(answer(body, "401 Unauthorized", "Content-Encoding: br"))

        broker, _ = self.pair(serve)
        for _ in range(3):
            reply = self.ask(broker)
            self.assertEqual(reply.status, 401)
            self.assertNotIn(b"FAKE-", reply.raw)
        self.assertNotIn("FAKE-", str(broker.traffic(requests=3)))

    def test_an_error_in_a_coding_whichever_field_says_so(self):
        for codings in (["br"], ["identity, br"], ["identity", "br"], ["", "br"]):
            with self.subTest(codings):
                broker, _ = self.pair(sending(answer(b"coded", "401 Unauthorized", *(f"Content-Encoding: {each}" for each in codings))))
                reply = self.ask(broker)
                self.assertEqual((reply.status, reply.error["code"]), (401, "capsule_encoded_error"))

    def test_an_error_in_no_coding_however_a_field_says_so(self):
        for coding in ("identity", "identity, Identity", " , identity ,"):
            with self.subTest(coding):
                broker, _ = self.pair(sending(answer(b'{"error":{"message":"a plain one"}}', "401 Unauthorized", f"Content-Encoding: {coding}")))
                reply = self.ask(broker)
                self.assertEqual((reply.status, reply.error["message"]), (401, "a plain one"))

    def test_an_error_in_a_charset_that_hides_the_key(self):
        for charset, code in (("utf-16", "capsule_encoded_error"), ("'UTF-16LE'", "capsule_encoded_error"), ('"utf-32"', "capsule_encoded_error"),
                              (" utf-16", "capsule_encoded_error"), (' "utf-16"', "capsule_encoded_error"),
                              ("", "capsule_encoded_error"), ("UTF-8", None), (" UTF-8", None), ("iso-8859-1", None), ("GBK", None)):  # fmt: skip
            with self.subTest(charset):
                text = b'{"error":{"message":"a coded one"}}'
                name = b"application/json; Charset" + b" " * charset.startswith(" ") + b"=" + charset.encode()
                coded = answer(text, "401 Unauthorized").replace(b"application/json", name)
                broker, _ = self.pair(sending(coded))
                reply = self.ask(broker)
                self.assertEqual((reply.status, reply.error.get("code")), (401, code))

    def test_an_error_in_utf_16_whatever_its_head_says(self):
        text = '{"error":{"message":"bad key %s"}}' % KEY
        bodies = [text.encode(each) for each in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be")] + ["\ufeff一二三".encode("utf-16-be")]
        cases = [(kind, status, body) for kind in (b"application/json", b"application/json; charset=utf-8", b"text/html")
                 for status in ("302 Found", "401 Unauthorized") for body in bodies]  # fmt: skip
        left = list(cases)

        def serve(peer, _):
            peer.request()
            kind, status, body = left.pop(0)
            peer.send(answer(body, status).replace(b"application/json", kind))

        broker, _ = self.pair(serve)
        for case in cases:
            with self.subTest(case):
                reply = self.ask(broker)
                self.assertNotIn(b"FAKE-", reply.raw.replace(b"\0", b""))
                self.assertIn(b"capsule_encoded_error", reply.raw)
                self.assertEqual(reply.status, int(case[1][:3]))
        self.assertIn("does not look into", str(broker.traffic(requests=len(cases))))

    def test_an_error_that_turns_out_to_be_in_utf_16_is_cut(self):
        """Its head has gone by then."""
        for begin, rest in (b"", KEY.encode("utf-16-be")), (b"", "\ufeff一二三".encode("utf-16-le")), (b"bad key ", KEY.encode("utf-16-le")):
            with self.subTest(begin=begin, rest=rest[:4]):
                came = threading.Event()

                def serve(peer, _, whole=answer(begin + rest, "401 Unauthorized"), rest=rest, came=came):
                    peer.request()
                    peer.send(whole[:-len(rest)])
                    came.wait(BOUND)
                    peer.send(rest)

                broker, _ = self.pair(serve)
                connection = self.connect(broker)
                connection.sendall(request(broker.port))
                got = b""
                while b"\r\n\r\n" not in got:
                    got += connection.recv(65536)
                came.set()
                with self.assertRaises(ConnectionResetError):
                    while part := connection.recv(65536):
                        got += part
                self.assertNotIn(rest[:4], got)
                last = broker.traffic(requests=1)["last"]
                self.assertEqual(last["status"], 401)
                self.assertIn("does not look into", last["message"])

    def test_a_200_in_a_charset_that_hides_whether_it_is_an_error(self):
        text = '{"error":{"message":"bad key %s"}}' % KEY
        for kind, hides in ((b'application/json; Charset="UTF-16"', True), (b"text/event-stream; charset=utf-16", True), (b"application/json;charset = utf-16le", True),
                            (b"application/json; charset=utf-8", False), (b"application/json; charset=", False), (b"application/json; charset=latin1", False),
                            (b"text/plain; charset=utf-16", False)):  # fmt: skip
            with self.subTest(kind):
                body = text.encode("utf-16") if hides else b'{"model":"m-1"}'
                broker, _ = self.pair(sending(answer(body).replace(b"application/json", kind)))
                reply = self.ask(broker)
                if hides:
                    self.refused(reply, 502, "capsule_encoded_error")
                else:
                    self.assertEqual((reply.status, reply.body), (200, body))

    def test_an_error_with_status_200_that_repeats_the_key(self):
        """As MiniMax has them, as gateways do, and as JSON that calls itself a stream."""
        key = KEY.encode()
        bodies = [b'{"base_resp":{"status_code":1004,"status_msg":"login fail: %s"}}' % key,
                  b'{"type":"error","error":{"message":"bad key %s"}}' % key, b'{"message":"bad key %s","code":401}' % key]
        answers = [answer(body) for body in bodies] + [answer(bodies[0]).replace(b"application/json", b"text/event-stream")]

        def serve(peer, _):
            for each in answers:
                peer.request()
                peer.send(each)

        broker, _ = self.pair(serve)
        for each in answers:
            reply = self.ask(broker)
            self.assertEqual((reply.status, len(reply.raw.partition(b"\r\n\r\n")[2])), (200, len(each.partition(b"\r\n\r\n")[2])))
            self.assertNotIn(b"FAKE-", reply.raw)
        self.assertEqual(broker.traffic(requests=len(answers))["failed"], len(answers))

    def test_an_error_with_status_200_whatever_it_calls_itself(self):
        body = b'{"error":{"message":"bad key %s"}}' % KEY.encode()
        heads = [("Content-Type: application/problem+JSON",), ("Content-Type: Application/Json\t; charset=utf-8",),
                 ("Content-Type: application/json, application/json",), ("Content-Type: text/plain, application/json",),
                 ("Content-Type: application/json", "Content-Type: text/plain"), ("Content-Type: text/plain", "Content-Type: application/json"),
                 ("Content-Type: text/plain", "Content-Type: text/html"), (), ("Content-Type:",),
                 *(("Content-Type: application/json", f"Content-Encoding: {coding}") for coding in ("identity, Identity", ",", "", " , identity ,", "utf-8", "none", "binary", "8bit", '"identity"', "identity;q=1")),
                 *((f"Content-Type: {name}",) for name in ("text/json", "application/x-json", "application/json-seq", "application/x-ndjson", "application/jsonl"))]  # fmt: skip

        def serve(peer, _):
            for fields in heads:
                peer.request()
                peer.send("\r\n".join(["HTTP/1.1 200 OK", *fields, f"Content-Length: {len(body)}", "", ""]).encode() + body)

        broker, _ = self.pair(serve)
        for fields in heads:
            with self.subTest(fields):
                reply = self.ask(broker)
                self.assertEqual((reply.status, len(reply.body)), (200, len(body)))
                self.assertIn(b"bad key ***", reply.raw)
                self.assertNotIn(KEY.encode(), reply.raw)
        self.assertEqual(broker.traffic(requests=len(heads))["failed"], len(heads))

    def test_an_error_with_status_200_that_has_no_type(self):
        error = b'{"error":{"message":"bad key %s"}}' % KEY.encode()
        bodies = (b"[%s]" % error, b"data: %s\n\n" % error, b"event: error\ndata: %s\n\n" % error)

        def serve(peer, _):
            for body in bodies:
                peer.request()
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

        broker, _ = self.pair(serve)
        for body in bodies:
            with self.subTest(body):
                reply = self.ask(broker)
                self.assertEqual((reply.status, len(reply.body)), (200, len(body)))
                self.assertNotIn(KEY.encode(), reply.raw)

    def test_the_head_of_an_error_with_status_200(self):
        """Which has gone when the body says that it is one."""
        key = "FAKE/zai+key/with=sharp-characters/0123456789"
        forms = [key, quote(key, safe=""), key.replace("/", "%2f"), base64.b64encode(b"x:" + key.encode()).decode()]
        body = b'{"error":{"message":"no"}}'

        def serve(peer, _):
            peer.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for form in forms:
                peer.request()
                peer.send(b"HTTP/1.1 200 OK\r\nX-Key: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                          % (form.encode(), len(body)))
                time.sleep(0.01)
                peer.send(body)

        broker, provider = self.broker(), self.provider(serve)
        broker.grant(provider, key=key)
        for form in forms:
            reply = self.ask(broker)
            self.assertEqual((reply.status, reply.body), (200, body))
            self.assertNotIn(form[len(form) // 2:-4], reply.raw.decode())

    def test_an_error_that_repeats_the_key_in_another_form(self):
        """As PHP's JSON has it, as JSON may have it, in a URL, in HTML, in base64; in pieces, in a header, in what is kept."""
        key = "FAKE/zai+key/with=sharp-characters/0123456789"
        forms = [key.replace("/", "\\/"), key.replace("/", "\\u002f"), quote(key, safe=""), quote(key, safe="").replace("%2F", "%2f"),
                 key.replace("/", "&#x2F;"), base64.b64encode(b":" + key.encode()).decode()]  # fmt: skip
        told = []

        def serve(peer, _):
            peer.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                peer.request()
                body = b'{"error":{"message":"no key %s, sorry"}}' % told[-1].encode()
                peer.send(b"HTTP/1.1 401 %s\r\nLocation: /?key=%s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                          % (told[-1].encode(), told[-1].encode()))
                for at in range(0, len(body), 25):
                    piece = body[at:at + 25]
                    peer.send(b"%x\r\n%s\r\n" % (len(piece), piece))
                    time.sleep(0.01)
                peer.send(b"0\r\n\r\n")

        broker, provider = self.broker(), self.provider(serve)
        broker.grant(provider, key=key)
        for form in forms:
            told.append(form)
            reply = self.ask(broker)
            self.assertEqual(reply.status, 401)
            self.assertIn(b"sorry", reply.body)
            kept = str(broker.traffic(requests=len(told)))
            for part in (form, form[len(form) // 2:-4]):
                self.assertNotIn(part, reply.raw.decode())
                self.assertNotIn(part, kept)


if __name__ == "__main__":
    unittest.main()
