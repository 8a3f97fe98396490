"""What the broker's tests begin with: an authority, a broker and a provider per test."""

import contextlib
import ctypes
import functools
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import Authority, Broker, Provider, Reply, answer, answering, read_reply, request


# A provider of another user's: it says its port, then takes connections, lets them wait, or has no room for one, and says
# what it got. The kernel does not say whose those are that are bound to an interface.
OTHERS = """
import socket, sys, time
does, host, port = sys.argv[1:]
server = socket.socket(fileno=int(port)) if does == "has root's socket" else socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=0 if does == "is full" else 8)
filling = [socket.socket(server.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(4 if does == "is full" else 0)]
for each in filling:
    each.connect_ex(server.getsockname())
if does.startswith("is bound to "):
    server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, does.split()[-1].encode())
print(server.getsockname()[1], flush=True)
if does == "has root's socket":
    time.sleep(0.5)
if does not in ("waits", "is full"):
    connection, _ = server.accept()
    print(repr(connection.recv(65536)), flush=True)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
sys.stdin.read()
"""


@functools.cache
def authority() -> Authority:
    folder = tempfile.TemporaryDirectory()
    made = Authority(Path(folder.name))
    made.keep = folder
    Path(folder.name).chmod(0o755)  # a broker of another user reads the authority's certificate
    return made


def sending(*pieces: bytes):
    """A provider that answers one request with these."""

    def serve(peer, _):
        peer.request()
        for piece in pieces:
            peer.send(piece)

    return serve


@contextlib.contextmanager
def inside(network: list[str]):
    """Sockets that are made meanwhile, and programs that are started, belong to that network of Case.network()."""
    libc, of_networks = ctypes.CDLL(None, use_errno=True), 0x40000000
    with open("/proc/thread-self/ns/net") as before, open(network[1].removeprefix("--net=")) as there:
        assert libc.setns(there.fileno(), of_networks) == 0, ctypes.get_errno()
        try:
            yield
        finally:
            assert libc.setns(before.fileno(), of_networks) == 0, ctypes.get_errno()


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

    def provider(self, serve=None, tls: bool = True, name: str = "localhost", oldest: bool = False, listener: socket.socket | None = None) -> Provider:
        context = authority().server_context(name, oldest) if tls else None
        provider = Provider(serve or answering(answer()), context, listener)
        self.addCleanup(provider.close)
        return provider

    def server(self, does: str, host: str = "127.0.0.1", port: int = 0, wrapper=(), given=()):
        """A provider of another user's, and its URL. Takes root."""
        server = subprocess.Popen([*wrapper, "setpriv", "--reuid", "4711", "--regid", "4711", "--clear-groups", "/usr/bin/python3", "-c", OTHERS,
                                   does, host, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=given)  # fmt: skip
        self.addCleanup(server.communicate)
        return server, f"http://127.0.0.1:{int(server.stdout.readline())}/api/anthropic"

    def network(self, made: str) -> list[str]:
        """What begins a command in a network of its own, which these commands make. Takes root."""
        keeps = subprocess.Popen(["unshare", "--net", "sh", "-c", f"{made} && echo up && exec sleep infinity"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(keeps.communicate)
        self.addCleanup(keeps.kill)
        self.assertEqual(keeps.stdout.readline(), "up\n")
        return ["nsenter", f"--net=/proc/{keeps.pid}/ns/net"]

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
