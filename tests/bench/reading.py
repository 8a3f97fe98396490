#!/usr/bin/env python3
"""What it costs a stream that capsule-broker reads tokens and models out of it: the 99th percentile of a chunk's way from the
provider to the agent, of a stream that is read beside one that is not (its Content-Type is no stream of events), chunk by
chunk in turn. Fails above 1.05.

    tests/bench/reading.py [--bin DIR] [--chunks NUMBER] [--rounds NUMBER] [--quiet-cores]

One thread here is both the provider and the agent: it sends a chunk and waits for it. --quiet-cores: broker and this on a core
each, with real-time priority, for a machine that has other work.
"""

import argparse
import os
import socket
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 1.05
DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a few words"}}\n\n'
CHUNK = b"%x\r\n%s\r\n" % (len(DELTA), DELTA)


class Stream:
    def __init__(self, harness, broker, listener: socket.socket, name: str, content_type: str):
        broker.grant(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}{harness.BASE_PATH}", session=name, token=f"cst_{name}")
        self.agent = broker.connect()
        self.agent.sendall(harness.request(broker.port, token=f"cst_{name}"))
        self.provider, _ = listener.accept()
        got = b""
        while not got.endswith(b'{"model":"m-0"}'):
            got += self.provider.recv(65536)
        for each in (self.agent, self.provider):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.provider.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        got = b""
        while b"\r\n\r\n" not in got:
            got += self.agent.recv(65536)

    def chunk(self) -> int:
        """Nanoseconds until the agent has it."""
        begin = time.perf_counter_ns()
        self.provider.sendall(CHUNK)
        left = len(CHUNK)
        while left > 0:
            left -= len(self.agent.recv(65536))
        return time.perf_counter_ns() - begin

    def end(self) -> None:
        self.provider.sendall(b"0\r\n\r\n")
        self.agent.close()
        self.provider.close()


def percentile(values: list[int], part: float) -> int:
    return sorted(values)[int(len(values) * part)]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin")
    parser.add_argument("--chunks", type=int, default=20_000, help="of each stream in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quiet-cores", action="store_true")
    arguments = parser.parse_args()
    os.environ["CAPSULE_BROKER"] = str(arguments.bin / "capsule-broker")
    sys.path.insert(0, str(ROOT / "tests/broker"))
    import harness

    wrapper = ("taskset", "-c", "0", "chrt", "-f", "10") if arguments.quiet_cores else ()
    broker = harness.Broker(wrapper=wrapper)
    if arguments.quiet_cores:
        os.sched_setaffinity(0, {1})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    listener = socket.create_server(("127.0.0.1", 0))
    ratios = []
    for number in range(arguments.rounds):
        kinds = {"read": "text/event-stream", "unread": "application/octet-stream"}
        streams = {kind: Stream(harness, broker, listener, f"{kind}{number}", kinds[kind]) for kind in kinds}
        seen = {kind: [] for kind in kinds}
        for turn in range(arguments.chunks):
            for kind in sorted(kinds, reverse=turn % 2 == 1):  # neither has the better place
                seen[kind].append(streams[kind].chunk())
        for each in streams.values():
            each.end()
        read, unread = (percentile(seen[kind], 0.99) for kind in ("read", "unread"))
        middle = [percentile(seen[kind], 0.5) / 1000 for kind in ("read", "unread")]
        ratios.append(read / unread)
        print(f"read {read / 1000:8.1f} us   unread {unread / 1000:8.1f} us   ratio {ratios[-1]:.3f}   "
              f"(medians {middle[0]:.1f} and {middle[1]:.1f})", flush=True)  # fmt: skip
    broker.close()
    ratio = statistics.median(ratios)
    print(f"p99 of a chunk, read beside unread: {ratio:.3f} (promised: at most {LIMIT}){'' if ratio <= LIMIT else ' NOT MET'}")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
