"""Two capsuleds: one has the keys and starts no sessions, one has the sessions and no keys ([broker] remote)."""

import contextlib
import json
import os
import socket
import threading
from pathlib import Path

from capsule import Capsule, Case, Connection, Refused

ROOT = os.geteuid() == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Server:
    """A capsuled of another version: one answer for each method, by a thread of each connection's own."""

    def __init__(self, path: Path, answers_at_all: bool = True, **answers):
        self.answers = answers
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(path))
        self.listening.listen()
        if answers_at_all:
            threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                threading.Thread(target=self.answer, args=[connection], daemon=True).start()

    def answer(self, connection: socket.socket):
        with contextlib.suppress(OSError), connection, connection.makefile("rw") as lines:
            for line in lines:
                request = json.loads(line)
                unknown = {"error": {"code": -32601, "message": f'no method "{request["method"]}"'}}
                outcome = self.answers.get(request["method"].replace(".", "_"), unknown)
                if callable(outcome):
                    outcome = outcome(request.get("params", {}))
                if "error" not in outcome:
                    outcome = {"result": outcome}
                lines.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], **outcome}) + "\n")
                lines.flush()

    def close(self):
        self.listening.close()


class Remote(Case):
    def keys_capsule(self, provider, port: int | None = None, more: str = "", broker: str | None = None, own_user: str = "spawn",
                     **members) -> Capsule:  # fmt: skip
        user = 'user = "daemon"\n' if ROOT else ""
        provider_is_ours = f'upstream_users = ["{os.geteuid()}"]\n'
        config = (f'[broker]\n{user}listen = {port or free_port()}\n{provider_is_ours if broker is None else broker}'
                  f'[access]\nown_user = "{own_user}"\n{more}')  # fmt: skip
        return self.capsule(provider, config, **members)

    def agents_capsule(self, provider, remote: Path, more: str = "", **members) -> Capsule:
        return self.capsule(provider, f'[broker]\nremote = "{remote}"\n{more}', keys={}, **members)

    def two(self, serve=None, **members):
        provider = self.provider(serve)
        keys = self.keys_capsule(provider, **members)
        return keys, self.agents_capsule(provider, keys.socket), provider

    def connection_of(self, user: int, capsule: Capsule) -> Connection:
        """Another user's, which only root can make."""
        os.seteuid(user)
        try:
            connection = capsule.connect()
        finally:
            os.seteuid(0)
        self.addCleanup(connection.close)
        return connection

    def keyless(self, agents) -> str:
        return "\n".join(each["message"] for each in agents.call("status")["warnings"] if each["code"] == "session.no_key")

    def raises(self, capsule: Capsule, method: str, **params) -> dict:
        with self.assertRaises(Refused) as refused:
            capsule.call(method, **params)
        return refused.exception.error

    def move(self, capsule: Capsule, remote: Path):
        capsule.stop()
        capsule.config(self.provider().port, f'[broker]\nremote = "{remote}"\n')
        capsule.start()


class Beside(Remote):
    """One whose keys are with a Server."""

    ROW = {"provider": "zai", "label": "Z.AI", "variable": "ZAI_API_KEY", "mode": "api_key", "state": "present",
           "source": "environment", "scope": "container", "masked": "…", "subscribe_url": None, "key_url": None,
           "notes": None, "warnings": []}  # fmt: skip

    SAME = {"protocol": 1, "remote_protocol": 4}
    GIVEN = {"session": {"id": "there", "keys": "broker", "ends_with": "connection"}, "token": None, "warnings": [],
             "key_scope": "container", "base_urls": {"anthropic_messages": "http://127.0.0.1:9/api/anthropic"}}  # fmt: skip

    def beside(self, **answers) -> Capsule:
        provider = self.provider()
        agents = self.agents_capsule(provider, Path("/nonexistent/before"))
        agents.stop()
        path = agents.top / "other.sock"
        server = Server(path, **answers)
        self.addCleanup(server.close)
        agents.config(provider.port, f'[broker]\nremote = "{path}"\n')
        agents.start()
        return agents

    def against(self, **answers) -> dict:
        agents = self.beside(**answers)
        with self.assertRaises(Refused) as refused:
            self.spawn(agents)
        return refused.exception.error

    def row(self, id: str) -> dict:
        """Of sessions.list."""
        return {"id": id, "agent": "claude", "provider": "zai", "label": "Z.AI", "model": None, "user": "root", "keys": "broker",
                "ends_with": "connection", "started_at": "2026-11-27T00:00:00Z", "pid": None, "state": "live", "ended": None,
                "because": None, "base_url": None, "key_source": None, "workspace": None, "role": None, "settings": None,
                "requests": {"total": 7, "failed": 0}, "streams": 0, "active_at": None,
                "tokens": {"input": 0, "output": 0, "cached": 0}, "models": [], "last": None, "limit": None}  # fmt: skip
