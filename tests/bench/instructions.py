#!/usr/bin/env python3
"""Counts the instructions of one warm request under callgrind, which no other load on the machine can change: a launch as
people make it, and a short request and a stream that go through capsule-broker to a provider with TLS.

    instructions.py --capsuled F --broker F --agent F --preload F [--record]

What so many requests more cost, divided by their number: start-up is in both runs. Compares with instructions.json and
fails above 110 % of what is recorded there, and below 90 % too: then the record is out of date and
would let a later loss pass.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from servers import Place, Runner, Server
from throughput import METHODS, request_of

HERE = Path(__file__).resolve().parent
RECORD = HERE / "instructions.json"
FEW, MANY = 50, 250
TOLERANCE = 0.10
# Library functions that exist once for each generation of processors would count differently on each.
SAME_EVERYWHERE = "glibc.cpu.hwcaps=" + ",".join(f"-{name}" for name in (
    "AVX", "AVX2", "AVX512F", "AVX512VL", "AVX512BW", "AVX_Fast_Unaligned_Load", "BMI1", "BMI2", "ERMS", "FSRM", "LZCNT",
    "MOVBE", "POPCNT", "SSE4_1", "SSE4_2", "SSSE3", "RTM"))
# Nor its own, by processor, of OpenSSL.
PLAIN_OPENSSL = "OPENSSL_ia32cap=:0"
BROKERED, STREAMED = "brokered", "streamed"
FEW_STREAMS, MANY_STREAMS = 10, 60
EVENT = b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"a few words"}}\n\n'


def counted(output: Path, log) -> int:
    found = re.search(r"^(?:totals|summary): (\d+)", output.read_text(), re.MULTILINE) if output.exists() else None
    if not found:
        raise SystemExit(f"callgrind has counted nothing:\n{log()}")
    return int(found[1])


class Counted(Server):
    """A daemon under callgrind, where starting takes seconds."""

    def __init__(self, place: Place, name: str):
        plain = place.capsuled(name)
        self.output = place.top / f"{name}.callgrind"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.output}", *plain.command]
        super().__init__(place.runner, name, plain.socket, command,
                         plain.environment | {"GLIBC_TUNABLES": SAME_EVERYWHERE,
                                              "LD_PRELOAD": str(place.programs["preload"])})

    def total(self) -> int:
        return counted(self.output, self.log.read_text)


def ask_in_turn(place: Place, server: Server, method: str, times: int) -> None:
    """One connection, one request after the other, ids as long as one another."""
    request, expected = request_of(place, method)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(server.socket))
        replies = client.makefile("rb")
        for i in range(times):
            client.sendall(request.replace("@ID@", str(100_000 + i)).encode())
            reply = replies.readline().decode()
            if f'"id":{100_000 + i}' not in reply or not all(text in reply for text in expected) or "codex.models" in reply:
                raise SystemExit(f"not what {method} should answer: {reply}")
            # Everything that a first request sets off has happened before the others.
            if i < 2:
                time.sleep(1.5)


def count(programs: dict[str, Path], models: Path, method: str, times: int) -> int:
    place = Place(programs, models, Runner(False))
    try:
        server = Counted(place, method)
        server.start()
        try:
            ask_in_turn(place, server, method, times)
        finally:
            server.stop()
        return server.total()
    finally:
        place.remove()


def streamed() -> bytes:
    """64 KiB of events, which end somewhere within a record of TLS."""
    body = EVENT * (64 * 1024 // len(EVENT))
    return f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def count_brokered(programs: dict[str, Path], times: int, answer: bytes) -> int:
    """So many requests, one after the other, on one connection of the agent's and one of the provider's."""
    import harness

    with tempfile.TemporaryDirectory() as folder:
        authority, output = harness.Authority(Path(folder)), Path(folder) / "callgrind"
        provider = harness.Provider(harness.answering(answer), authority.server_context())
        broker = harness.Broker(ca=authority.ca, wrapper=(
            "env", f"GLIBC_TUNABLES={SAME_EVERYWHERE}", PLAIN_OPENSSL, f"LD_PRELOAD={programs['preload']}",
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={output}"))
        try:
            broker.grant(provider)
            with broker.connect() as agent:
                for i in range(times):
                    agent.sendall(harness.request(broker.port))
                    if harness.read_reply(agent).status != 200:
                        raise SystemExit("the broker does not answer")
                    if i < 2:
                        time.sleep(1.5)
        finally:
            broker.close()
            provider.close()
        return counted(output, broker.stderr)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--capsuled", type=Path, required=True)
    parser.add_argument("--broker", type=Path, required=True)
    parser.add_argument("--agent", type=Path, required=True)
    parser.add_argument("--preload", type=Path, required=True)
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    programs = {"capsuled": arguments.capsuled.resolve(), "bench_agent": arguments.agent.resolve(),
                "preload": arguments.preload.resolve()}
    os.environ["CAPSULE_BROKER"] = str(arguments.broker.resolve())
    sys.path.insert(0, str(HERE.parent / "broker"))
    import harness

    models = HERE.parent / "support/data/codex_models.json"
    runs = [(method, times) for method in METHODS for times in (FEW, MANY)]
    with ThreadPoolExecutor(2) as pool:
        counts = dict(zip(runs, pool.map(lambda run: count(programs, models, *run), runs)))
    counts |= {(BROKERED, times): count_brokered(programs, times, harness.answer()) for times in (FEW, MANY)}
    seen = {method: (counts[method, MANY] - counts[method, FEW]) // (MANY - FEW) for method in (*METHODS, BROKERED)}
    few, many = (count_brokered(programs, times, streamed()) for times in (FEW_STREAMS, MANY_STREAMS))
    seen[STREAMED] = (many - few) // (MANY_STREAMS - FEW_STREAMS)
    if arguments.record:
        RECORD.write_text(json.dumps(seen, indent=2) + "\n")
    recorded = json.loads(RECORD.read_text())
    failed = False
    for method, instructions in seen.items():
        change = instructions / recorded[method] - 1
        failed = failed or abs(change) > TOLERANCE
        print(f"{method:<9} {instructions:>9} instructions, recorded {recorded[method]:>9} ({change:+.1%})")
    if failed:
        print(f"\nMore than {TOLERANCE:.0%} off. If that is meant: tests/bench/instructions.sh --record, and say why in the commit.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
