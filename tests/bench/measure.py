#!/usr/bin/env python3
"""Measures what tests/bench/run.sh says; see there."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import footprint
import profile_of
import ratios
import report
import starts
import throughput
from servers import Place, Runner

FIGURES = ("throughput", "ready", "commands", "memory", "idle", "sizes", "parts")
ROOT = Path(__file__).resolve().parents[2]


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--quiet-cores", action="store_true")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    words = [word for text in arguments.only for word in text.split(",")]
    known = (*FIGURES, *throughput.METHODS, *throughput.LOADS)
    if unknown := [word for word in words if word not in known]:
        parser.error(f"--only {unknown[0]}: one of {', '.join(known)}")
    arguments.methods = [word for word in throughput.METHODS if word in words] or list(throughput.METHODS)
    arguments.loads = [word for word in throughput.LOADS if word in words] or list(throughput.LOADS)
    arguments.figures = [word for word in FIGURES if word in words]
    if not arguments.figures:
        arguments.figures = ["throughput"] if words else list(FIGURES)
    return arguments


def find_programs(directory: Path) -> dict[str, Path]:
    programs = {name: directory / name for name in ("bench_load", "bench_echo", "bench_start", "bench_agent", "bench_parts")}
    programs["capsuled"] = Path(os.environ.get("CAPSULED", directory / "capsuled"))
    programs["capsulectl"] = Path(os.environ.get("CAPSULECTL", directory / "capsulectl"))
    for name in ("redis-check-rdb", "redis-cli"):
        programs[name] = Path(shutil.which(name) or f"{name} (not installed)")
    if missing := [str(path) for path in programs.values() if not path.exists()]:
        raise SystemExit("not there: " + ", ".join(missing))
    return {name: path.resolve() if name.startswith("capsule") else path for name, path in programs.items()}


def real_time_works() -> bool:
    return subprocess.run(["chrt", "-f", "10", "true"], stderr=subprocess.DEVNULL).returncode == 0


def measure(arguments: argparse.Namespace, place: Place) -> dict:
    quick, results = arguments.quick, {}
    capsuled, redis = place.capsuled().start(), place.redis().start()
    try:
        if arguments.profile:
            for method in arguments.methods:
                for load in arguments.loads:
                    profile_of.show(place, capsuled, method, load)
            return results
        if "throughput" in arguments.figures:
            print(report.HEAD)
            rounds, seconds = (3, 0.3) if quick else (5, 1.0)
            results["throughput"] = throughput.measure(place, capsuled, arguments.methods, arguments.loads, rounds, seconds,
                                                       report.show_row)
            print()
        if "commands" in arguments.figures:
            results["starts"] = seen = starts.commands(place, capsuled, redis, 100 if quick else 400)
            ping = seen["redis-cli ping"] / 1e3
            for name, time, limit in (("capsulectl status", seen["capsulectl status"], report.LIMITS["status"]),
                                      ("capsulectl exec adds", report.exec_overhead(seen), report.LIMITS["exec"])):
                report.show_pair(name, time / 1e3, "redis-cli ping", ping, "ms", limit)
    finally:
        capsuled.stop()
        redis.stop()
    if "ready" in arguments.figures:
        results["ready"] = seen = starts.ready(place, 15 if quick else 40)
        report.show_pair("capsuled is ready after", seen["capsuled"] / 1e3, "redis-server", seen["redis"] / 1e3, "ms",
                         report.LIMITS["ready"])
    if "memory" in arguments.figures:
        results["memory"] = footprint.memory(place, 4_000 if quick else 100_000)
        report.show_memory(results["memory"])
    if "idle" in arguments.figures:
        results["idle"] = footprint.idle(place)
        print(f"idle for {results['idle']['seconds']} s: {results['idle']['wake_ups']} wake-ups (promised: none)")
    if "sizes" in arguments.figures:
        results["sizes"] = starts.sizes(place)
        print("bytes of the programs: " + ", ".join(f"{name} {size}" for name, size in results["sizes"].items()))
    if "parts" in arguments.figures:
        # Without priority: it takes seconds, and only compares itself with itself.
        parts = [str(place.programs["bench_parts"]), "--benchmark_color=false", "--benchmark_repetitions=3",
                 "--benchmark_report_aggregates_only=false", f"--benchmark_min_time={0.05 if quick else 0.3}"]
        results["parts"] = {"linear": subprocess.run(parts, stderr=subprocess.DEVNULL).returncode == 0}
    return results


def main() -> int:
    arguments = read_arguments()
    if arguments.quiet_cores and not real_time_works():
        raise SystemExit("--quiet-cores: chrt -f is not permitted here (it takes CAP_SYS_NICE)")
    runner = Runner(arguments.quiet_cores and not arguments.profile)  # perf needs its turns
    print(f"{runner.cores} cores, servers on one and clients on another, "
          f"real-time priority {'on' if runner.real_time else 'off'}; medians of interleaved rounds")
    place = Place(find_programs(arguments.bin), ROOT / "tests/support/data/codex_models.json", runner)
    try:
        results = measure(arguments, place)
    finally:
        place.remove()
    checks = report.promises(results)
    if arguments.markdown:
        ratios.write(arguments.markdown, results)
    if arguments.json:
        results |= {"real_time": runner.real_time, "quick": arguments.quick,
                    "promises": [{"promise": text, "figure": figure, "met": met} for text, figure, met in checks]}
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    print()
    for text, _, met in checks:
        print(("met      " if met else "NOT MET  ") + text)
    return 0 if all(met for _, _, met in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
