#!/usr/bin/env python3
"""Counts the system calls of a launch with strace, which no other load on the machine can change. Built before, as by run.sh.

    calls.py [--bin DIRECTORY]
"""

import argparse
import json
import re
import signal
import socket
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from measure import ROOT, find_programs
from servers import Place, Runner, Server
from throughput import AGENTS, reply_size, request_of

LAUNCHES = 200
ATTACHED = re.compile(r"attached")
CALL = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)(?: resumed>|\()")


def launches(server: Server, request: str) -> None:
    """So many over one connection, no two alike."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(server.socket))
        with client.makefile("rwb") as stream:
            for number in range(LAUNCHES):
                stream.write(request.replace("@ID@", str(100_000_000 + number)).encode())
                stream.flush()
                if "error" in json.loads(stream.readline()):
                    raise SystemExit("capsuled refuses the launch")


def calls_of(server: Server, request: str) -> Counter:
    """By name, of one launch. A call that waits is written in two pieces, and counted at its end."""
    with tempfile.NamedTemporaryFile("r", suffix=".strace") as trace:
        command = ["strace", "-f", "-p", str(server.pid), "-o", trace.name]
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while not ATTACHED.search(tracer.stderr.readline()):
            if tracer.poll() is not None:
                raise SystemExit("strace cannot follow capsuled")
        launches(server, request)
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()
        lines = [line for line in trace if "<unfinished" not in line]
    return Counter(match[1] for line in lines if (match := CALL.match(line)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin")
    place = Place(find_programs(parser.parse_args().bin), ROOT / "tests/support/data/codex_models.json", Runner(real_time=False))
    server = place.capsuled().start()
    try:
        for agent in AGENTS:
            reply_size(place, server, agent)
            calls = calls_of(server, request_of(place, agent)[0])
            each = {name: round(count / LAUNCHES, 1) for name, count in calls.most_common() if count >= LAUNCHES / 2}
            print(f"{agent}: {sum(calls.values()) / LAUNCHES:.1f} system calls: {each}")
    finally:
        server.stop()
        place.remove()


if __name__ == "__main__":
    main()
