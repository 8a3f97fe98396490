"""Looks for a key with all the rights that an agent has: in files, in processes, and of whoever listens at a socket.

    search.py MARK-OF-THE-KEY SOCKET…   (the mark in two words, so that no command line has it)

Says how much it has looked at, and where it found the mark.
"""

import json
import os
import re
import socket
import sys
from pathlib import Path

MARK = (sys.argv[1] + sys.argv[2]).encode()
FOLDERS = ("/srv", "/tmp", "/mnt", "/media", "/run", "/var/lib", "/etc", "/home", "/root", "/dev/shm")
CALLS = [("status", {}), ("auth.list", {}), ("sessions.list", {"all": True}), ("rpc.discover", {}), ("reload", {}),
         ("auth.set", {"provider": "zai", "value": "FAKE-other"}), ("auth.unset", {"provider": "zai"})]  # fmt: skip
for agent in ("claude", "codex", "opencode"):
    CALLS += [("providers.list", {"agent": agent}), ("config.write", {"agent": agent})]
    for provider in ("anthropic", "openai", "zai", "minimax", "kimi"):
        CALLS += [(method, {"agent": agent, "provider": provider}) for method in ("spawn", "explain", "grant")]
looked = {"files": 0, "processes": 0, "answers": 0}


def found(where: str) -> None:
    print("found", where)


def look_at_file(path: Path, most: int = 16 << 20) -> None:
    try:
        with open(path, "rb") as file:
            text = file.read(most)
    except OSError:
        return
    looked["files"] += 1
    if MARK in text:
        found(str(path))


def look_at_memory(process: Path) -> None:
    try:
        maps = (process / "maps").read_text()
        memory = open(process / "mem", "rb", 0)
    except OSError:
        return
    looked["processes"] += 1
    with memory:
        for first, last in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) r", maps, re.MULTILINE):
            size = int(last, 16) - int(first, 16)
            try:
                memory.seek(int(first, 16))
                if size < 1 << 30 and MARK in memory.read(size):
                    found(f"{process}/mem")
            except (OSError, OverflowError, ValueError):
                continue


for folder in FOLDERS:
    for top, _, names in os.walk(folder):
        for name in names:
            path = Path(top, name)
            if path.is_file():
                look_at_file(path)
for process in Path("/proc").glob("[0-9]*"):
    if process.name == str(os.getpid()):
        continue
    for name in ("environ", "cmdline"):
        look_at_file(process / name)
    look_at_memory(process)
for path in sys.argv[3:]:
    for method, params in CALLS:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(path)
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = connection.makefile().readline()
        looked["answers"] += 1
        if MARK.decode() in answer:
            found(f"{path} {method} {params}")
print("looked at", json.dumps(looked))
