#!/usr/bin/env python3
"""Takes each protection of docs/security.md away, and says which tests notice.

    tests/trust/protections/run.py [--only REGEX] [--build DIR]   takes many hours; as root
    tests/trust/protections/run.py --together 8                   the same in a quarter of the time, see below
    tests/trust/protections/run.py --check                        only whether the list fits the sources

Each line: noticed, NOT NOTICED (with the tests that stayed green), DOES NOT BUILD, DOES NOT APPLY, or RED BEFORE (a
test fails with everything in place); the protection; the seconds; the red tests. Run it in a clean clone that is built,
on a machine with nothing else to do: tests with time limits are among these. Files are put back however it ends.

--together N takes up to N away in one build, from different files and with different tests. A whole launch (WITNESS)
must still pass then: a test that is red because the programs do nothing any more would say nothing of its protection.
A group that fails to build or whose witness is red is halved; those whose tests stay green are tried again alone.
"""

import argparse
import concurrent.futures
import contextlib
import functools
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import access  # noqa: E402
import believed  # noqa: E402
import broker  # noqa: E402
import broker_places  # noqa: E402
import sessions  # noqa: E402
import files  # noqa: E402
import keys  # noqa: E402
import launching  # noqa: E402
import limits  # noqa: E402
import log_lines  # noqa: E402
import memory  # noqa: E402
import own_words  # noqa: E402
import programs  # noqa: E402
import projects  # noqa: E402
import terminals  # noqa: E402
from protection import Protection  # noqa: E402
import edits  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[3]
AT_ONCE = 3  # tests side by side
LIMIT = 100  # seconds for one test: without its protection it may hang
FILE_LIMIT = 400  # for a whole file of them, which is what ctest runs
WITNESS = Protection("a whole launch", [], ["integration_spawn:Spawn.ClaudeOnItsThreeAlternatives", "ctest:broker:passing"])
THEMES = (access, limits, log_lines, memory, files, projects, own_words, keys, launching, terminals, programs, believed, broker, broker_places, sessions)
PROTECTIONS: list[Protection] = [each for theme in THEMES for each in theme.protections()]


def build(folder: pathlib.Path, programs) -> bool:
    made = subprocess.run(["ninja", "-C", str(folder), *programs], capture_output=True, text=True)
    if made.returncode != 0:
        print(made.stdout[-3000:], file=sys.stderr)
    return made.returncode == 0


def is_red(folder: pathlib.Path, test: str) -> bool:
    program, _, name = test.partition(":")
    # A process namespace of its own ends daemons and agents with the test, however it ends.
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "timeout", "-s", "KILL",
               str(FILE_LIMIT if program == "ctest" else LIMIT)]  # fmt: skip
    if program == "ctest":
        command += ["ctest", "--test-dir", str(folder), "--no-tests=error", "-R", f"^{name}$"]
    else:
        command += [str(folder / "bin" / program), f"--gtest_filter={name}"]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if run.returncode == 0 and "[  PASSED  ] 0 tests" in run.stdout:
        raise SystemExit(f"{test}: no such test, or it was skipped; run this as root")
    return run.returncode != 0


def red_ones(folder: pathlib.Path, tests: list[str]) -> set[str]:
    """Those of `tests` that fail. A few run side by side: one whose protection is away often waits for its limit."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return {test for test, red in zip(tests, pool.map(functools.partial(is_red, folder), tests)) if red}


@contextlib.contextmanager
def without(protections: list[Protection]):
    """The sources without them for as long as it lasts; gives whether the edits fit."""
    texts = edits.changed(ROOT, [edit for each in protections for edit in each.edits])
    originals = {path: (ROOT / path).read_text() for path in texts or {}}
    try:
        for path, text in (texts or {}).items():
            (ROOT / path).write_text(text)
        yield texts is not None
    finally:
        for path, text in originals.items():
            (ROOT / path).write_text(text)


def trial(folder: pathlib.Path, protection: Protection) -> tuple[str, list[str]]:
    """The verdict, and the tests that it rests on."""
    with without([protection]) as applies:
        if not applies:
            return "DOES NOT APPLY", []
        if not protection.compiles:
            built = build(folder, protection.programs())
            return ("NOT NOTICED" if built else "noticed"), ([] if built else ["the compiler"])
        if not build(folder, protection.programs()):
            return "DOES NOT BUILD", []
        red = red_ones(folder, protection.tests)
        green = [test for test in protection.tests if test not in red]
        return ("NOT NOTICED", green) if green else ("noticed", protection.tests)


def noticed_together(folder: pathlib.Path, group: list[Protection]) -> set[str]:
    """The names of those that were noticed; of the others this says nothing. A group that tells nothing is halved."""
    if len(group) < 2:
        return set()
    programs = {program for each in [*group, WITNESS] for program in each.programs()}
    with without(group) as applies:
        if applies and build(folder, sorted(programs)) and not red_ones(folder, WITNESS.tests):
            red = red_ones(folder, [test for each in group for test in each.tests])
            return {each.name for each in group if red.issuperset(each.tests)}
    middle = len(group) // 2
    return noticed_together(folder, group[:middle]) | noticed_together(folder, group[middle:])


def groups(chosen: list[Protection], size: int) -> list[list[Protection]]:
    """Those of a group share no file and no test, and at most two of them a folder."""
    made: list[list[Protection]] = []
    for protection in chosen:
        fitting = (group for group in made if len(group) < size and fits(group, protection))
        group = next(fitting, None)
        if group is None:
            made.append([protection])
        else:
            group.append(protection)
    return made


def fits(group: list[Protection], protection: Protection) -> bool:
    def files(each: Protection) -> set[str]:
        return {str(edit.path) for edit in each.edits}

    def folders(each: Protection) -> set[str]:
        return {path.rpartition("/")[0] for path in files(each)}

    shared = any(files(each) & files(protection) or set(each.tests) & set(protection.tests) for each in group)
    beside = sum(1 for each in group if folders(each) & folders(protection))
    return protection.compiles and all(each.compiles for each in group) and not shared and beside < 2


def unknown_tests(protection: Protection) -> list[str]:
    """Those that are in no test's source, nor in a CMakeLists.txt."""
    named = [(test, re.search(r"\w+[.:]\w+(/?)", test.partition(":")[2])) for test in protection.tests]
    return [f"{protection.name}: there is no test {test}" for test, name in named
            if name is None or name.group() not in known_tests()]  # fmt: skip


