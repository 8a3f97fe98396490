"""Writes an answer as a page shows it: short, and without what differs from run to run."""

import getpass
import json
import re

WIDTH = 116
NEUTRAL = {"pid": 4711, "uptime_s": 12.5, "uid": 1000, "gid": 1000, "groups": [1000], "total": 17, "errors": 0,
           "open": 1, "loaded_at": "2026-11-23T06:00:00Z", "USER": "agent", "LOGNAME": "agent",
           "SHELL": "/bin/bash"}  # fmt: skip
SHOWN_OF_UNSET = 4


def neutral(value, name: str = ""):
    if name in NEUTRAL and not isinstance(value, dict):
        return NEUTRAL[name]
    if isinstance(value, dict):
        if set(value) == {"name", "uid", "gid", "groups"}:
            value = value | {"name": "agent"}
        return {key: neutral(each, key) for key, each in value.items()}
    if isinstance(value, list):
        if name == "unset" and len(value) > SHOWN_OF_UNSET:
            return [*value[:SHOWN_OF_UNSET], "…"]
        if value and isinstance(value[0], dict) and set(value[0]) == {"name", "value", "from"}:
            return [each | {"value": NEUTRAL.get(each["name"], each["value"])} for each in value]
        return [neutral(each) for each in value]
    if name == "message":
        return re.sub(rf"(\(|process of ){re.escape(getpass.getuser())}\b", r"\1…", value)
    return value


def pretty(value, indent: int = 4) -> str:
    """What fits on a line stands on one."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= WIDTH or not isinstance(value, (dict, list)) or not value:
        return flat
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {pretty(each, indent + 2)}" for key, each in value.items()]
        opening, closing = "{", "}"
    else:
        items = [pretty(each, indent + 2) for each in value]
        opening, closing = "[", "]"
    return opening + "\n" + ",\n".join(inner + item for item in items) + "\n" + " " * indent + closing


def answer_lines(came: str) -> list[str]:
    return ("<-- " + pretty(neutral(json.loads(came)))).splitlines()
