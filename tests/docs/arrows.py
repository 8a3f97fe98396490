#!/usr/bin/env python3
"""Each folder includes, and each library links, only what docs/architecture.md lets it use, and uses all of that.

    arrows.py ROOT

The table in "Libraries and arrows" has a row for each folder, in the order in which they build on each other. What is
outside of daemon/agents/<agent> asks the descriptor and does not name the agent: this is looked at, too, and who parses JSON.
"""

import re
import sys
from pathlib import Path

SOURCES = ("protocol", "daemon", "client")
ROW = re.compile(r"^\| `([\w/]+)` \| ([^|]*) \|", re.MULTILINE)
INCLUDE = re.compile(r'^#include "((?:protocol|daemon|client)/[^"]+)"', re.MULTILINE)
LINK = re.compile(r"target_link_libraries\(capsule_\w+ (?:PUBLIC|PRIVATE) ([^)]*)\)")
# Of what strangers wrote only parse_json() bounds the members. These read what capsuled or capsulectl wrote, or a lone string.
PARSES = re.compile(r"json::(?:parse|stream_parser|parser)\b")
READ_THEIR_OWN = {"client/commands/verify.cpp", "client/picker/last_choices.cpp", "client/recorder/anthropic_reply.cpp",
                  "client/verify/agents/opencode.cpp", "daemon/edit/json_edit.cpp",
                  "daemon/sessions/ended_file.cpp", "daemon/sessions/session_files.cpp"}  # fmt: skip
NAMES_AN_AGENT = re.compile(r"Agent::(claude|codex|opencode)\b")
# Libraries whose name is not their folder's.
FOLDER_OF = {"home_io": "daemon/home", "op_reader": "daemon/keys"}
# What the table's last row of the daemon stands for: the files beside the folders, which wire everything.
PROGRAM = "daemon"


def folder_of(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "daemon" and len(parts) > 2 else parts[0]


def read_table(page: str) -> dict[str, list[str]]:
    section = page.partition("\n## Libraries and arrows\n")[2].partition("\n## ")[0]
    table = {}
    for folder, uses in ROW.findall(section):
        table[folder] = re.findall(r"`([\w/]+)`", uses)
    if len(table) < 10:
        raise SystemExit("docs/architecture.md: there is no table of folders in \"Libraries and arrows\"")
    return table


def check_order(table: dict[str, list[str]]) -> list[str]:
    rows = list(table)
    return [f"docs/architecture.md: {folder} uses {used}, which does not stand above it"
            for folder, uses in table.items() for used in uses
            if used not in rows or rows.index(used) >= rows.index(folder)]  # fmt: skip


def check_includes(root: Path, table: dict[str, list[str]]) -> list[str]:
    problems, used = [], {folder: set() for folder in table}
    for source in sorted(file for part in SOURCES for file in (root / part).rglob("*.?pp")):
        name = source.relative_to(root).as_posix()
        folder = folder_of(name)
        if folder not in table:
            problems.append(f"{name}: docs/architecture.md has no row for {folder}")
            continue
        for include in INCLUDE.findall(source.read_text()):
            target = folder_of(include)
            used[folder].add(target)
            if target != folder and target not in table[folder]:
                problems.append(f"{name} includes {include}: docs/architecture.md has no arrow from {folder} to {target}")
    problems += [f"docs/architecture.md: {folder} does not use {each}"
                 for folder, uses in table.items() for each in uses if each not in used[folder]]  # fmt: skip
    return problems


def check_links(root: Path, table: dict[str, list[str]]) -> list[str]:
    problems = []
    for folder in table:
        cmake = root / folder / "CMakeLists.txt"
        if not folder.startswith("daemon/") or not cmake.exists():
            continue
        libraries = re.findall(r"capsule_(\w+)", " ".join(LINK.findall(cmake.read_text())))
        for library in libraries:
            target = FOLDER_OF.get(library, library if library == "protocol" else f"daemon/{library}")
            if target in table and target != folder and target not in table[folder]:
                problems.append(f"{cmake.relative_to(root)} links capsule_{library}, which {folder} does not use")
    return problems


def check_parses(root: Path) -> list[str]:
    parsing = {file.relative_to(root).as_posix() for part in SOURCES for file in (root / part).rglob("*.?pp")
               if PARSES.search(file.read_text())}  # fmt: skip
    return [f"{name} parses JSON with Boost: use parse_json() of protocol/json_tree.hpp"
            for name in sorted(parsing - READ_THEIR_OWN)]  # fmt: skip


def check_agents(root: Path) -> list[str]:
    problems = []
    for source in sorted(file for part in SOURCES for file in (root / part).rglob("*.?pp")):
        name = source.relative_to(root).as_posix()
        own = re.match(r"(?:daemon|client/verify)/agents/(claude|codex|opencode)", name)
        text = source.read_text()
        for found in NAMES_AN_AGENT.finditer(text):
            if not own:
                problems.append(f"{name} names {found.group()}: ask its descriptor (daemon/agents/agent.hpp)")
        for include in INCLUDE.findall(text):
            agent = re.match(r"daemon/agents/(\w+)/", include)
            if agent and (not own or own.group(1) != agent.group(1)):
                problems.append(f"{name} includes {include}: only that agent's own folder may")
    return problems


def main() -> int:
    root = Path(sys.argv[1])
    table = read_table((root / "docs/architecture.md").read_text())
    problems = check_order(table) + check_includes(root, table) + check_links(root, table)
    problems += check_agents(root) + check_parses(root)
    print("\n".join(problems) or f"{sum(map(len, table.values()))} arrows between {len(table)} folders, all downward")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
