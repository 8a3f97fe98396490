"""Plays capsuled for a real capsule-broker: the listening socket, the socket pair, grants; and the provider behind it."""

import contextlib
import hashlib
import json
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

# So that no descriptor of a Popen's own is 3 or 4, where the broker expects its sockets.
while os.open("/dev/null", os.O_RDONLY) < 4:
    pass

BINARY = os.environ["CAPSULE_BROKER"]
TOKEN = "cst_" + "T" * 43
KEY = "FAKE-provider-key-0123456789"
BOUND = 20  # seconds for what comes at once where all is well
BASE_PATH = "/api/anthropic"
TARGET = BASE_PATH + "/v1/messages"


class Authority:
    """An authority of its own, and certificates: for localhost, for another name, and one of yesterday."""

    def __init__(self, folder: Path):
        self.ca = folder / "ca.pem"
        run = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", "ca.key",
            "-out", "ca.pem", "-subj", "/CN=capsule test authority")
        for name, days in (("localhost", "2"), ("elsewhere.example", "2"), ("expired", "-1")):
            host = "localhost" if name == "expired" else name
            run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
                f"{name}.csr", "-subj", f"/CN={name}")
            also = ",IP:127.0.0.1" if host == "localhost" else ""
            (folder / "names").write_text(f"subjectAltName=DNS:{host}{also}\n")
            run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days,
                "-extfile", "names", "-out", f"{name}.pem")
        self.folder = folder

    def server_context(self, name: str = "localhost", oldest: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        if oldest:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        return context


class Provider:
    """A server that keeps every byte it gets and answers as `serve(connection, provider)` does, a thread per connection."""

    def __init__(self, serve, context: ssl.SSLContext | None, listener: socket.socket | None = None):
        self.serve, self.context = serve, context
        self.received: list[bytes] = []  # one per connection
        self.listener = listener or socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(raw,), daemon=True).start()

    def _one(self, raw: socket.socket):
        number = self.connections
        self.connections += 1
        self.received.append(b"")
        with contextlib.suppress(OSError, ConnectionError, ssl.SSLError):
            raw.settimeout(60)
            with self.context.wrap_socket(raw, server_side=True) if self.context else raw as connection:
                self.serve(Peer(connection, self, number), self)
        with contextlib.suppress(OSError):
            raw.close()

    @property
    def bytes(self) -> bytes:
        return b"".join(self.received)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # while a thread is in accept(), closing alone does not end it
        self.listener.close()


class Peer:
    """The provider's end of one connection."""

    def __init__(self, connection, provider: Provider, number: int):
        self.connection, self.provider, self.number, self.buffer = connection, provider, number, b""

    def more(self) -> bytes:
        got = self.connection.recv(65536)
        if not got:
            raise ConnectionError("it closed")
        self.provider.received[self.number] += got
        self.buffer += got
        return got

    def request(self) -> tuple[bytes, bytes]:
        """Head and body of the next request."""
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])}
        if lines.get(b"transfer-encoding") == b"chunked":
            while b"0\r\n\r\n" not in self.buffer:
                self.more()
            body, _, self.buffer = self.buffer.partition(b"0\r\n\r\n")
            return head, body
        size = int(lines.get(b"content-length", b"0"))
        while len(self.buffer) < size:
            self.more()
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return head, body

    def request_head(self):
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        self.buffer = self.buffer.partition(b"\r\n\r\n")[2]

    def send(self, data: bytes):
        self.connection.sendall(data)


