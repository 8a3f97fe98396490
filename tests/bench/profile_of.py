"""Where capsuled's time goes under a load: perf's samples by program and library, and the functions that take most."""

import shutil
import subprocess

from servers import Place, Server
from throughput import LOADS, Target, reply_size, request_of

SECONDS = 4


def show(place: Place, capsuled: Server, method: str, load: str) -> None:
    if not shutil.which("perf"):
        raise SystemExit("--profile needs perf: apt-get install linux-perf")
    reply_size(place, capsuled, method)
    request, expected = request_of(place, method)
    data = place.top / "perf.data"
    # No hardware counters in many virtual machines, hence the clock; a rate that such a machine can keep up with.
    record = subprocess.Popen(["perf", "record", "--quiet", "--event", "cpu-clock", "--freq", "997", "--output", str(data),
                               "--pid", str(capsuled.pid), "sleep", str(SECONDS - 1)])
    seen = Target(capsuled, request, 0, expected).load(place, *LOADS[load], "--seconds", str(SECONDS))
    record.wait()
    print(f"\n{method} {load}: {seen['rate']:.0f} requests/s, {seen['server_cpu_us']:.2f} µs of CPU each")
    for keys, rows in (("dso", 6), ("symbol", 16)):
        report = subprocess.run(["perf", "report", "--input", str(data), "--no-children", "--stdio", "--sort", keys],
                                capture_output=True, text=True).stdout
        lines = [line.rstrip(" -") for line in report.splitlines() if line.strip() and not line.startswith("#")]
        print("\n".join(lines[:rows]), end="\n\n")
