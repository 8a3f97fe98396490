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
SHARED = "session options"  # of exec, spawn and explain: a section of its own


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


def check_capsulectl(page: str, program: str) -> list[str]:
    tops = sections(page, "#")
    shown = {re.sub(r" \[?[A-Z].*", "", title): text for title, text in sections(page, "##").items()}
    real = commands_of(program)
    # One that only leads to others, such as `config`, need not be explained.
    real = {name: text for name, text in real.items() if name in shown or "Commands:" not in text}
    problems = difference("capsulectl(1), commands", set(shown), set(real))
    problems += difference("capsulectl(1), options", options_on(tops["OPTIONS"]), options_in(help_of(program)))
    for name in shown.keys() & real.keys():
        text = shown[name] + (tops[SHARED.upper()] if SHARED in shown[name] else "")
        problems += difference(f"capsulectl(1), {name}", options_on(text), options_in(real[name]) - {"-h", "--help"})
    said = " ".join(help_of(program).partition("Exit codes: ")[2].partition("\n\n")[0].split())
    codes = dict(re.findall(r"(\d+) ([a-z][a-z ]+)", said))
    listed = dict(re.findall(r"^\*\*(\d+)\*\*\n: (.+)$", tops["EXIT STATUS"], re.MULTILINE))
    return problems + difference("capsulectl(1), exit status", set(listed.items()), set(codes.items()))


def check_capsuled(page: str, program: str) -> list[str]:
    shown = options_on(sections(page, "#")["OPTIONS"])
    return difference("capsuled(8), options", shown, options_in(help_of(program)))


def check_settings(root: Path, page: str) -> list[str]:
    settings = sections(page, "#")["SETTINGS"]
    terms = re.findall(r"^(\*\*[a-z_]+\*\*.*)\n: ", settings, re.MULTILINE)
    names = {name for term in terms for name in re.findall(r"\*\*([a-z_]+)\*\*", term)}
    tables = set(re.findall(r"[a-z]+", " ".join(re.findall(r"\[([\w.*]+)\]", settings))))
    # Each agent's table is read by the agent's name; [agents.*] is read in order to be refused.
    agents = {"claude", "codex", "opencode"}
    return difference("capsule.toml(5), settings", (names | tables) - agents, setting_names(root) - {"agents"})


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    for name in ("--capsuled", "--capsulectl", "--models"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    pages = {path.name[:-3]: path.read_text() for path in (options.root / "docs/man").glob("*.md")}
    problems = check_capsulectl(pages["capsulectl.1"], options.capsulectl)
    problems += check_capsuled(pages["capsuled.8"], options.capsuled)
    problems += check_settings(options.root, pages["capsule.toml.5"])
    print("\n".join(problems) or "the manual pages list what the programs have")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
