#!/usr/bin/env python3
"""Runs what a documentation page shows against a real daemon, and fails where the page is wrong.

    page.py PAGE --capsuled F --capsulectl F --models F [--client-example F] [--fill]

On a page, in their order, as one session:

    ```console       each `$ ` command (`> ` continues it) must succeed and print what is shown, if anything is; one
                     that is to fail is followed by `$ echo $?`
    ```jsonrpc       each `--> ` request must get the `<-- ` answer
    ```python, js    must run and exit 0
    ```cpp           was compiled as --client-example, which must run and exit 0
    ```toml          whose first line is `# /etc/capsule/….toml` is put in force

"…" stands for anything. `?` as a whole answer or output is replaced by what came with --fill, and fails without it.
"""

import argparse
import json
import sys
from pathlib import Path

import blocks
from compare import json_differs, text_differs
from fill import answer_lines
from sandbox import OWN, Sandbox

INTERPRETERS = {"python": ["python3", "py"], "js": ["node", "mjs"]}


class Page:
    def __init__(self, path: Path, sandbox: Sandbox, client_example: str | None):
        self.path = path
        self.lines = blocks.read_lines(path)
        self.sandbox = sandbox
        self.client_example = client_example
        self.problems: list[str] = []
        self.fills: list[tuple[int, int, list[str]]] = []  # first line, number of lines, what goes there
        self.runs = 0

    def run(self) -> None:
        for block in blocks.blocks_of(self.lines):
            if block.language == "console":
                self._console(block)
            elif block.language == "jsonrpc":
                self._jsonrpc(block)
            elif block.language in INTERPRETERS:
                self._program(block)
            elif block.language == "cpp":
                self._must_succeed(block, f'"{self.client_example}"')
            elif name := blocks.config_file(block):
                self.sandbox.configure(name, block.text)
                self.runs += 1

    def _wrong(self, line: int, what: str) -> None:
        self.problems.append(f"{self.path}:{line + 1}: {what}")

    def _console(self, block: blocks.Block) -> None:
        steps = blocks.steps_of(block, "$ ", "> ")
        for step, following in zip(steps, [*steps[1:], None]):
            code, output = self.sandbox.run(step.given)
            self.runs += 1
            may_fail = following is not None and following.given == "echo $?"
            if code != 0 and not may_fail:
                self._wrong(step.first - 1, f"`{step.given}` ended with {code}:\n{output}")
            elif step.shown == ["?"]:
                self.fills.append((step.first, 1, output.rstrip("\n").splitlines()))
            elif step.shown and (why := text_differs(step.shown, output)):
                self._wrong(step.first, f"`{step.given}`: {why}")

    def _jsonrpc(self, block: blocks.Block) -> None:
        for step in blocks.steps_of(block, "--> ", "    "):
            came = self.sandbox.call(step.given.replace("\n", " "))
            self.runs += 1
            shown = "\n".join(line[4:] for line in step.shown)
            if shown and not came:
                self._wrong(step.first, "an answer is shown, and none came")
            elif step.shown == ["<-- ?"]:
                self.fills.append((step.first, 1, answer_lines(came)))
            elif not shown:
                if came:
                    self._wrong(step.first, f"no answer is shown, and this came: {came}")
            elif why := json_differs(json.loads(shown), json.loads(came)):
                self._wrong(step.first, why)

    def _program(self, block: blocks.Block) -> None:
        interpreter, ending = INTERPRETERS[block.language]
        file = self.sandbox.top / f"block.{ending}"
        file.write_text(block.text)
        # With descriptors of its own, which an agent must not have, beyond the limit too.
        own = self.sandbox.top / OWN
        own.touch()
        self._must_succeed(block, f'(exec 10<"{own}" 40<"{own}" && ulimit -S -n 30 && {interpreter} "{file}")')

    def _must_succeed(self, block: blocks.Block, command: str) -> None:
        code, output = self.sandbox.run(command)
        self.runs += 1
        if code != 0:
            self._wrong(block.first, f"the {block.language} block ended with {code}:\n{output}")

    def fill(self) -> None:
        for first, count, text in reversed(self.fills):
            self.lines[first : first + count] = text
        self.path.write_text("\n".join(self.lines) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("page", type=Path)
    for name in ("--capsuled", "--capsulectl", "--models"):
        parser.add_argument(name, required=True)
    parser.add_argument("--client-example")
    parser.add_argument("--fill", action="store_true")
    options = parser.parse_args()
    programs = {"capsuled": options.capsuled, "capsulectl": options.capsulectl}
    environment = blocks.daemon_environment(blocks.read_lines(options.page))
    sandbox = Sandbox(programs, Path(options.models), environment)
    page = Page(options.page, sandbox, options.client_example)
    try:
        page.run()
    except SystemExit as stop:
        page.problems.append(f"{options.page}: {stop}")
    finally:
        page.problems += sandbox.close()
    if options.fill:
        page.fill()
    else:
        for first, _, _ in page.fills:
            page._wrong(first, "is still to be filled in")
    print("\n".join(page.problems) or f"{options.page}: {page.runs} blocks and commands are as shown")
    return 1 if page.problems else 0


if __name__ == "__main__":
    sys.exit(main())
