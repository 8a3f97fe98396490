#!/usr/bin/env python3
"""Measures capsule-broker beside nginx doing the same: the provider's key put in, proxy_pass to the same TLS provider,
connections kept alive, one worker, buffering off. Prints ratios.

    tests/bench/broker.py [--bin DIR] [--quick] [--quiet-cores] [--markdown FILE]

Both run on one core, generator (wrk) and provider (another nginx) on another. Rounds alternate. --quiet-cores: with real-time
priority, for a machine that has other work.
"""

import argparse
import asyncio
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STREAMS = 1000
LONG = 64 * 1024 * 1024
TICK = os.sysconf("SC_CLK_TCK")

COMMON = """
worker_processes 1; pid {top}/{name}.pid; error_log {top}/{name}.log; daemon off; user root;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; sendfile on; tcp_nodelay on; default_type application/json;
  client_body_temp_path {top}/b; proxy_temp_path {top}/p; fastcgi_temp_path {top}/f; uwsgi_temp_path {top}/u; scgi_temp_path {top}/s;
"""
PROVIDER = COMMON + """
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {top}/localhost.pem; ssl_certificate_key {top}/localhost.key;
    location /api/anthropic/short {{ return 200 '{{"model":"m-1","usage":{{"input_tokens":7,"output_tokens":3}},"content":"{text}"}}'; }}
    location /api/anthropic/long {{ alias {top}/long; types {{ }} default_type text/event-stream; }}
  }}
}}
"""
PROXY = COMMON + """
  upstream provider {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
  upstream silent {{ server 127.0.0.1:{silent}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host localhost; proxy_set_header x-api-key {key};
    proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 3000s;
    proxy_ssl_verify on; proxy_ssl_trusted_certificate {top}/ca.pem; proxy_ssl_name localhost; proxy_ssl_server_name on;
    location / {{ proxy_pass https://provider; }}
    location /api/anthropic/silent {{ proxy_pass https://silent; }}
  }}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Place:
    """The programs, where they run, and how."""

    def __init__(self, arguments):
        os.environ["CAPSULE_BROKER"] = str(arguments.bin / "capsule-broker")
        sys.path.insert(0, str(ROOT / "tests/broker"))
        import harness

        self.harness = harness
        self.top = Path(tempfile.mkdtemp())
        self.top.chmod(0o755)
        self.authority = harness.Authority(self.top)
        self.real_time = ["chrt", "-f", "10"] if arguments.quiet_cores else []
        self.stop = []
        with open(self.top / "long", "wb") as out:  # events as a model sends them, a few words each
            event = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a few words"}}\n\n'
            out.write(event * (LONG // len(event)))
        self.provider, self.silent, self.proxy = free_port(), free_port(), free_port()
        self.nginx("provider", 1, PROVIDER, port=self.provider, text="x" * 400)
        threading.Thread(target=lambda: asyncio.run(self.hold()), daemon=True).start()
        worker = self.nginx("proxy", 0, PROXY, port=self.proxy, upstream=self.provider, silent=self.silent, key=harness.KEY)
        broker = harness.Broker(ca=self.authority.ca, wrapper=("taskset", "-c", "0", *self.real_time), connections=4096, streams=4096)
        self.stop.append(lambda: (broker.tell("end"), broker.process.wait(20)))
        for name, port in (("short", self.provider), ("silent", self.silent)):
            broker.grant(base_url=f"https://localhost:{port}/api/anthropic", session=name, token=f"cst_{name}")
        threading.Thread(target=self.read, args=(broker,), daemon=True).start()
        self.servers = {"broker": (broker.port, broker.process.pid), "nginx": (self.proxy, worker)}

    @staticmethod
    def read(broker):
        """What the broker tells is read, as capsuled does."""
        broker.control.settimeout(None)
        while broker.lines.readline():
            pass

    def nginx(self, name: str, core: int, template: str, **values) -> int:
        (self.top / f"{name}.conf").write_text(template.format(top=self.top, name=name, **values))
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        process = subprocess.Popen(["taskset", "-c", str(core), *self.real_time, nginx, "-c", f"{self.top}/{name}.conf", "-e",
                                    f"{self.top}/{name}.log"])
        self.stop.append(lambda: (process.terminate(), process.wait()))
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not self.harness.until(lambda: children.read_text().split()):
            raise SystemExit("nginx does not start: " + (self.top / f"{name}.log").read_text())
        return int(children.read_text().split()[0])

    async def hold(self):
        """A provider that sends one event and then nothing more."""
        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n")
            await writer.drain()
            await reader.read()

        server = await asyncio.start_server(serve, "127.0.0.1", self.silent, ssl=self.authority.server_context(), backlog=2048)
        await server.serve_forever()

    def close(self):
        for each in reversed(self.stop):
            each()
        shutil.rmtree(self.top)


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid: int) -> int:
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1))


def load(place: Place, server: str, what: str, connections: int, seconds: int) -> dict:
    port, pid = place.servers[server]
    before = cpu(pid)
    out = subprocess.run(["taskset", "-c", "1", *place.real_time, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-H",
                          "x-api-key: cst_short", f"http://127.0.0.1:{port}/api/anthropic/{what}"], capture_output=True, text=True,
                         check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"{server} fails: {out}")
    spent = cpu(pid) - before
    unit = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}
    read = re.search(r"Transfer/sec:\s+([\d.]+)(\w+)", out)
    requests, whole = re.search(r"(\d+) requests in ([\d.]+)", out).groups()
    rate = float(read.group(1)) * unit[read.group(2)]
    return {"rps": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), "bytes": rate,
            "cpu_request": spent / max(1, int(requests)), "cpu_byte": spent / max(1.0, rate * float(whole))}


def first_byte(place: Place, server: str, times: int) -> float:
    port, _ = place.servers[server]
    request = f"GET /api/anthropic/short HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nx-api-key: cst_short\r\n\r\n".encode()
    seen = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(times):
            begin = time.perf_counter()
            connection.sendall(request)
            connection.recv(65536)
            seen.append(time.perf_counter() - begin)
            time.sleep(0)
    return statistics.median(seen)


def held(place: Place, server: str) -> float:
    """Kilobytes of 1000 open streams."""
    port, pid = place.servers[server]
    before = resident(pid)
    request = f"GET /api/anthropic/silent HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nx-api-key: cst_silent\r\n\r\n".encode()
    open_ones = []
    for begin in range(0, STREAMS, 50):
        some = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(50)]
        for each in some:
            each.sendall(request)
        for each in some:
            while b"data: 1" not in each.recv(65536):
                pass
        open_ones += some
    after = resident(pid)
    for each in open_ones:
        each.close()
    return after - before


def main() -> int:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--quiet-cores", action="store_true")
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    rounds, seconds = (3, 1) if arguments.quick else (5, 3)
    place = Place(arguments)
    rows = []

    def compare(name: str, figure, limit: float, more_is_better: bool, unit: str, scale: float = 1, times: int = rounds):
        seen = {server: [] for server in place.servers}
        for _ in range(times):
            for server in place.servers:
                seen[server].append(figure(server))
        broker, nginx = (statistics.median(seen[server]) for server in ("broker", "nginx"))
        ratio = broker / nginx
        met = ratio >= limit if more_is_better else ratio <= limit
        rows.append((name, f"{broker * scale:.4g} {unit}", f"{nginx * scale:.4g} {unit}", f"{ratio:.2f}",
                     f"{'≥' if more_is_better else '≤'} {limit}", met))
        print(f"{name:44} {rows[-1][1]:>16} {rows[-1][2]:>16} {ratio:6.2f} {rows[-1][4]} {'' if met else 'NOT MET'}", flush=True)

    try:
        print(f"{'':44} {'broker':>16} {'nginx':>16} {'ratio':>6}")
        for server in place.servers:
            load(place, server, "short", 50, 1)  # warm
        compare("memory of 1000 open streams", lambda server: held(place, server), 1.0, False, "KB", times=1)
        compare("time to the first byte", lambda server: first_byte(place, server, 500), 1.1, False, "us", 1e6)
        for connections in (1, 50):
            kept = {server: [] for server in place.servers}

            def short(server, kept=kept, connections=connections):
                kept[server].append(load(place, server, "short", connections, seconds))
                return kept[server][-1]["rps"]

            compare(f"short answers per second at {connections}", short, 1.0, True, "/s")
            left = {server: iter(values) for server, values in kept.items()}
            compare(f"CPU of a short answer at {connections}", lambda server, left=left: next(left[server])["cpu_request"], 1.0, False, "us", 1e6)
            kept_long = {server: [] for server in place.servers}

            def long(server, kept=kept_long, connections=connections):
                kept[server].append(load(place, server, "long", connections, seconds))
                return kept[server][-1]["bytes"]

            compare(f"bytes of long streams per second at {connections}", long, 1.0, True, "MB/s", 1e-6)
            left_long = {server: iter(values) for server, values in kept_long.items()}
            compare(f"CPU of a megabyte at {connections}", lambda server, left=left_long: next(left[server])["cpu_byte"], 1.0, False, "us", 1e12)
    finally:
        place.close()
    if arguments.markdown:
        table = ["| | broker | nginx | ratio | promised |", "|---|---|---|---|---|"]
        arguments.markdown.write_text("\n".join(table + [f"| {' | '.join(row[:5])} |" for row in rows]) + "\n")
    return 0 if all(row[5] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
