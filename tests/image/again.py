#!/usr/bin/env python3
"""Runs a command of buildah's, and once more where buildah failed before it ran anything. Ends with its exit code.

    again.py COMMAND [ARGUMENTS]

buildah copies itself into memory first. The kernel now and then refuses to seal that copy (EBUSY) on a busy machine.
The command's input is not read before that. What it says on standard error comes at once, but for that refusal.
"""

import os
import subprocess
import sys

TRIES = 5
REFUSED = b"sealing memfd copy"


def attempt(command: list[str]) -> tuple[int, bytes]:
    """Gives the exit code, and what was held back: the refusal and all that came after it."""
    held = b""
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while part := os.read(process.stderr.fileno(), 65536):
            if held or REFUSED in part:
                held += part
            else:
                os.write(sys.stderr.fileno(), part)
    return process.returncode, held


def main() -> int:
    for _ in range(TRIES):
        code, held = attempt(sys.argv[1:])
        if not held:
            break
    os.write(sys.stderr.fileno(), held)
    return code


if __name__ == "__main__":
    sys.exit(main())
