"""A protection of docs/security.md, and how it is taken away."""

import pathlib
import sys
from dataclasses import dataclass, field

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from edits import Edit  # noqa: E402


@dataclass(frozen=True)
class Protection:
    name: str
    edits: list[Edit]  # more than one where a second layer would hold it
    tests: list[str] = field(default_factory=list)  # "program:Suite.Test" ('*' as in a gtest filter) or "ctest:NAME"; each goes red
    compiles: bool = True  # False: the compiler is the test; `tests` then says what is built

    def programs(self) -> list[str]:
        named = {test.partition(":")[0] for test in self.tests}
        return sorted(named - {"ctest"} | ({"capsuled", "capsulectl", "capsule-broker"} if "ctest" in named else set()))


def one(name: str, path: str, old: str, new: str, *tests: str, times: int = 1) -> Protection:
    """That is one place of one file."""
    return Protection(name, [Edit(path, old, new, times)], list(tests))
