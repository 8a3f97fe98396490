#!/usr/bin/env python3
"""Breaks the product in one place at a time and says which end-to-end tests notice.

    tests/e2e/mutations/run.py [--only REGEX] [--build DIR]
    tests/e2e/mutations/run.py --check    only whether the list fits the sources

Each mutation is an edit of one source file, a build of capsuled alone, a run of the tests that could notice, and the
file as it was. It takes hours, so no test runs it; run it in a clean clone that is built, after a change of what is
pinned. A constant of the catalog must turn its own cells red and no other; a removed pin must turn some cell red.
"""
import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import time

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


def is_red(binary, name):
    # A process namespace of its own ends the daemon and the agent with the test, however it ends.
    command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child", "timeout",
               str(LIMIT), str(binary), f"--gtest_filter={name}"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode != 0


def split(pattern):
    """The binary and the regular expression of a pattern."""
    binary, colon, expression = pattern.rpartition(":")
    return (binary, expression) if colon else ("e2e", expression)


def red_tests(build, patterns, all_of_them):
    """Those that are red; where not all of them matter, the first ones that are found."""
    chosen, reds = [], []
    for pattern in patterns:
        program, expression = split(pattern)
        binary = build / "bin" / program
        chosen += [(binary, name) for name in test_names(binary) if re.search(expression, name)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for begin in range(0, len(chosen), len(chosen) if all_of_them else 2):
            part = chosen[begin:] if all_of_them else chosen[begin : begin + 2]
            reds += [name for (_, name), red in zip(part, pool.map(lambda each: is_red(*each), part)) if red]
            if reds:
                break
    return reds


def trial(build, path, changed, patterns, all_of_them):
    """The red tests, or None when the mutant does not build."""
    file = ROOT / path
    original = file.read_text()
    try:
        file.write_text(changed)
        # The tests of e2e start capsuled; others are linked with what changed.
        targets = {"capsuled"} | {split(pattern)[0] for pattern in patterns} - {"e2e"}
        made = subprocess.run(["ninja", "-C", str(build), *targets], capture_output=True, text=True)
        if made.returncode != 0:
            return None
        return red_tests(build, patterns, all_of_them)
    finally:
        file.write_text(original)


def verdict(reds, expected, exactly):
    if reds is None:
        return "DOES NOT BUILD"
    if not reds:
        return "NOT NOTICED"
    if any(not any(part in red for red in reds) for part in expected):
        return "NOT ALL THAT SHOULD"
    if exactly and any(not any(part in red for part in expected) for red in reds):
        return "OTHERS TOO"
    return "noticed"


def all_trials():
    for name, table, field, value, expected in mutations.constants():
        changed = set_field((ROOT / mutations.CATALOG).read_text(), table, field, value)
        tests = mutations.EVERY_CELL + (["Tiers"] if "claude" in name or "key_env" in name else [])
        tests += ["Pins.OpenCodesOwnAccount"] if "anthropic opencode" in name else []
        yield name, mutations.CATALOG, changed, tests, expected, True
    for name, path, old, new, tests in mutations.pins():
        text = (ROOT / path).read_text()
        yield name, path, text.replace(old, new, 1) if old in text else None, tests, [], False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="mutations whose names this regular expression finds")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--check", action="store_true", help="build and run nothing")
    options = parser.parse_args()
    if options.check:
        stale = [name for name, _, changed, *_ in all_trials() if changed is None]
        for name in stale:
            print(f"{name}: does not apply any more")
        return 1 if stale else 0
    good = True
    for name, path, changed, tests, expected, exactly in all_trials():
        if not re.search(options.only, name):
            continue
        began = time.monotonic()
        if changed is None:
            result, reds = "DOES NOT APPLY", []
        else:
            reds = trial(options.build, path, changed, tests, exactly)
            result = verdict(reds, expected, exactly)
        good = good and result == "noticed"
        print(f"{result}\t{name}\t{time.monotonic() - began:.0f} s\t{' '.join(reds or [])}", flush=True)
    subprocess.run(["ninja", "-C", str(options.build), "capsuled"], capture_output=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
