"""What is felt when something is started: the daemon itself, `capsulectl status`, and `capsulectl exec`."""

import json
import os
from statistics import median

from servers import SERVER_CORE, Place, Server, resp, rpc
from throughput import request_of


def ready(place: Place, runs: int) -> dict:
    """From exec to the first answer, servers in turns."""
    capsuled, redis = place.capsuled("ready"), place.redis("ready-redis")
    asked = {"capsuled": (capsuled, rpc("status", {}, "1")), "redis": (redis, resp("PING"))}
    seen = {name: [] for name in asked}
    for run in range(-1, runs):
        for name, (server, request) in asked.items():
            server.socket.unlink(missing_ok=True)
            output = place.runner.client(
                [str(place.programs["bench_start"]), "--socket", str(server.socket), "--request", request, "--cpu",
                 str(SERVER_CORE % place.runner.cores), "--", *server.command], server.environment)
            if run >= 0:
                seen[name].append(float(output))
    return {name: median(times) for name, times in seen.items()}


def commands(place: Place, capsuled: Server, redis: Server, rounds: int) -> dict:
    """Wall time of whole processes, in turns."""
    capsuled.ask(request_of(place, "claude")[0].replace("@ID@", "1").encode())  # its files are written before
    agent = str(place.top / "bin/claude")
    capsulectl = [str(place.programs["capsulectl"]), "--socket", str(capsuled.socket)]
    programs = {
        "redis-cli ping": [str(place.programs["redis-cli"]), "-s", str(redis.socket), "ping"],
        "capsulectl status": [*capsulectl, "status"],
        "env -i agent": ["/usr/bin/env", "-i", agent],
        "capsulectl exec": [*capsulectl, "exec", "claude", "--provider", "zai"],
    }
    arguments = [argument for command in programs.values() for argument in (":::", *command)][1:]
    output = place.runner.client([str(place.programs["bench_start"]), "--rounds", str(rounds), "--", *arguments],
                                 place.environment)
    return {name: median(times) for name, times in zip(programs, json.loads(output))}


def sizes(place: Place) -> dict:
    programs = {"capsuled": "capsuled", "capsulectl": "capsulectl", "redis-server": "redis-check-rdb",
                "redis-cli": "redis-cli"}
    return {name: os.stat(place.programs[program]).st_size for name, program in programs.items()}
