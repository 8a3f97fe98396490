#!/usr/bin/env python3
"""What capsuled and capsule-broker take beside sessions: resident memory, and the processor's time of each second.

    sessions.py CAPSULED CAPSULECTL [--seconds 10] [--sessions 1,100]

The provider is on the loopback and speaks TLS. In "streams" each session has an answer open that brings ten events a second.
"""

import argparse
import contextlib
import os
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

EVENT = b"event: ping\ndata: {\"type\": \"ping\"}\n\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("capsuled")
    parser.add_argument("capsulectl")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--sessions", type=lambda text: [int(each) for each in text.split(",")], default=[1, 100])
    return parser.parse_args()


def trickle(peer, _) -> None:
    peer.request()
    peer.send(HEAD)
    while True:
        peer.send(b"%x\r\n%s\r\n" % (len(EVENT), EVENT))
        time.sleep(0.1)


def memory_mb(pid: int) -> float:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) / 1024


def processor_s(pid: int) -> float:
    """Of all its threads, in nanoseconds' steps: a tick would be a hundredth of a second."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in threads) / 1e9


class Measured:
    def __init__(self, seconds: float, pids: dict[str, int]):
        self.seconds, self.pids = seconds, pids

    def row(self, what: str) -> None:
        before = {name: processor_s(pid) for name, pid in self.pids.items()}
        time.sleep(self.seconds)
        cells = []
        for name, pid in self.pids.items():
            used = (processor_s(pid) - before[name]) / self.seconds
            cells += [f"{memory_mb(pid):.1f} MB", f"{used * 100:.2f} %"]
        print(f"| {what} | {' | '.join(cells)} |", flush=True)


def drain(connection) -> None:
    with contextlib.suppress(OSError), connection:
        while connection.recv(65536):
            pass


def main() -> None:
    given = options()
    os.environ["CAPSULED"], os.environ["CAPSULECTL"] = given.capsuled, given.capsulectl
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sessions"))
    import capsule  # it reads where the programs are
    import harness

    with tempfile.TemporaryDirectory() as folder:
        authority = harness.Authority(Path(folder))
        provider = capsule.Provider(trickle, authority.server_context())
        daemon = capsule.Capsule(provider.port)
        daemon.stop()
        file = daemon.top / "capsule.toml"
        authority.ca.chmod(0o644)
        Path(folder).chmod(0o755)
        file.write_text(file.read_text().replace("http://127.0.0.1", "https://localhost")
                        .replace("[broker]\n", f'[broker]\nca_file = "{authority.ca}"\n'))  # fmt: skip
        daemon.start()
        measured = Measured(given.seconds, {"capsuled": daemon.process.pid, "capsule-broker": daemon.broker_pid()})
        print("| | " + " | CPU | ".join(measured.pids) + " | CPU |\n|" + "---|" * (1 + 2 * len(measured.pids)))
        measured.row("idle")
        sessions = []
        for count in given.sessions:
            while len(sessions) < count:
                plan = daemon.call("spawn", agent="claude", provider="zai")
                sessions.append(capsule.Session(plan))
            measured.row(f"{count} sessions")
            streams = [each.open() for each in sessions]
            for each in streams:
                threading.Thread(target=drain, args=(each,), daemon=True).start()
            time.sleep(2)
            measured.row(f"{count} sessions, a stream each")
            for each in streams:
                each.shutdown(socket.SHUT_RDWR)
            time.sleep(1)
        daemon.close()
        provider.close()


if __name__ == "__main__":
    main()
