"""The table that people read, and what was promised."""

LIMITS = {"p50": 6.0, "ready": 0.4, "status": 0.6, "exec": 0.7, "memory": 0.5}
HEAD = (f"{'method':<9} {'load':<7} {'server':<9} {'requests/s':>10} {'p50 µs':>9} {'p99 µs':>9} {'cpu µs/req':>10}  "
        f"{'p50/echo':>8}")


def p50_to_echo(row: dict) -> float:
    return row["capsuled"]["p50_us"] / row["echo"]["p50_us"]


def show_row(row: dict) -> None:
    for server in ("capsuled", "echo"):
        seen = row[server]
        line = (f"{row['method']:<9} {row['load']:<7} {server:<9} {seen['rate']:>10.0f} {seen['p50_us']:>9.1f} "
                f"{seen['p99_us']:>9.1f} {seen['server_cpu_us']:>10.2f}")
        print(line + (f"  {p50_to_echo(row):>8.2f}" if server == "capsuled" else ""), flush=True)


def show_pair(name: str, own: float, other_name: str, other: float, unit: str, limit: float | None = None) -> None:
    promise = "" if limit is None else f" (promised: at most {limit})"
    print(f"{name}: {own:.2f} {unit}, {other_name}: {other:.2f} {unit}, ratio {own / other:.2f}{promise}", flush=True)


def show_memory(seen: dict) -> None:
    for when, title in (("at_start", "at start"), ("after", f"after {seen['requests']} requests")):
        own, other = seen[when]["capsuled"], seen[when]["redis"]
        for kind in own:
            limit = LIMITS["memory"] if when == "after" and kind != "private" else None
            show_pair(f"{kind} {title}", own[kind] / 1024, "redis-server", other[kind] / 1024, "MiB", limit)


def exec_overhead(starts: dict) -> float:
    return starts["capsulectl exec"] - starts["env -i agent"]


def promises(results: dict) -> list[tuple[str, float, bool]]:
    """Each promise that was measured: what it is, the figure, whether it is met."""
    checks = []

    def at_most(name: str, figure: float, limit: float) -> None:
        checks.append((f"{name}: {figure:.2f}, promised at most {limit}", figure, figure <= limit))

    for row in results.get("throughput", []):
        if row["load"] == "1x1":
            at_most(f"{row['method']} {row['load']}: p50 to echo's", p50_to_echo(row), LIMITS["p50"])
    if "ready" in results:
        at_most("ready to redis-server's", results["ready"]["capsuled"] / results["ready"]["redis"], LIMITS["ready"])
    if "starts" in results:
        ping = results["starts"]["redis-cli ping"]
        at_most("capsulectl status to redis-cli ping", results["starts"]["capsulectl status"] / ping, LIMITS["status"])
        at_most("what capsulectl exec adds to redis-cli ping", exec_overhead(results["starts"]) / ping, LIMITS["exec"])
    if "memory" in results:
        after = results["memory"]["after"]
        for kind in ("rss", "pss"):
            at_most(f"{kind} after {results['memory']['requests']} requests to redis-server's",
                    after["capsuled"][kind] / after["redis"][kind], LIMITS["memory"])
    if "idle" in results:
        at_most("wake-ups of the idle daemon", results["idle"]["wake_ups"], 0)
    if "parts" in results:
        checks.append(("no step of a request grows faster than its input", 0, results["parts"]["linear"]))
    return checks
