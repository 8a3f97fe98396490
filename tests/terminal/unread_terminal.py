#!/usr/bin/env python3
"""A terminal that nobody reads until the note "read" is there, or "slowly", at 5 KB a second. And a command on it.

    unread_terminal.py NOTES COMMAND…

Notes the command's "pid", types what the note "type" says, and notes what was "shown" and the "status" in the end.
"""

import os
import pathlib
import pty
import select
import sys
import time


def main() -> None:
    notes, command = pathlib.Path(sys.argv[1]), sys.argv[2:]

    def note(name: str, text: str) -> None:
        (notes / (name + ".new")).write_text(text)
        (notes / (name + ".new")).rename(notes / name)

    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    note("pid", str(pid))
    shown = b""
    status = None
    while status is None:
        ended, found = os.waitpid(pid, os.WNOHANG)
        status = found if ended else None
        if (notes / "type").exists():
            os.write(terminal, (notes / "type").read_bytes())
            (notes / "type").unlink()
        if (notes / "slowly").exists() and select.select([terminal], [], [], 0)[0]:
            shown += os.read(terminal, 512)
            time.sleep(0.08)
        while (notes / "read").exists() and select.select([terminal], [], [], 0)[0]:
            try:
                shown += os.read(terminal, 4096)
            except OSError:
                break
        time.sleep(0.02)
    note("shown", shown.decode(errors="replace"))
    note("status", str(status))


main()
