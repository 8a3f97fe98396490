"""Requests per second and latencies: capsuled, Redis and a raw echo in turns under the same load."""

import json
from statistics import median

from servers import KEYS, Place, Server, resp, rpc

# What is asked for, and what must be in its answer.
METHODS = {
    "status": (rpc("status", {}), ['"result":{', '"protocol":1']),
    "claude": (rpc("spawn", {"agent": "claude", "provider": "zai"}), ['"result":{', KEYS["ZAI_API_KEY"]]),
    "codex": (rpc("spawn", {"agent": "codex", "provider": "minimax"}), ['"result":{', KEYS["MINIMAX_API_KEY"]]),
    "opencode": (rpc("spawn", {"agent": "opencode", "provider": "zai"}), ['"result":{', KEYS["ZAI_API_KEY"]]),
}
LOADS = {"1x1": (1, 1), "50x1": (50, 1), "50x16": (50, 16), "1000x1": (1000, 1)}
IDS_PER_RUN = 100_000_000


class Target:
    """One server with the request that it gets."""

    def __init__(self, server: Server, request: str, reply_bytes: int = 0, expected: tuple | list = ()):
        self.server = server
        self._options = ["--socket", str(server.socket), "--request", request, "--reply-bytes", str(reply_bytes)]
        for text in expected:
            self._options += ["--expect", text]
        self._runs = 0

    def load(self, place: Place, connections: int, depth: int, *options: str) -> dict:
        self._runs += 1
        command = [str(place.programs["bench_load"]), *self._options, "--connections", str(connections), "--depth",
                   str(depth), "--pid", str(self.server.pid), "--first-id", str(self._runs * IDS_PER_RUN + 1), *options]
        return json.loads(place.runner.client(command))


def targets(place: Place, method: str, capsuled: Server, redis: Server, echo: Server, reply_bytes: int) -> dict:
    request, expected = METHODS[method]
    reply = f"${reply_bytes}\r\n" + "v" * reply_bytes + "\r\n"
    if redis.ask(resp("SET", method, "v" * reply_bytes).encode(), b"\r\n") != b"+OK\r\n":
        raise SystemExit("redis does not take values")
    return {
        "capsuled": Target(capsuled, request, 0, expected),
        "redis": Target(redis, resp("GET", method), len(reply)),
        "echo": Target(echo, request, reply_bytes),
    }


def reply_size(capsuled: Server, method: str) -> int:
    """Bytes of an answer; the first ones also make the daemon write its files and ask Codex for its models."""
    request = METHODS[method][0].replace("@ID@", "1000000").encode()
    for _ in range(3):
        reply = capsuled.ask(request)
    if "error" in json.loads(reply):
        raise SystemExit(f"capsuled refuses {method}: {reply.decode()}")
    return len(reply)


def measure(place: Place, capsuled: Server, redis: Server, methods: list, loads: list, rounds: int, seconds: float,
            show) -> list:
    """One row for each method and load, as `report` prints them; `show` gets each when it is there."""
    rows = []
    for method in methods:
        size = reply_size(capsuled, method)
        echo = place.echo(size).start()
        servers = targets(place, method, capsuled, redis, echo, size)
        for load in loads:
            seen = {name: [] for name in servers}
            for _ in range(rounds):
                for name, target in servers.items():
                    seen[name].append(target.load(place, *LOADS[load], "--seconds", str(seconds), "--warm-up", "0.15"))
            row = {"method": method, "load": load, "reply_bytes": size}
            for name, results in seen.items():
                row[name] = {figure: median(result[figure] for result in results) for figure in results[0]}
            rows.append(row)
            show(row)
        echo.stop()
    return rows
