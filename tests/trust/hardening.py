"""Reads the built programs: are they hardened as Debian hardens its own (dpkg-buildflags with hardening=+all)?

Arguments: the programs, then "--objects" and the archives of what is compiled here.
"""

import re
import subprocess
import sys


def readelf(option: str, file: str) -> str:
    return subprocess.run(["readelf", option, "--wide", file], check=True, capture_output=True, text=True).stdout


def problems_of_program(file: str) -> list[str]:
    segments = readelf("-l", file)
    dynamic = readelf("-d", file)
    symbols = readelf("--dyn-syms", file)
    found = []
    if not re.search(r"Type:\s+DYN \(Position-Independent", readelf("-h", file)):
        found.append("is no position-independent executable (-fPIE, -pie)")
    if "GNU_RELRO" not in segments:
        found.append("has no segment that is read-only after relocation (-z relro)")
    if not re.search(r"\(FLAGS\).*\bBIND_NOW\b", dynamic) or not re.search(r"\(FLAGS_1\).*\bNOW\b", dynamic):
        found.append("binds functions when they are called first, so their table stays writable (-z now)")
    stack = re.search(r"GNU_STACK\s+(?:0x\w+\s+){5}(\S+)", segments)
    if not stack or "E" in stack.group(1):
        found.append("has an executable stack (-z noexecstack)")
    if not re.search(r"__stack_chk_fail\b", symbols):
        found.append("calls no __stack_chk_fail (-fstack-protector-strong)")
    if not re.search(r"\b__(?!stack)\w+_chk\b", symbols):
        found.append("calls no checked function, such as __read_chk (-D_FORTIFY_SOURCE=2)")
    if b"Assertion '" not in open(file, "rb").read() and not re.search(r"__glibcxx_assert_fail", readelf("-s", file)):
        found.append("has no assertion of the C++ library (-D_GLIBCXX_ASSERTIONS)")
    if re.search(r"\((?:RPATH|RUNPATH)\)", dynamic):
        found.append("looks for libraries in a directory of its own (RPATH)")
    return found


def problems_of_archive(file: str) -> list[str]:
    """Debian 12's start-up files and Boost have no such mark, so the linker leaves it off the programs."""
    members = re.split(r"^File: ", readelf("-n", file), flags=re.MULTILINE)[1:]
    bare = [member.splitlines()[0] for member in members if "x86 feature: IBT, SHSTK" not in member]
    return [f"{name} is not compiled with -fcf-protection=full" for name in bare]


def main() -> int:
    split = sys.argv.index("--objects")
    programs, archives = sys.argv[1:split], sys.argv[split + 1:]
    found = [f"{file}: {what}" for file in programs for what in problems_of_program(file)]
    found += [f"{file}: {what}" for file in archives for what in problems_of_archive(file)]
    print("\n".join(found) or f"{len(programs)} programs and {len(archives)} archives are hardened")
    return 1 if found or not programs else 0


if __name__ == "__main__":
    sys.exit(main())
