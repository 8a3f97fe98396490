#!/usr/bin/env python3
"""Breaks the product in one place at a time and says which end-to-end tests notice.

    tests/e2e/mutations/run.py [--only REGEX] [--build DIR]
    tests/e2e/mutations/run.py --together    the same sooner, see below
    tests/e2e/mutations/run.py --check       only whether the list fits the sources

Each mutation is an edit of one source file, a build of capsuled alone, a run of the tests that could notice, and the
file as it was. It takes hours, so no test runs it; run it in a clean clone that is built, after a change of what is
pinned. A constant of the catalog must turn its own cells red and no other; a removed pin must turn some cell red. What
is red with everything in place says nothing: those tests are named first, and a mutation that rests on one is RED BEFORE.

--together changes a constant of each provider in one build, whose cells are then all that may be red. Those of a build
in which anything else comes out are tried again, each alone.
"""
import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Callable

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import mutations

ROOT = pathlib.Path(__file__).resolve().parents[3]
LIMIT = 90  # seconds for one test: a session that was sent astray may wait for long


def set_field(text, table, name, value):
    """The TOML text with that field of that table set (there are few enough fields that lines will do)."""
    head, found, rest = text.partition(f"[{table}]\n")
    if not found:
        return None
    body, following = re.match(r"(.*?)(\n\[.*|\Z)", rest, re.S).groups()
    line = f'{name} = "{value}"'
    changed, count = re.subn(rf"(?m)^{name} = .*$", line, body)
    return head + found + (changed if count else line + "\n" + body) + following


def test_names(binary):
    listing = subprocess.run([binary, "--gtest_list_tests"], capture_output=True, text=True, check=True).stdout
    names, suite = [], ""
    for line in listing.splitlines():
        if not line.startswith(" "):
            suite = line.split()[0] if line.split() else ""
        else:
            names.append(suite + line.split()[0])
    return names


@dataclass(frozen=True)
class Mutation:
    name: str
    path: str
    change: Callable[[str], str | None]  # the file's text, changed; None where it does not fit
    tests: list[str]
    expected: list[str] = field(default_factory=list)
    exactly: bool = False  # red are the expected ones, and no others

    def applies(self):
        return self.change((ROOT / self.path).read_text()) is not None


def is_red(binary, name):
    # A process namespace of its own ends the daemon and the agent with the test, however it ends.
    command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child", "timeout",
               str(LIMIT), str(binary), f"--gtest_filter={name}"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode != 0


def split(pattern):
    """The binary and the regular expression of a pattern."""
    binary, colon, expression = pattern.rpartition(":")
    return (binary, expression) if colon else ("e2e", expression)


def chosen_tests(build, patterns):
    """Each once, as (binary, name)."""
    chosen = {}
    for pattern in patterns:
        program, expression = split(pattern)
        binary = build / "bin" / program
        chosen.update({(binary, name): None for name in test_names(binary) if re.search(expression, name)})
    return list(chosen)


def red_tests(build, patterns, all_of_them):
    """Those that are red; where not all of them matter, the first ones that are found."""
    chosen, reds = chosen_tests(build, patterns), []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for begin in range(0, len(chosen), len(chosen) if all_of_them else 2):
            part = chosen[begin:] if all_of_them else chosen[begin : begin + 2]
            reds += [name for (_, name), red in zip(part, pool.map(lambda each: is_red(*each), part)) if red]
            if reds:
                break
    return reds


def patterns_of(group):
    return list(dict.fromkeys(pattern for each in group for pattern in each.tests))


def make(build, group):
    # The tests of e2e start capsuled; others are linked with what changed.
    targets = {"capsuled"} | {split(pattern)[0] for pattern in patterns_of(group)} - {"e2e"}
    return subprocess.run(["ninja", "-C", str(build), *targets], capture_output=True, text=True).returncode == 0


