#!/usr/bin/env python3
"""What pages list is what the program has: methods, errors, settings; links lead somewhere; every page is tested.

    reference.py ROOT --capsuled F --capsulectl F --models F --pages PAGE…
"""

import argparse
import json
import re
import sys
from pathlib import Path

import blocks
from sandbox import Sandbox

SETTING = re.compile(
    r'(?:text|texts|integer|boolean|table|list|has|word<[^>]*>|count|wait|read_\w+|read)\(\s*(?:in, )?"([a-z_]+)"'
)
RUNNABLE = {"console", "jsonrpc", "python", "js", "cpp"}
# Run by tests/image/guide.py, or checked by check_scripts.
ELSEWHERE = {
    "text": ["docs/guides/providers.md"],  # a screen: tests/terminal
    "shell-session": ["README.md", "docs/guides/containers.md"],
    "sh": ["README.md", "CONTRIBUTING.md", "docs/performance.md"],
}
# Texts of the sources that look like a warning's code: names of files, and of git's settings.
NO_WARNINGS = {"config.json", "config.toml", "core.fsmonitor"}
# Pictures, and files: TOML that is a whole file is put in force by page.py.
NOT_RUN = {"", "toml", "json"}


def difference(what: str, shown: set, real: set) -> list[str]:
    return [f"{what}: the page lacks {each}" for each in sorted(real - shown)] + [
        f"{what}: {each} is on the page only" for each in sorted(shown - real)
    ]


def check_methods(page: str, document: dict) -> list[str]:
    real = {(method["name"], method["x-tier"]) for method in document["methods"]}
    shown = set(re.findall(r"^### `([\w.]+)`\n\nTier: `(\w+)`", page, re.MULTILINE))
    problems = difference("docs/protocol.md, methods and tiers", shown, real)
    for method in document["methods"]:
        section = page.partition(f"### `{method['name']}`\n")[2].partition("\n### ")[0]
        for member in [each["name"] for each in method["params"]]:
            if f"`{member}`" not in section:
                problems.append(f"docs/protocol.md, {method['name']}: the param {member} is not explained")
        if f'"method": "{method["name"]}"' not in section:
            problems.append(f"docs/protocol.md, {method['name']}: there is no request and answer")
    return problems


