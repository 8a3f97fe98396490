"""What the broker's tests begin with: an authority, a broker and a provider per test."""

import functools
import socket
import tempfile
import unittest
from pathlib import Path

from harness import Authority, Broker, Provider, Reply, answer, answering, read_reply, request


@functools.cache
def authority() -> Authority:
    folder = tempfile.TemporaryDirectory()
    made = Authority(Path(folder.name))
    made.keep = folder
    Path(folder.name).chmod(0o755)  # a broker of another user reads the authority's certificate
    return made


class Case(unittest.TestCase):
    def broker(self, **limits) -> Broker:
        broker = Broker(ca=authority().ca, **limits)
        self.addCleanup(broker.close)
        return broker

    def with_etc(self, files: dict[str, str]) -> list[str]:
        """What begins a command that sees these files in /etc. Takes root."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, text in files.items():
            Path(folder.name, name).write_text(text)
        place = 'cd "$0" && for each in *; do mount --bind "$each" "/etc/$each" || exit 1; done; exec "$@"'
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", place, folder.name]

    def provider(self, serve=None, tls: bool = True, name: str = "localhost", oldest: bool = False) -> Provider:
        context = authority().server_context(name, oldest) if tls else None
        provider = Provider(serve or answering(answer()), context)
        self.addCleanup(provider.close)
        return provider

    def pair(self, serve=None, **limits) -> tuple[Broker, Provider]:
        broker, provider = self.broker(**limits), self.provider(serve)
        broker.grant(provider)
        return broker, provider

    def connect(self, broker: Broker) -> socket.socket:
        connection = broker.connect()
        self.addCleanup(connection.close)
        return connection

    def ask(self, broker: Broker, *headers: str, **members) -> Reply:
        connection = self.connect(broker)
        connection.sendall(request(broker.port, *headers, **members))
        return read_reply(connection, members.get("method") == "HEAD")

    def ask_raw(self, broker: Broker, text: bytes) -> Reply:
        connection = self.connect(broker)
        connection.sendall(text)
        return read_reply(connection)

    def refused(self, reply: Reply, status: int, code: str):
        """With our code, in Anthropic's shape, with a cure, and the connection at its end."""
        self.assertEqual(reply.status, status, reply.raw)
        error = reply.error
        self.assertEqual(error["code"], code)
        self.assertIn(code, error["message"])
        self.assertGreater(len(error["message"]), 40)
        self.assertEqual(reply.headers["connection"], "close")