def answer(body: bytes = b'{"model":"m-1","usage":{"input_tokens":7,"output_tokens":3}}', status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answering(reply: bytes):
    def serve(peer: Peer, _):
        while True:
            peer.request()
            peer.send(reply)

    return serve


class Broker:
    """A capsule-broker that runs, as capsuled starts it."""

    def __init__(self, ca: Path | None = None, arguments=(), wrapper=(), before=(), **limits):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.control, theirs = socket.socketpair()
        self.errors = tempfile.TemporaryFile()
        high = [os.dup(self.listener.fileno()), os.dup(theirs.fileno())]
        if ca:
            high.append(os.open(ca, os.O_RDONLY))
            arguments = (*arguments, "--authorities", 5)
        given = range(3, 3 + len(high))

        def place():  # 3: the listening socket, 4: the socket pair, 5: the authorities
            for descriptor, each in zip(given, [os.dup2(each, 100 + index) for index, each in enumerate(high)]):
                os.dup2(each, descriptor)
                os.set_inheritable(descriptor, True)

        self.process = subprocess.Popen([*wrapper, BINARY, *map(str, arguments)], preexec_fn=place, pass_fds=given, stderr=self.errors,
                                        env={"PATH": "/usr/bin:/bin"})
        for each in high:
            os.close(each)
        theirs.close()
        self.control.settimeout(BOUND)
        self.lines = self.control.makefile("r")
        self.told: list[dict] = []
        configure = {"connections": 1024, "streams": 64, "header_ms": 10000, "stranger_ms": 3000, "idle_ms": 60000, "connect_ms": 10000}
        for message in before:
            self.control.sendall(json.dumps(message).encode() + b"\n")
        self.tell("configure", **(configure | limits))
        self.wait_for(lambda message: "ready" in message)

    def tell(self, message: str, **members):
        """And waits until the broker has taken it, as capsuled does."""
        before = len(self.told)
        self.control.sendall(json.dumps({message: members}).encode() + b"\n")
        if message in ("grant", "key", "revoke"):
            self.wait_for(lambda told: told.get("taken", {}).get("message") == message, before)

    def wait_for(self, wanted, after: int = 0) -> dict:
        """The first message, of those that came (after so many) or come, that is wanted."""
        for message in self.told[after:]:
            if wanted(message):
                return message
        while True:
            try:
                line = self.lines.readline()
            except ConnectionResetError:
                line = ""
            if not line:
                self.process.wait(BOUND)
                raise AssertionError(f"the broker has ended: {self.stderr()}")
            message = json.loads(line)
            self.told.append(message)
            if wanted(message):
                return message

    def traffic(self, session: str = "s1", requests: int = 1) -> dict:
        """What it told of the session once so many requests have ended: sums, and the last of what has a last."""
        def seen():
            return [each["traffic"] for each in self.told if each.get("traffic", {}).get("session") == session]

        self.wait_for(lambda _: sum(each["requests"] for each in seen()) >= requests and seen()[-1]["streams"] == 0)
        return self.sums(session)

    def sums(self, session: str = "s1") -> dict:
        all_of = [each["traffic"] for each in self.told if each.get("traffic", {}).get("session") == session]
        out = dict(all_of[-1])
        for name in ("requests", "failed", "bytes_up", "bytes_down"):
            out[name] = sum(each[name] for each in all_of)
        out["tokens"] = {name: sum(each["tokens"][name] for each in all_of) for name in ("input", "output", "cached")}
        out["models"] = [model for each in all_of for model in each["models"]]
        return out

    def grant(self, at: Provider | None = None, token: str = TOKEN, session: str = "s1", key: str | None = KEY, **members):
        scheme = "https" if at is None or at.context else "http"
        url = f"{scheme}://localhost:{at.port if at else 1}{BASE_PATH}"
        grant = {"session": session, "token_sha256": hashlib.sha256(token.encode()).hexdigest(), "provider": "zai",
                 "label": "Z.AI", "base_url": url, "surface": "anthropic_messages", "agent": "claude", "timeout_ms": 3000000,
                 "refusals": []}
        if key is not None:
            grant["key"] = key
        self.tell("grant", **(grant | members))

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=BOUND)

    def stderr(self) -> str:
        self.errors.seek(0)
        return self.errors.read().decode()

    def close(self):
        self.lines.close()  # it holds the socket, too
        self.control.close()
        try:
            self.process.wait(BOUND)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.listener.close()
            self.errors.close()


class Reply:
    def __init__(self, raw: bytes):
        self.raw = raw
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1]) if raw.startswith(b"HTTP/1.1 ") else 0
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}

    @property
    def error(self) -> dict:
        return json.loads(self.body)["error"]


def request(port: int, *headers: str, method: str = "POST", target: str = TARGET, body: bytes = b'{"model":"m-0"}',
            token: str | None = TOKEN, host: str | None = None, length: bool = True) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host or f'127.0.0.1:{port}'}"]
    if token:
        lines.append(f"x-api-key: {token}")
    if length and method != "GET" and method != "HEAD":
        lines.append(f"Content-Length: {len(body)}")
    else:
        body = b"" if length else body
    return "\r\n".join([*lines, *headers]).encode("latin-1") + b"\r\n\r\n" + body


def read_reply(connection: socket.socket, head_only: bool = False) -> Reply:
    """One answer, by its length, its chunks or the connection's end."""
    raw = b""
    while True:
        if b"\r\n\r\n" in raw:
            head, _, body = raw.partition(b"\r\n\r\n")
            seen = Reply(raw).headers
            if head_only or ("content-length" in seen and len(body) >= int(seen["content-length"])):
                return Reply(raw)
            if seen.get("transfer-encoding") == "chunked" and body.endswith(b"0\r\n\r\n"):
                return Reply(raw)
        got = connection.recv(65536)
        if not got:
            return Reply(raw)
        raw += got


def until(holds, seconds: float = BOUND) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.01)
    return False