def check_errors(root: Path, page: str, document: dict) -> list[str]:
    source = (root / "protocol/errors.cpp").read_text()
    real = set(re.findall(r'Row\{ErrorCode::\w+, (-\d+), "([\w.]+)"\}', source))
    shown = set(re.findall(r"^\| (-\d+) \| `([\w.]+)` \|", page.replace("−", "-"), re.MULTILINE))
    problems = difference("docs/protocol.md, errors", shown, real)
    named = {(str(e["code"]), e["message"]) for method in document["methods"] for e in method["errors"]}
    problems += [f"protocol/errors.cpp lacks {each}" for each in sorted(named - real)]
    cured = set(re.findall(r"^\| -\d+ \| `([\w.]+)` \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE))
    return problems + [f"docs/protocol.md: {name} has no cause and cure" for _, name in sorted(real) if name not in cured]


def check_warnings(root: Path, page: str) -> list[str]:
    parts = [root / "daemon" / part for part in ("handlers", "keys", "agents", "home", "write")]
    sources = [file for part in parts for file in part.rglob("*.cpp")]
    text = "".join(file.read_text() for file in sources)
    real = set(re.findall(r'\{"([a-z]+\.[a-z_]+)",', text)) - NO_WARNINGS
    # Where a file cannot be written, the code is put together: write/apply.cpp.
    for line in re.findall(r"std::string code = .*", text):
        real |= set(re.findall(r'"([a-z]+\.[a-z_]+)"', line))
        for end in re.findall(r'\+ "(\.[a-z_]+)"', line):
            real |= {agent + end for agent in ("claude", "codex", "opencode")}
    rows = re.findall(r"^- (`[^:]*): ", page.partition("\n## Warnings\n")[2], re.MULTILINE)
    return difference("docs/protocol.md, warnings", set(re.findall(r"`([\w.]+)`", " ".join(rows))), real)


def setting_names(root: Path) -> set[str]:
    sources = [root / "daemon/config/checks.cpp", *sorted((root / "daemon/load").glob("load_*.cpp")),
               *sorted((root / "daemon/agents").glob("*/agent.cpp"))]
    names = {name for source in sources for name in SETTING.findall(source.read_text())}
    # Where a setting's name stands in errors too, it is a constant.
    names |= {name for source in sources for name in re.findall(r'string_view key = "([a-z_]+)"', source.read_text())}
    names.discard("agents")  # [agents.<agent>] is refused: the tables are called [<agent>]
    if len(names) < 30:
        raise SystemExit(f"only {len(names)} settings were found: the pattern is out of date")
    return names


def check_settings(root: Path, page: str) -> list[str]:
    return [f"docs/configuration.md: the setting {name} is not explained"
            for name in sorted(setting_names(root)) if not re.search(rf"`[^`]*\b{name}\b[^`]*`", page)]  # fmt: skip


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower()).replace(" ", "-")


def check_links(page: Path) -> list[str]:
    problems = []
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, fragment = target.partition("#")
        path = (page.parent / file) if file else page
        if not path.exists():
            problems.append(f"{page}: the link {target} leads nowhere")
        elif fragment and path.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            if fragment not in map(anchor, headings):
                problems.append(f"{page}: {path.name} has no heading for #{fragment}")
    return problems


def check_blocks(page: Path, name: str, listed: list[str]) -> list[str]:
    """Each fenced block is of a kind that some test looks at, or is no command."""
    problems = []
    for block in blocks.blocks_of(blocks.read_lines(page)):
        place = f"{page}:{block.first}"
        if block.language in RUNNABLE and name not in listed:
            problems.append(f"{place}: is to be run, and the page is not in the list of tests/docs/CMakeLists.txt")
        elif block.language in ELSEWHERE and name not in ELSEWHERE[block.language]:
            problems.append(f"{place}: nothing runs {block.language} blocks of this page")
        elif block.language not in RUNNABLE | ELSEWHERE.keys() | NOT_RUN:
            problems.append(f"{place}: nothing looks at blocks of {block.language!r}")
        elif block.language == "json":
            for line in block.lines:
                json.loads(line)
    return problems


def check_scripts(page: Path, root: Path) -> list[str]:
    """The commands of sh blocks are scripts of this repository, with options that they have, or presets' names."""
    problems = []
    presets = {each["name"] for each in json.loads((root / "CMakePresets.json").read_text())["configurePresets"]}
    for block in blocks.blocks_of(blocks.read_lines(page)):
        for line in block.lines if block.language == "sh" else []:
            for command in filter(None, (part.split() for part in line.split("#")[0].split("&&"))):
                program, *words = command
                named = [words[at + 1] for at, word in enumerate(words) if word == "--preset"]
                unknown = set(named) - presets
                if program in ("cmake", "ctest", "cpack"):
                    wrong = unknown
                elif program == "cd":
                    wrong = {word for word in words if word.removeprefix("build/") not in presets}
                elif (root / program).is_file():
                    wrong = unknown | {word for word in words if word[0] == "-" and word not in (root / program).read_text()}
                else:
                    wrong = {program}
                problems += [f"{page}:{block.first}: there is no {each}: {line}" for each in sorted(wrong)]
    return problems


def check_tests(page: Path) -> list[str]:
    """[`Suite.Name`](file.cpp): that test is in that file; likewise [`Suite.test_name`](file.py)."""
    problems = []
    for suite, name, target in re.findall(r"\[`(\w+)\.(\w+)`\]\((\S+\.py)\)", page.read_text()):
        file = page.parent / target
        if not file.exists() or not re.search(rf"class {suite}\(.*def {name}\(", file.read_text(), re.DOTALL):
            problems.append(f"{page}: there is no test {suite}.{name} in {target}")
    for suite, name, target in re.findall(r"\[`(\w+)\.(\w+)`\]\((\S+\.cpp)\)", page.read_text()):
        file = page.parent / target
        if not file.exists() or not re.search(rf"\(\s*{suite},\s*{name}\s*\)", file.read_text()):
            problems.append(f"{page}: there is no test {suite}.{name} in {target}")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    for name in ("--capsuled", "--capsulectl", "--models"):
        parser.add_argument(name, required=True)
    parser.add_argument("--pages", nargs="+", required=True)
    options = parser.parse_args()
    root, docs = options.root, options.root / "docs"
    sandbox = Sandbox({"capsuled": options.capsuled, "capsulectl": options.capsulectl}, Path(options.models), {})
    document = json.loads(sandbox.call('{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}'))["result"]
    problems = sandbox.close()
    protocol = (docs / "protocol.md").read_text()
    problems += check_methods(protocol, document)
    problems += check_errors(root, protocol, document)
    problems += check_warnings(root, protocol)
    problems += check_settings(root, (docs / "configuration.md").read_text())
    pages = [*sorted(docs.rglob("*.md")), root / "README.md", root / "CONTRIBUTING.md"]
    for page in pages:
        problems += check_links(page) + check_tests(page) + check_scripts(page, root)
        problems += check_blocks(page, str(page.relative_to(root)), options.pages)
    print("\n".join(problems) or "methods, errors, settings and links are as shown")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
