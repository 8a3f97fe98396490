#!/usr/bin/env python3
"""The list of tests at the end of docs/security.md: those that notice when a protection is taken away, and a few more.

    protections.py ROOT [--write]        compares the list with tests/trust/protections, or writes it
"""

import re
import sys
from pathlib import Path

BEGIN, END = "<!-- tests: written by tests/docs/protections.py --write -->\n", "<!-- end of tests -->\n"
# Of promises that no single edit takes away.
MORE = [
    "ConcurrentWriter.AProgramThatKeepsALeaseIsAnError",
    "ConcurrentWriter.LosesNothingInTenThousandRewrites",
    "Exec.HoldsTheSelectedKeyOnceAndNoOtherSecret",
    "Exec.NeverFallsBackToAnotherAccount",
    "ExecPicker.TheLastChoiceOfADirectoryIsPreselectedThere",
    "Fault.KilledAtAnyMoment",
    "Fault.ReadOnlyFileSystemAndFullDisk",
    "LeastPrivilege.ExactlyTheSelectedKeyUnderTheNameThatTheAgentReads",
    "Manifests.test_both_leave_root_what_the_unit_leaves_it",
    "Manifests.test_the_pod_of_root_runs",
    "Op.IsNotLookedForInThePath",
    "OpencodeJson.ABlockForEachAlternativeProviderWithAGlobalKey",
    "Peer.IsWhoConnected",
    "Programs.AFifoInItsHomeIsNotWaitedFor",
    "Programs.ALinkInItsHomeIsNotWrittenThrough",
    "Programs.CodexIsAskedOnceUnderTheImagesUmask",
    "Programs.OneThatLeavesAnotherBehindWithItsPipesHoldsNothingUp",
    "Programs.OneThatTheAgentsUserStopsHoldsUpItsRequestAlone",
    "Programs.RootsIdentityGoesNowhereThatIsTheAgents",
    "Session.ExplainSaysWhichSettingsWouldHaveRedirectedItAndSpawnWarns",
    "Session.test_cannot_get_another_key",
    "Session.test_has_a_token_in_place_of_its_key_and_another_user_than_the_daemon",
    "Session.test_leaves_no_key_in_a_file",
    "Session.test_runs_nothing_of_the_agents_as_root",
    "Soak.MemoryAndDescriptorsStayWhereTheyAre",
    "Start.test_closes_secrets_that_it_can_close",
    "Start.test_refuses_a_keys_file_elsewhere_that_agents_could_read",
    "Start.test_refuses_secrets_that_agents_could_read",
    "Turns.ADeepPipelineOfSpawnsDoesNotHoldUpOthers",
]


def noticing(root: Path) -> set[str]:
    """Suite.Test of each protection; "*" as in a gtest filter."""
    sys.path.insert(0, str(root / "tests/trust/protections"))
    import run  # noqa: PLC0415

    named = [test.partition(":") for each in run.PROTECTIONS for test in each.tests]
    return {name for program, _, name in named if program != "ctest" and "." in name}


def declared(root: Path) -> dict[str, str]:
    """Suite.Test -> the file that has it, from the root on."""
    found = {}
    for file in sorted((root / "tests").rglob("*_test.cpp")):
        for suite, name in re.findall(r"^TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\s*\)", file.read_text(), re.MULTILINE):
            found[f"{suite}.{name}"] = str(file.relative_to(root))
    for file in sorted((root / "tests").rglob("*.py")):
        suite = ""
        for line in file.read_text().splitlines():
            if match := re.match(r"class (\w+)\(", line):
                suite = match[1]
            elif suite and (match := re.match(r"    def (test_\w+)\(", line)):
                found[f"{suite}.{match[1]}"] = str(file.relative_to(root))
    return found


def matching(name: str, known: dict[str, str]) -> list[str]:
    """The declared tests that a gtest filter means: parameters and their prefixes aside."""
    plain = re.sub(r"^\*?/?(\w+/)?", "", name) if "/" in name else name
    pattern = re.compile(".*".join(re.escape(part) for part in re.sub(r"/[^.]*$", "", plain).split("*")))
    return [each for each in known if pattern.fullmatch(each)]


def listed(root: Path) -> str:
    known = declared(root)
    found: dict[str, str] = {}
    for name in sorted(noticing(root) | set(MORE)):
        tests = matching(name, known)
        if not tests:
            raise SystemExit(f"tests/docs/protections.py: no file declares {name}")
        found |= {test: known[test] for test in tests}
    suites = {(test.partition(".")[0], file) for test, file in found.items()}
    return ",\n".join(f"[`{suite}`](../{file})" for suite, file in sorted(suites)) + "\n"


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    page = root / "docs/security.md"
    before, _, rest = page.read_text().partition(BEGIN)
    shown, _, after = rest.partition(END)
    wanted = "\n" + listed(root) + "\n"
    if "--write" in sys.argv:
        page.write_text(before + BEGIN + wanted + END + after)
    elif shown != wanted:
        print("docs/security.md: the list of tests is out of date; run: python3 tests/docs/protections.py . --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
