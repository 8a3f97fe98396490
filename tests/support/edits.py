"""Edits of source files, for runs that break the product on purpose: what is replaced by what, and whether it is there."""

import pathlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    path: str  # from the root of the repository
    old: str
    new: str
    times: int = 1  # how often `old` stands there; each is replaced


def changed(root: pathlib.Path, edits) -> dict[str, str] | None:
    """The files' texts after the edits, by path; None where one of them does not apply."""
    texts: dict[str, str] = {}
    for edit in edits:
        text = texts.get(edit.path) or (root / edit.path).read_text()
        if text.count(edit.old) != edit.times or edit.old == edit.new:
            return None
        texts[edit.path] = text.replace(edit.old, edit.new)
    return texts


def stale(root: pathlib.Path, named_edits) -> list[str]:
    """What is wrong with lists of edits, each with its name: one line for each that no longer applies."""
    return [f"{name}: does not apply any more" for name, edits in named_edits if changed(root, edits) is None]
