"""Requests per second and latencies: capsuled and a raw echo of as many bytes in turns under the same load."""

import json
from statistics import median

from servers import KEYS, Place, Server, rpc

# What is asked for, and what must be in its answer. Launches as people make them: from a directory of a project that has
# settings, and no two alike.
AGENTS = {"claude": ("zai", "ZAI_API_KEY"), "codex": ("minimax", "MINIMAX_API_KEY"), "opencode": ("zai", "ZAI_API_KEY")}
METHODS = ("status", *AGENTS)
LOADS = {"1x1": (1, 1), "50x1": (50, 1)}
IDS_PER_RUN = 100_000_000


def request_of(place: Place, method: str) -> tuple[str, list[str]]:
    """The request, in which each "@ID@" becomes its number, and what its answer has."""
    if method not in AGENTS:
        return rpc(method, {}), ['"result":{', '"protocol":1']
    provider, key = AGENTS[method]
    params = {"agent": method, "provider": provider, "cwd": str(place.project / "src"),
              "env": {"TERM": "xterm-256color", "GIT_AUTHOR_NAME": "tab @ID@"}}
    return rpc("spawn", params), ['"result":{', KEYS[key], '"GIT_AUTHOR_NAME":"tab ']


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


def reply_size(place: Place, capsuled: Server, method: str) -> int:
    """Bytes of an answer; the first ones also make the daemon write its files and ask Codex for its models."""
    request = request_of(place, method)[0].replace("@ID@", "100000001").encode()
    for _ in range(3):
        reply = capsuled.ask(request)
    if "error" in json.loads(reply):
        raise SystemExit(f"capsuled refuses {method}: {reply.decode()}")
    return len(reply)


def measure(place: Place, capsuled: Server, methods: list, loads: list, rounds: int, seconds: float, show) -> list:
    """One row for each method and load, as `report` prints them; `show` gets each when it is there."""
    rows = []
    for method in methods:
        size = reply_size(place, capsuled, method)
        request, expected = request_of(place, method)
        echo = place.echo(size).start()
        servers = {"capsuled": Target(capsuled, request, 0, expected), "echo": Target(echo, request, size)}
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
