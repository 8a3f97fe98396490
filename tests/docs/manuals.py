#!/usr/bin/env python3
"""What the manual pages list is what the programs have: commands, options, exit codes, settings.

    manuals.py ROOT --capsuled F --capsulectl F --models F
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

from reference import difference, setting_names

OPTION = re.compile(r"\*\*(-[a-zA-Z]|\\--[a-z-]+)\*\*")  # as a page writes it
HELP_OPTION = re.compile(r"^  (-\S+)", re.MULTILINE)
def help_of(program: str, *words: str) -> str:
    return subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=True).stdout


def options_in(help_text: str) -> set[str]:
    return {name for names in HELP_OPTION.findall(help_text) for name in names.split(",")}


def options_on(text: str) -> set[str]:
    """Those that are explained: a term of a definition list."""
    terms = re.findall(r"^(\*\*\S.*)\n: ", text, re.MULTILINE)
    return {name.replace("\\", "") for term in terms for name in OPTION.findall(term)}


def sections(page: str, level: str) -> dict[str, str]:
    """By the heading's words."""
    parts = re.split(rf"^{level} (.+)\n", page, flags=re.MULTILINE)
    ends = re.compile(r"^#{1,%d} " % len(level), re.MULTILINE)
    return {title: ends.split(text)[0] for title, text in zip(parts[1::2], parts[2::2])}


def commands_of(program: str, *words: str) -> dict[str, str]:
    """Every command with its help, those of a command included."""
    found = {}
    listed = help_of(program, *words).partition("\nCommands:\n")[2].partition("\n\n")[0]
    for name in re.findall(r"^  ([a-z]+)\b", listed, re.MULTILINE):
        found[" ".join([*words, name])] = help_of(program, *words, name)
        found |= commands_of(program, *words, name)
    return found


def check_capsulectl(root: Path, page: str, program: str) -> list[str]:
    made = subprocess.run([root / "cmake/package/commands_manual.sh", program, root / "docs/man/capsulectl.1.md"],
                          capture_output=True, text=True, check=True).stdout  # fmt: skip
    tops = sections(page, "#")
    problems = difference("capsulectl(1), commands", set(sections(made, "##")), set(commands_of(program)))
    problems += difference("capsulectl(1), options", options_on(tops["OPTIONS"]), options_in(help_of(program)))
    problems += [f"capsulectl(1): a line is wider than a page: {line}" for line in made.splitlines()
                 if line.startswith("    ") and len(line) > 78]  # fmt: skip
    said = " ".join(help_of(program).partition("Exit codes: ")[2].partition("\n\n")[0].split())
    codes = dict(re.findall(r"(\d+) ([a-z][a-z ]+)", said))
    listed = dict(re.findall(r"^\*\*(\d+)\*\*\n: (.+)$", tops["EXIT STATUS"], re.MULTILINE))
    return problems + difference("capsulectl(1), exit status", set(listed.items()), set(codes.items()))


def check_capsuled(page: str, program: str) -> list[str]:
    shown = options_on(sections(page, "#")["OPTIONS"])
    return difference("capsuled(8), options", shown, options_in(help_of(program)))


def check_settings(root: Path) -> list[str]:
    """capsule.toml(5) is made of docs/configuration.md: each setting is still in it."""
    made = subprocess.run(
        ["pandoc", "--standalone", "--to", "man", "--metadata=title:CAPSULE.TOML", "--metadata=section:5",
         f"--lua-filter={root / 'cmake/package/settings_manual.lua'}", root / "docs/configuration.md"],
        capture_output=True, text=True, check=True).stdout  # fmt: skip
    names = set(re.findall(r"[a-z_]+", made))
    problems = [f"capsule.toml(5) lacks {name}" for name in sorted(setting_names(root) - names)]
    if ".TS" in made or "$ capsulectl" in made:
        problems.append("capsule.toml(5) has a table, or what a terminal shows")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    for name in ("--capsuled", "--capsulectl", "--models"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    pages = {path.name[:-3]: path.read_text() for path in (options.root / "docs/man").glob("*.md")}
    problems = check_capsulectl(options.root, pages["capsulectl.1"], options.capsulectl)
    problems += check_capsuled(pages["capsuled.8"], options.capsuled)
    problems += check_settings(options.root)
    print("\n".join(problems) or "the manual pages list what the programs have")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