@functools.cache
def known_tests() -> set[str]:
    pattern = re.compile(r"^TEST(_F|_P)?\((\w+),\s*(\w+)\)", re.MULTILINE)
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*_test.cpp"))
    lists = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("CMakeLists.txt"))
    themes = re.findall(r"^foreach\(theme ([^)]*)\)\n +add_test\(NAME (\w+):\$\{theme\}", lists, re.MULTILINE)
    one_of_many = {"_P": "/"}  # of these a name ends with a number, or stands for none
    return ({f"{suite}.{name}{one_of_many.get(kind, '')}" for kind, suite, name in pattern.findall(sources)} | set(re.findall(r"NAME (\w+:\w+)", lists))
            | {f"{folder}:{theme}" for words, folder in themes for theme in words.split()})  # fmt: skip


def check() -> int:
    problems = edits.stale(ROOT, [(each.name, each.edits) for each in PROTECTIONS])
    names = [each.name for each in PROTECTIONS]
    problems += [f"{name}: stands there twice" for name in sorted({name for name in names if names.count(name) > 1})]
    for protection in PROTECTIONS:
        problems += unknown_tests(protection)
        if not protection.tests:
            problems.append(f"{protection.name}: no test")
    print("\n".join(problems) or f"{len(PROTECTIONS)} protections can be taken away")
    return 1 if problems else 0


def run(folder: pathlib.Path, chosen: list[Protection], size: int) -> int:
    good = True
    # What is taken away may leave a name behind that nothing uses.
    kinds = ("function", "variable", "but-set-variable", "parameter", "value", "local-typedefs")
    unused = " ".join(f"-Wno-unused-{kind}" for kind in kinds)
    subprocess.run(["cmake", "-B", str(folder), f"-DCMAKE_CXX_FLAGS={unused}"], stdout=subprocess.DEVNULL, check=True)
    everything = sorted({program for each in [*chosen, WITNESS] for program in each.programs()})
    if not build(folder, everything):
        return 1
    red_before = red_ones(folder, sorted({test for each in [*chosen, WITNESS] if each.compiles for test in each.tests}))
    print(f"RED BEFORE\t{' '.join(sorted(red_before)) or 'none'}", flush=True)
    for group in groups(chosen, size):
        began = time.monotonic()
        noticed = noticed_together(folder, group)
        if noticed:
            print(f"{len(noticed)} of {len(group)} together in {time.monotonic() - began:.0f} s", flush=True)
        for protection in group:
            began = time.monotonic()
            verdict, tests = ("noticed", protection.tests) if protection.name in noticed else trial(folder, protection)
            if protection.compiles and red_before & set(protection.tests):
                verdict = "RED BEFORE"
            good = good and verdict == "noticed"
            print(f"{verdict}\t{protection.name}\t{time.monotonic() - began:.0f} s\t{' '.join(tests)}", flush=True)
    return 0 if build(folder, everything) and good else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="build and run nothing")
    parser.add_argument("--only", default="", help="protections whose names this regular expression finds")
    parser.add_argument("--together", type=int, default=1, help="at most so many in one build")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    options = parser.parse_args()
    if options.check:
        return check()
    if os.geteuid() != 0:
        raise SystemExit("run this as root: what another user must not do is tested as another user")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    return run(options.build, [each for each in PROTECTIONS if re.search(options.only, each.name)],
               options.together)


if __name__ == "__main__":
    sys.exit(main())
