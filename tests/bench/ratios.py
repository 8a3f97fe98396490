"""The ratios as the Markdown tables of docs/performance.md."""

from report import exec_overhead, p50_to_echo

NAMES = {"status": "`status`", "claude": "`spawn claude`", "codex": "`spawn codex`", "opencode": "`spawn opencode`"}


def throughput_tables(rows: list) -> list[str]:
    loads = list(dict.fromkeys(row["load"] for row in rows))
    lines = ["| median latency, to the echo's | " + " | ".join(load.replace("x", " × ") for load in loads) + " |",
             "|---|" + "---|" * len(loads)]
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        lines.append(f"| {NAMES[method]} ({own[0]['reply_bytes'] / 1000:.1f} KB) | "
                     + " | ".join(f"{p50_to_echo(row):.1f}" for row in own) + " |")
    return [*lines, ""]


def other_table(results: dict) -> list[str]:
    rows = []
    if "ready" in results:
        rows.append(("ready: exec to the first answer", "redis-server", results["ready"]["capsuled"] / results["ready"]["redis"]))
    if "starts" in results:
        ping = results["starts"]["redis-cli ping"]
        rows.append(("`capsulectl status`", "`redis-cli ping`", results["starts"]["capsulectl status"] / ping))
        rows.append(("what `capsulectl exec` adds", "`redis-cli ping`", exec_overhead(results["starts"]) / ping))
    if "memory" in results:
        for when, title in (("at_start", "at start"), ("after", f"after {results['memory']['requests']:,} requests")):
            own, other = results["memory"][when]["capsuled"], results["memory"][when]["redis"]
            rows += [(f"{kind.upper()} {title}", "redis-server", own[kind] / other[kind]) for kind in ("rss", "pss")]
    return ["| | beside | ratio |", "|---|---|---|"] + [f"| {what} | {beside} | {ratio:.2f} |" for what, beside, ratio in rows]


def write(path, results: dict) -> None:
    lines = throughput_tables(results["throughput"]) if "throughput" in results else []
    path.write_text("\n".join(lines + other_table(results)) + "\n")
