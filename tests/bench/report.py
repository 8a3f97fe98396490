"""The table that people read, and what was promised."""

LIMITS = {"spawn": 1.0, "p50": 1.25, "ready": 0.6, "status": 0.7, "exec": 0.7, "memory": 0.75}
HEAD = (f"{'method':<9} {'load':<7} {'server':<9} {'requests/s':>10} {'p50 µs':>9} {'p99 µs':>9} {'p99.9 µs':>9} "
        f"{'cpu µs/req':>10}  {'rate/redis':>10} {'rate/echo':>9} {'p50/echo':>8}")


def ratios(row: dict) -> dict:
    own = row["capsuled"]
    return {"rate_to_redis": own["rate"] / row["redis"]["rate"], "rate_to_echo": own["rate"] / row["echo"]["rate"],
            "p50_to_redis": own["p50_us"] / row["redis"]["p50_us"], "p50_to_echo": own["p50_us"] / row["echo"]["p50_us"],
            "cpu_to_redis": own["server_cpu_us"] / row["redis"]["server_cpu_us"]}


def show_row(row: dict) -> None:
    for server in ("capsuled", "redis", "echo"):
        seen = row[server]
        line = (f"{row['method']:<9} {row['load']:<7} {server:<9} {seen['rate']:>10.0f} {seen['p50_us']:>9.1f} "
                f"{seen['p99_us']:>9.1f} {seen['p999_us']:>9.1f} {seen['server_cpu_us']:>10.2f}")
        if server == "capsuled":
            to = ratios(row)
            line += f"  {to['rate_to_redis']:>10.2f} {to['rate_to_echo']:>9.2f} {to['p50_to_echo']:>8.2f}"
        print(line, flush=True)


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
        to = ratios(row)
        name = f"{row['method']} {row['load']}"
        if row["method"] != "status" and row["load"] in ("50x1", "50x16"):
            figure = to["rate_to_redis"]
            checks.append((f"{name}: {figure:.2f} of Redis's rate, promised at least {LIMITS['spawn']}", figure,
                           figure >= LIMITS["spawn"]))
        if row["load"] == "1x1":
            at_most(f"{name}: p50 to echo's", to["p50_to_echo"], LIMITS["p50"])
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
