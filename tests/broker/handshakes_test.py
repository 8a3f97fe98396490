"""A provider does not choose how long its handshake computes: all sessions share the broker's thread."""

import base64
import os
import socket
import subprocess
import time
import unittest
from pathlib import Path

from case import Case, authority
from harness import Broker, Provider, read_reply, request


def offered(hello: bytes) -> tuple[list[int], list[int]]:
    """The ciphers and the groups of a ClientHello (RFC 8446, 4.1.2)."""
    def numbers(text: bytes) -> list[int]:
        return [int.from_bytes(text[at:at + 2], "big") for at in range(0, len(text), 2)]

    def sized(text: bytes, width: int) -> tuple[bytes, bytes]:
        size = int.from_bytes(text[:width], "big")
        return text[width:width + size], text[width + size:]

    rest = hello[5 + 4 + 2 + 32:]  # behind the record's head, the message's, its version and its random bytes
    _, rest = sized(rest, 1)
    ciphers, rest = sized(rest, 2)
    _, rest = sized(rest, 1)
    extensions, _ = sized(rest, 2)
    while extensions:
        kind, (body, extensions) = extensions[:2], sized(extensions[2:], 2)
        if kind == b"\0\x0a":
            return numbers(ciphers), numbers(sized(body, 2)[0])
    return numbers(ciphers), []


def der(tag: int, *parts: bytes) -> bytes:
    """A value of ASN.1, shorter than 256 bytes."""
    body = b"".join(parts)
    return bytes([tag, *([0x81] if len(body) > 127 else []), len(body)]) + body


