#!/usr/bin/env python3
"""What runs on the home's thread looks nothing up by a path but with daemon/base/home_path.hpp: any other call follows the
links of the session's user into /proc, where a lookup may wait for as long as that user likes.

    home_paths.py ROOT

Calls by a name in a directory that is open (fstatat, openat with a descriptor) are fine. Of these folders and files all
that could take a path is refused.
"""

import re
import sys
from pathlib import Path

FOLDERS = ("daemon/agents", "daemon/edit", "daemon/home", "daemon/write")
FILES = ("daemon/base/home_path.cpp", "daemon/base/home_visit.cpp", "daemon/handlers/session_at_home.cpp",
         "daemon/handlers/session_pipeline.cpp", "daemon/handlers/status.cpp")
CALLS = ("stat lstat stat64 statx statfs statvfs open open64 creat fopen freopen opendir scandir ftw nftw glob access eaccess euidaccess "
         "readlink realpath canonicalize_file_name mkdir rmdir unlink remove rename link symlink chmod chown lchown truncate "
         "utime utimes mkfifo mknod mkdtemp mkstemp mkostemp tmpnam chdir chroot execve execvp posix_spawn getxattr lgetxattr "
         "listxattr inotify_add_watch fanotify_mark name_to_handle_at openat2 open_tree").split()
BY_A_PATH = re.compile(r"(?<![\w.>:])(?:::|std::)(" + "|".join(CALLS) + r")\(|\bAT_FDCWD\b|\bSYS_\w+"
                       r"|\b(?:std::filesystem|fs)::(?!path\b)\w+|\b[io]?fstream\b|\bFileRead\b")  # fmt: skip
# What a path may be given to: home_path.cpp itself, and our own descriptors' names in /proc/self/fd.
ALLOWED = {
    "daemon/base/home_path.cpp": ["SYS_openat2, directory,", "open_path_at(AT_FDCWD, path,", "::open(own_name(path)",
                                  "::faccessat(AT_FDCWD, own_name(path)"],
    "daemon/home/scratch_home.cpp": ["::mkdtemp(path.data())", "::chmod(own_name(place)"],
    "daemon/home/settings_survey.cpp": ["namespace fs = std::filesystem;"],
    "daemon/home/project_directories.cpp": ["namespace fs = std::filesystem;", "::readlink(own_name(directory)", "::getxattr(own_name(opened)"],
    "daemon/home/file_identity.cpp": ["SYS_setgroups"],
    "daemon/home/unheld_project.cpp": ["fs::read_symlink(own_name(directory)"],
}  # fmt: skip


def problems_of(name: str, text: str) -> list[str]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        code = line.partition("//")[0]
        for allowed in ALLOWED.get(name, []):
            code = code.replace(allowed, "")
        if hit := BY_A_PATH.search(code):
            found.append(f"{name}:{number}: {hit[0].rstrip('(')}: use open_path() or look_up() of daemon/base")
    return found


def unused(root: Path) -> list[str]:
    return [f"tests/docs/home_paths.py: {name} has no \"{each}\" any more"
            for name, all_of_it in ALLOWED.items() for each in all_of_it if each not in (root / name).read_text()]  # fmt: skip


def main() -> int:
    root = Path(sys.argv[1])
    sources = [file for folder in FOLDERS for file in (root / folder).rglob("*.?pp")] + [root / name for name in FILES]
    problems = unused(root)
    for source in sorted(sources):
        problems += problems_of(source.relative_to(root).as_posix(), source.read_text())
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
