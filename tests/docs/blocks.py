"""Finds the fenced blocks of a Markdown file, and what each of them promises."""

import re
from dataclasses import dataclass, field
from pathlib import Path

CONFIG_HEADER = re.compile(r"# /etc/capsule/((?:roles/)?[\w.-]+\.toml)$")


@dataclass
class Block:
    language: str
    first: int  # index, in the file's lines, of the block's first line
    lines: list[str]

    @property
    def text(self) -> str:
        return "".join(line + "\n" for line in self.lines)


@dataclass
class Step:
    """One command and the output that follows it; or one request and its answer."""

    given: str
    shown: list[str] = field(default_factory=list)
    first: int = 0  # index, in the file's lines, of the first shown line


def read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def blocks_of(lines: list[str]) -> list[Block]:
    found, start, fence = [], None, None
    for number, line in enumerate(lines):
        opening = re.match(r"( *)(`{3,})([\w-]*)", line)
        if fence is None and opening:
            fence, start = opening, number + 1
        elif fence is not None and line.strip() == fence[2]:
            indent = len(fence[1])
            found.append(Block(fence[3], start, [each[indent:] for each in lines[start:number]]))
            fence = None
    if fence is not None:
        raise SystemExit(f"a fence that begins on line {start} does not end")
    return found


def steps_of(block: Block, prompt: str, more: str) -> list[Step]:
    """Splits at the lines that begin with `prompt`; `more` begins the further lines of what is given."""
    steps: list[Step] = []
    for number, line in enumerate(block.lines, block.first):
        if line.startswith(prompt):
            steps.append(Step(line[len(prompt) :], first=number + 1))
        elif not steps:
            raise SystemExit(f"line {number + 1}: the block does not begin with {prompt!r}")
        elif not steps[-1].shown and (line + " ").startswith(more):
            steps[-1].given += "\n" + line[len(more) :]
            steps[-1].first = number + 1
        else:
            steps[-1].shown.append(line)
    return steps


def daemon_environment(lines: list[str]) -> dict[str, str]:
    """<!-- daemon: NAME=value … -->: what the page's daemon finds in its environment, such as fake keys."""
    for line in lines:
        if comment := re.fullmatch(r"<!-- daemon: (.*) -->", line):
            return dict(word.split("=", 1) for word in comment[1].split())
    return {}


def config_file(block: Block) -> str | None:
    """capsule.toml or roles/<name>.toml, if the block's first line says that it is such a file."""
    header = block.lines and CONFIG_HEADER.match(block.lines[0])
    return header[1] if block.language == "toml" and header else None