class Handshakes(Case):
    def fails(self, broker) -> str:
        reply = self.ask(broker)
        self.refused(reply, 502, "capsule_upstream_unreachable")
        self.assertTrue(reply.error["message"].startswith("TLS: "), reply.error["message"])
        return reply.error["message"]

    def test_new_keys_without_end_are_a_failure_that_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        words = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", "localhost.pem", "-key", "localhost.key", "-tls1_3", "-crlf"]
        server = subprocess.Popen(words, cwd=authority().folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        while not (line := server.stdout.readline()).startswith(b"ACCEPT"):
            self.assertTrue(line)
        broker = self.broker()
        broker.grant(base_url=f"https://localhost:{port}/api/anthropic")
        for begin in b"", b"HTTP/1.1 200 OK\nContent-Length: 999\n\n":
            connection = self.connect(broker)
            connection.sendall(request(broker.port))
            while b"m-0" not in (got := server.stdout.read(65536)):  # the request
                self.assertTrue(got)
            server.stdin.write(begin)
            if begin:
                self.assertIn(b"200", connection.recv(65536))
            for _ in range(40):
                time.sleep(0.01)
                server.stdin.write(b"K\n")  # s_server's own command, one in a read
            if begin:
                with self.assertRaises(ConnectionResetError):
                    connection.recv(65536)
            else:
                reply = read_reply(connection)
                self.refused(reply, 502, "capsule_upstream_invalid")
                self.assertIn("KeyUpdate", reply.error["message"])
        self.assertIn("KeyUpdate", broker.traffic(requests=2)["last"]["message"])

    def test_keys_are_agreed_on_by_elliptic_curves_alone(self):
        """A prime of 10,000 bits takes a second of its one thread."""
        broker, provider = self.broker(), self.provider(lambda peer, _: peer.more(), tls=False)
        broker.grant(provider, base_url=f"https://localhost:{provider.port}/api/anthropic")
        self.fails(broker)
        ciphers, groups = offered(provider.bytes)
        self.assertIn(0x1301, ciphers)  # TLS_AES_128_GCM_SHA256
        self.assertIn(0xC02F, ciphers)  # TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        primes = {0x33, 0x39, 0x67, 0x6B, 0x9E, 0x9F, 0xCCAA}  # TLS_DHE_RSA_WITH_…
        self.assertEqual(primes.intersection(ciphers), set())
        self.assertIn(0x1D, groups)  # x25519
        self.assertEqual([each for each in groups if each >= 0x100], [])  # ffdhe2048 and the like

    def test_a_certificate_with_a_curve_of_its_own_is_not_even_decoded(self):
        """Twelve that are made for it took four seconds, whoever signed them."""
        folder = authority().folder
        run = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)
        run("ecparam", "-name", "prime256v1", "-param_enc", "explicit", "-genkey", "-noout", "-out", "own.key")
        run("req", "-new", "-key", "own.key", "-out", "own.csr", "-subj", "/CN=localhost")
        (folder / "names").write_text("subjectAltName=DNS:localhost\n")
        run("x509", "-req", "-in", "own.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names",
            "-out", "own.pem")  # fmt: skip
        broker, provider = self.broker(), self.provider(name="own")
        broker.grant(provider)
        self.assertNotIn("explicit ECC parameters", self.fails(broker))  # OpenSSL's words once it has decoded it

    def test_what_certificates_cost_is_not_paid_by_the_thread_that_all_share(self):
        """Each is of 113 bytes, and its key takes a square root on a curve with a name. Nobody has signed it."""
        folder = authority().folder
        run = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder).stdout
        run("ecparam", "-name", "secp224r1", "-genkey", "-noout", "-out", "slow.key")
        key = run("ec", "-in", "slow.key", "-pubout", "-outform", "DER", "-conv_form", "compressed")
        ed25519, name = der(0x30, bytes.fromhex("06032b6570")), der(0x30)
        years = der(0x30, der(0x17, b"250101000000Z"), der(0x17, b"350101000000Z"))
        slow = der(0x30, der(0x30, der(2, b"\x01"), ed25519, name, years, name, key), ed25519, der(3, b"\0\0"))
        pem = f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(slow).decode()}-----END CERTIFICATE-----\n"
        (folder / "slow.pem").write_text((folder / "localhost.pem").read_text() + pem * 250)
        (folder / "slow.key").write_bytes((folder / "localhost.key").read_bytes())
        broker, provider = self.broker(), self.provider(name="slow")
        broker.grant(provider)

        def ticks(of: str) -> int:
            """What it has computed for."""
            fields = Path(of, "stat").read_text().rsplit(") ", 1)[1].split()
            return int(fields[11]) + int(fields[12])

        whole = f"/proc/{broker.process.pid}"
        loop = f"{whole}/task/{broker.process.pid}"
        before = ticks(whole), ticks(loop)
        while ticks(whole) - before[0] < 50:
            self.assertEqual(self.ask(broker).status, 200)
            broker.tell("key", session="s1", value=f"FAKE-other-{ticks(whole)}")  # so that no connection is kept for it
        self.assertLess(ticks(loop) - before[1], (ticks(whole) - before[0]) / 2)

    @unittest.skipUnless(os.geteuid() == 0, "a broker of another user takes root, and root may always have threads")
    def test_the_threads_are_there_before_agents_take_all(self):
        """A container's limit of processes and threads is one for agents and broker."""
        broker = Broker(ca=authority().ca, arguments=("--uid", 1, "--gid", 1))
        self.addCleanup(broker.close)
        broker.grant(base_url=f"https://127.0.0.1:{self.provider().port}/api/anthropic")  # a name is looked up in a thread, too
        subprocess.run(["setpriv", "--reuid=1", "--regid=1", "--clear-groups", "prlimit", "--nproc=0", f"--pid={broker.process.pid}"], check=True)
        self.assertEqual(self.ask(broker).status, 200)

    @unittest.skipUnless(os.geteuid() == 0, "a broker of another user takes root, and root may always have threads")
    def test_without_any_thread(self):
        broker = Broker(ca=authority().ca, arguments=("--uid", 1, "--gid", 1), wrapper=("prlimit", "--nproc=0"))
        self.addCleanup(broker.close)
        broker.grant(base_url=f"https://127.0.0.1:{self.provider().port}/api/anthropic")
        self.assertIn("there is no thread for it; see", self.fails(broker))

    def test_the_list_of_certificates_has_a_bound(self):
        """OpenSSL's own is 100 KB."""
        long = authority().folder / "long.pem"
        good = (authority().folder / "localhost.pem").read_text()
        size = len(good) * 3 // 4
        long.write_text(good + (authority().folder / "ca.pem").read_text() * (40 * 1024 // size))
        (authority().folder / "long.key").write_text((authority().folder / "localhost.key").read_text())
        broker, provider = self.broker(), self.provider(name="long")
        broker.grant(provider)
        self.fails(broker)


if __name__ == "__main__":
    unittest.main()
