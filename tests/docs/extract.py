#!/usr/bin/env python3
"""extract.py PAGE LANGUAGE FILE: the page's one block of that language as a file."""

import sys
from pathlib import Path

import blocks

page, language, file = sys.argv[1:]
found = [block for block in blocks.blocks_of(blocks.read_lines(Path(page))) if block.language == language]
if len(found) != 1:
    raise SystemExit(f"{page} has {len(found)} blocks of {language}")
Path(file).write_text(found[0].text)