def trial(build, group):
    """The red tests with all of the group changed, or None when that does not build. One file has all of them."""
    file = ROOT / group[0].path
    original = file.read_text()
    changed = original
    for each in group:
        changed = each.change(changed)
    try:
        file.write_text(changed)
        return red_tests(build, patterns_of(group), group[0].exactly) if make(build, group) else None
    finally:
        file.write_text(original)


def belongs(test, mutation):
    return any(part in test for part in mutation.expected)


def verdict(reds, mutation, beside=()):
    """Of one of a group; `beside` are the others."""
    if reds is None:
        return "DOES NOT BUILD"
    if not reds:
        return "NOT NOTICED"
    if any(not any(part in red for red in reds) for part in mutation.expected):
        return "NOT ALL THAT SHOULD"
    if mutation.exactly and any(not any(belongs(red, each) for each in (mutation, *beside)) for red in reds):
        return "OTHERS TOO"
    return "noticed"


def groups(chosen):
    """Constants of one group are of different providers, so that what one does to other cells of its own shows."""
    made = []
    for mutation in chosen:
        group = next((group for group in made if all(fits(mutation, each) for each in group)), None)
        if group is None:
            made.append([mutation])
        else:
            group.append(mutation)
    return made


def fits(one, other):
    def provider(each):
        return each.name.split()[0]

    # No two providers may have one variable for their keys.
    both_keys = one.name.endswith("key_env") and other.name.endswith("key_env")
    return one.exactly and other.exactly and provider(one) != provider(other) and not both_keys


def all_mutations():
    for name, table, key, value, expected in mutations.constants():
        tests = mutations.EVERY_CELL + (["Tiers"] if "claude" in name or "key_env" in name else [])
        tests += ["Pins.OpenCodesOwnAccount"] if "anthropic opencode" in name else []
        change = lambda text, table=table, key=key, value=value: set_field(text, table, key, value)
        yield Mutation(name, mutations.CATALOG, change, tests, expected, True)
    for name, path, old, new, tests in mutations.pins():
        change = lambda text, old=old, new=new: text.replace(old, new, 1) if old in text else None
        yield Mutation(name, path, change, tests)


def run_group(build, group, red_before):
    """Says what came out for each of it; whether all of them were noticed."""
    began = time.monotonic()
    reds = trial(build, group)
    verdicts = {each.name: verdict(reds, each, group) for each in group}
    if len(group) > 1 and any(result != "noticed" for result in verdicts.values()):
        print(f"{len(group)} together: {verdicts}, red: {' '.join(reds or [])}; each alone now", flush=True)
        return all([run_group(build, [each], red_before) for each in group])
    for each in group:
        own = [red for red in reds or [] if belongs(red, each)] if each.exactly and len(group) > 1 else reds or []
        if red_before & set(own):
            verdicts[each.name] = "RED BEFORE"
        print(f"{verdicts[each.name]}\t{each.name}\t{time.monotonic() - began:.0f} s\t{' '.join(own)}", flush=True)
    return all(result == "noticed" for result in verdicts.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="mutations whose names this regular expression finds")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--together", action="store_true", help="several constants in one build")
    parser.add_argument("--check", action="store_true", help="build and run nothing")
    options = parser.parse_args()
    stale = [each.name for each in all_mutations() if not each.applies()]
    if options.check:
        for name in stale:
            print(f"{name}: does not apply any more")
        return 1 if stale else 0
    chosen = [each for each in all_mutations() if re.search(options.only, each.name)]
    good = True
    for name in (each.name for each in chosen if each.name in stale):
        good = False
        print(f"DOES NOT APPLY\t{name}", flush=True)
    chosen = [each for each in chosen if each.name not in stale]
    if not make(options.build, chosen):
        raise SystemExit("what is to be broken does not build")
    red_before = set(red_tests(options.build, patterns_of(chosen), True)) if chosen else set()
    print(f"RED BEFORE\t{' '.join(sorted(red_before)) or 'none'}", flush=True)
    for group in groups(chosen) if options.together else [[each] for each in chosen]:
        good = run_group(options.build, group, red_before) and good
    make(options.build, chosen)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
