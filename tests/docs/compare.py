"""Compares what a page shows with what came. "…" on a page stands for anything: part of a line, lines, more items or members."""

import json
import re

# Members whose values differ from run to run or from user to user; their types do not.
VARYING = {"pid", "uptime_s", "uid", "gid", "groups", "loaded_at", "fetched_at", "total", "errors", "open", "version",
           "USER", "LOGNAME", "SHELL"}  # fmt: skip


def text_differs(shown: list[str], came: str) -> str | None:
    pattern = ""
    for line in shown:
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.rstrip().split("…")) + r"\n"
    lines = "".join(line.rstrip() + "\n" for line in came.rstrip("\n").splitlines())
    if re.fullmatch(pattern, lines):
        return None
    return "the page shows\n" + indented("\n".join(shown)) + "\nand this came\n" + indented(came)


def json_differs(shown, came, where: str = "answer") -> str | None:
    name = where.rsplit(".", 1)[-1]
    if shown == "…" or (where.endswith(".user.name") and isinstance(came, str)):
        return None
    if isinstance(came, dict) and came.get("name") in VARYING and isinstance(shown, dict):  # explain's variables
        shown = shown | {"value": "…"}
    if name in VARYING:
        same = isinstance(came, (int, float)) if isinstance(shown, (int, float)) else came is None or shown is None
        return None if same or type(shown) is type(came) else f"{where}: {came!r} is of another type than {shown!r}"
    if isinstance(shown, dict) and isinstance(came, dict):
        if "…" in shown:  # further members
            shown = {name: each for name, each in shown.items() if name != "…"}
            came = {name: each for name, each in came.items() if name in shown}
        if list(shown) != list(came) and set(shown) != set(came):
            return f"{where}: shown {sorted(shown)}, came {sorted(came)}"
        return next((why for each in shown if (why := json_differs(shown[each], came[each], f"{where}.{each}"))), None)
    if isinstance(shown, list) and isinstance(came, list):
        return list_differs(shown, came, where)
    if isinstance(shown, str) and isinstance(came, str):
        pattern = ".*".join(re.escape(part) for part in shown.split("…"))
        return None if re.fullmatch(pattern, came, re.DOTALL) else f"{where}: shown {shown!r}, came {came!r}"
    return None if shown == came and type(shown) is type(came) else f"{where}: shown {shown!r}, came {came!r}"


def list_differs(shown: list, came: list, where: str) -> str | None:
    """"…" as an item stands for any number of items at the end."""
    if shown and shown[-1] == "…":
        shown = shown[:-1]
        came = came[: len(shown)]
    if len(shown) != len(came):
        return f"{where}: shown {len(shown)} items, came {len(came)}: {json.dumps(came, ensure_ascii=False)}"
    pairs = enumerate(zip(shown, came))
    return next((why for i, (one, other) in pairs if (why := json_differs(one, other, f"{where}[{i}]"))), None)


def indented(text: str) -> str:
    return "\n".join("    " + line for line in text.rstrip("\n").splitlines())
