#!/usr/bin/env python3
"""The samples of docs/guides/launchers.md look for the socket where capsulectl looks.

    clients.py ROOT --capsuled F --capsulectl F --models F
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import blocks

NOBODY = 65534
# capsulectl says in its error where it looked.
LOOKED = re.compile(r"(/\S+\.sock)")


def functions(page: Path, language: str, pattern: str) -> list[str]:
    """What finds the socket, of each sample in that language that does so itself."""
    blocks_of = [block.text for block in blocks.blocks_of(blocks.read_lines(page)) if block.language == language]
    return [found[0] for text in blocks_of if (found := re.search(pattern, text, re.DOTALL | re.MULTILINE))]


def samples(page: Path, user: int) -> dict[str, list[str]]:
    """Per language: a command that prints where its sample looks, as if it were that user."""
    python = functions(page, "python", r"^def socket_path\(\):\n(?:    [^\n]*\n)+")
    node = functions(page, "js", r"function socketPath\(\) \{.*?\n\}\n")
    if page.read_text().count("AF_UNIX") != len(python) or len(node) != 1:
        raise SystemExit("docs/guides/launchers.md: a sample opens the socket without socket_path()")
    return {
        **{
            f"python {number}": ["python3", "-c", f"import os\nos.geteuid = lambda: {user}\n{each}print(socket_path())"]
            for number, each in enumerate(python, 1)
        },
        "node": ["node", "-e", f"process.geteuid = () => {user};\n{node[0]}console.log(socketPath())"],
    }


def run(command: list[str], environment: dict[str, str], user: int | None = None) -> str:
    def become() -> None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)

    other = become if user not in (None, os.geteuid()) else None
    done = subprocess.run(command, env=environment, capture_output=True, text=True, preexec_fn=other)
    return done.stdout + done.stderr


def check(capsulectl: str, page: Path) -> list[str]:
    problems = []
    mine, told = {"XDG_RUNTIME_DIR": "/nonexistent/user"}, {"CAPSULE_SOCKET": "/nonexistent/told.sock"}
    for user in [0, NOBODY] if os.geteuid() == 0 else [os.geteuid()]:
        # An agent's user without a place of its own, one that has one, and whoever is told.
        for more in ({}, mine, told, mine | told):
            environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | more
            said = run([capsulectl, "status"], environment, user)
            looked = LOOKED.search(said)
            if not looked:
                problems.append(f"uid {user}: capsulectl does not say where it looked: {said}")
                continue
            for language, command in samples(page, user).items():
                found = run(command, environment).strip()
                if found != looked[1]:
                    problems.append(f"uid {user}, {more}: {language} looks at {found}, capsulectl at {looked[1]}")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    for name in ("--capsuled", "--capsulectl", "--models"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        # The build's directory may be closed to another user.
        program = shutil.copy(options.capsulectl, directory)
        problems = check(program, options.root / "docs/guides/launchers.md")
    print("\n".join(problems) or "the samples look where capsulectl looks")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
