"""The home, whose identity touches it, and each write's steps: "Of the home" in docs/security.md."""

from protection import Edit, Protection, one

ACCESS = "daemon/write/file_access.cpp"
HOME_PATH = "daemon/base/home_path.cpp"
ATOMIC = "daemon/write/atomic_file.cpp"
TURN = "daemon/write/turn.cpp"
REPLACE = "daemon/write/replace.cpp"
APPLY = "daemon/write/apply.cpp"
TRUSTED = "protocol/trusted_path.cpp"
SECRET_FILE = "daemon/keys/secret_file.cpp"
CONFIG_FILES = "daemon/load/config_files.cpp"


ONE_CALL, STEPS = "unit_base:All/HomePath.InOneCall/", "unit_base:All/HomePath.WithoutOpenat2/"
AS_ANOTHER = "integration_exec:ExecAsAnother."
PLANTED = "trust_faults:All/Planted.IsAnErrorOrIgnoredAndNeverHangs/"
KILLED = "unit_write_faults:All/EveryCall.KilledBeforeItLeavesTheOldFileOrTheNew/"
FAILING = "unit_write_faults:All/EveryCall.FailingIsACleanError/"
ORDER = "unit_write_faults:All/EveryCall.ANewFileIsOnTheDiskBeforeItHasTheNameAndTheNameBeforeTheAnswer/*"
CONCURRENT = "unit_write:ConcurrentWriter."
LEFTOVER = "unit_write:Leftover."
TOML_BLOCK = "daemon/agents/codex/config_toml.cpp"
TOML_PARTS = "daemon/agents/codex/block_parts.cpp"
OPENCODE = "daemon/agents/opencode/opencode_json.cpp"
MERGE = "unit_merge:"


def protections() -> list[Protection]:
    return whose_identity() + what_others_left() + odd_files() + links() + each_write() + other_writers()


def whose_identity() -> list[Protection]:
    look = "co_await generation->worker->run(std::move(look), home_limit, HomeWorker::looking(caller.counted_as()));"
    session = "auto done = co_await generation->worker->run(std::move(render), home_job_limit, asker);"
    return [
        one("agents are looked for with that identity", "daemon/handlers/session_pipeline.cpp", session,
            "auto done = render();",
            AS_ANOTHER + "WhatThatUserCannotRunIsNotThere"),
        one("and so for status", "daemon/handlers/status.cpp", look,
            "look();",
            AS_ANOTHER + "WhatThatUserCannotRunIsNotThere"),
    ]  # fmt: skip


def what_others_left() -> list[Protection]:
    at_home, accounts, temporary = (
        "daemon/handlers/session_at_home.cpp", "daemon/agents/opencode/accounts.cpp", "daemon/home/temporary_directory.cpp")
    of_a_console, others = "unit_agents:OpencodeAccounts.", "unit_home:TemporaryDirectory.IsNoneThatOthersMade"
    return [
        one("no account of OpenCode's console outranks a session", at_home,
            "    if (auto holds = check_home(route.agent, *plan, home); !holds) return holds.error();\n", "",
            "integration_spawn:Spawn.NoAccountOfOpencodesConsoleOutranksASession"),
        one("nor does it take long", accounts, "        if (row.columns.size() == most_columns) throw Unexpected();\n", "",
            of_a_console + "WhatOpencodeDoesNotWriteIsNotTakenForNone"),
        one("nor one of a virtual table", accounts, '        if (!without_marks(statement).starts_with("createtableaccount_state(")) throw Unexpected();\n', "",
            of_a_console + "WhatOpencodeDoesNotWriteIsNotTakenForNone"),
        one("nor one that such a table is", accounts, '"as", "default", "without"', '"as", "default"',
            of_a_console + "WhatOpencodeDoesNotWriteIsNotTakenForNone"),
        one("nor one that an index alone has", accounts, "            if (!is_the_table && text.find(", "            if (false && text.find(",
            of_a_console + "WhatOpencodeDoesNotWriteIsNotTakenForNone"),
        one("nor does a look for one fill the memory", accounts, "(bytes_ += page_size_) > most_bytes || ", "",
            of_a_console + "VersionsOfAPageAreReadOneByOneAndNotWithoutEnd"),
        one("nor one that is only in the log beside the database", accounts, "        if (log_ != nullptr) read_log();\n", "",
            of_a_console + "WhatIsInTheLogCounts"),
        one("nor one that the log takes back, which SQLite may not believe", accounts,
            "        look(file_, (index - 1) * page_size_);\n", "        if (!in_log_.contains(index)) look(file_, (index - 1) * page_size_);\n",
            of_a_console + "EachVersionOfAPageCounts"),
        one("in whatever column it is", accounts, "any_of(row.columns, [](", "any_of(std::vector<Column>(row.columns.begin() + 1, row.columns.end()), [](",
            of_a_console + "OneIsFound"),
        one("nor one of an unfinished transaction", accounts, "undo && !(*undo)(0, 1).empty()", "undo && false",
            of_a_console + "AnUnfinishedTransactionIsNotTakenForNone"),
        one("nor one that no row has", accounts, '"as", "default", "without"', '"default", "without"',
            of_a_console + "WhatOpencodeDoesNotWriteIsNotTakenForNone"),
        one("nor one that something else than a table would make", accounts,
            'if (kind == "view" || kind == "trigger") throw Unexpected();', "",
            of_a_console + "WhatOpencodeDoesNotWriteIsNotTakenForNone"),
        one("a session's temporary files are in a directory of its user's", at_home,
            "give_temporary_directory(*plan, home, mode);", "{}",
            AS_ANOTHER + "ItsTemporaryFilesAreInADirectoryOfItsOwn"),
        one("also where the daemon is root, and they are root's", temporary, "(home.same_user && user != 0)", "(home.same_user)",
            "unit_home:TemporaryDirectory.IsMadeForRootAlsoWhereTheDaemonIsRoot"),
        one("whatever TMPDIR of another user's root was given", temporary, "if (!unsafe) return false;", "return false;",
            "unit_home:TemporaryDirectory.OfRootsSessionIsNoneThatAnotherUserCanChange"),
        one("not in one that another user made first", temporary, "status.st_uid == user", "user + 1 != 0", others),
        one("nor where a link leads", temporary, "AT_SYMLINK_NOFOLLOW", "0", others),
        one("nor where others may put another in its place", temporary,
            "    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (status.st_mode & S_ISVTX) == 0) return false;\n", "", others),
    ]  # fmt: skip


def odd_files() -> list[Protection]:
    no_place = "    if (!S_ISREG(mode)) return odd_file(place, name, mode);\n"
    no_file = "status.st_mode)) return odd_file"
    any_file = "status.st_mode) && false) return odd_file"
    of_the_kernel = "if (!same_files && is_of_the_kernels_files(fd.get()))"
    into_proc, for_long = "NoneLeadsIntoTheKernelsFiles", "NoneIsFollowedForLong"
    return [
        # Looked at before it is opened, and again what was opened.
        Protection("only regular files of the home are read", [Edit(ACCESS, no_file, any_file, 2), Edit(ACCESS, no_place, "")],
                   ["integration_errors:Errors.AFifoOrAHugeFileNeverHangsTheDaemon", "unit_write:Fault.NotAFile"]),
        Protection("none is waited for", [Edit(ACCESS, no_file, any_file, 2), Edit(ACCESS, no_place, ""),
                                          Edit(ACCESS, "O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)",
                                               "O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC)", 2),
                                          Edit(ACCESS, "O_RDONLY | O_NONBLOCK | O_NOCTTY)", "O_RDONLY | O_NOCTTY)")],
                   [PLANTED + "Fifo"]),
        # Its size when it is opened, and what is read of it.
        Protection("none is read that is huge", [
            Edit(ACCESS, "if (size > limit) return", "if (size > 16 * limit) return"),
            Edit(ACCESS, "if (text.size() > limit) return", "if (text.size() > 16 * limit) return"),
        ], [PLANTED + "HugeFile"]),
        one("links in a circle", ACCESS, "if (--budget.links < 0 || static_cast<std::size_t>(size) > budget.text)",
            "if (--budget.links < -100'000'000)", "unit_write:Fault.LinksInACircle"),
        Protection("nothing is read that the kernel computes", [
            Edit(HOME_PATH, of_the_kernel, "if (false)"),
            Edit(ACCESS, "if (is_of_the_kernels_files(fd.get()))", "if (false)"),
        ], ["unit_write:Fault.NotAFile"]),
        one("no link is followed into /proc", HOME_PATH, of_the_kernel, "if (false)", ONE_CALL + into_proc, STEPS + into_proc,
            "unit_write:Fault.NothingOfAProcessIsLookedUp", "unit_home:Inventory.FindsItThroughLinksButNotInProc",
            "unit_home:SettingsSurvey.FollowsLinksButNoneIntoProc", "unit_home:ScratchHome.IsMadeThroughLinksButNotThroughProc"),
        one("nor by the kernel", HOME_PATH, "how.resolve = RESOLVE_NO_SYMLINKS;", "how.resolve = 0;", ONE_CALL + into_proc),
        one("nor is a name looked up there", HOME_PATH, "if (name == \"proc\" || name == \"sys\") return true;", "", ONE_CALL + into_proc),
        one("so many links and no more", HOME_PATH, "--budget_.links < 0 || ", "", STEPS + for_long),
        one("of so much text", HOME_PATH, " || static_cast<std::size_t>(size) > budget_.text", "", ONE_CALL + for_long),
        one("so many names one by one", HOME_PATH, "        if (--budget_.steps < 0) return ELOOP;\n", "", ONE_CALL + for_long),
        one("and not when there is no time left", HOME_PATH, "    if (time_is_up()) return failed(ETIME);\n", "", ONE_CALL + for_long),
        one("nobody's link in /tmp is followed but its owner's", HOME_PATH, "        if (is_planted(status)) return EACCES;\n", "",
            ONE_CALL + "NoneIsFollowedThatAnybodyPlanted"),
        one("only regular files are keys", SECRET_FILE,
            "    if (!S_ISREG(about.st_mode)) return no_regular_file(about.st_mode, path);\n", "",
            "unit_keys:SecretFile.WhatIsNoRegularFileIsAnErrorAndNeverWaits"),
        # By its kind, and should it become a FIFO in that moment.
        Protection("a file that keys depend on is not waited for", [
            Edit(TRUSTED, "if (ended() || (found_.status.st_mode & S_IFMT) != kind) return;", "if (ended()) return;"),
            Edit(TRUSTED, "O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY", "O_RDONLY | O_NOFOLLOW | O_NOCTTY"),
        ], ["unit_keys:SecretFile.WhatIsNoRegularFileIsAnErrorAndNeverWaits", "unit_base:TrustedPath.WhatIsOpenedIsWhatWasLookedAt"]),
        Protection("a key's file is small", [
            Edit(SECRET_FILE, "about.st_size > static_cast<off_t>(max_secret_file_bytes)", "false"),
            Edit(SECRET_FILE, "    if (buffer.size > max_secret_file_bytes) return too_large(path);\n", ""),
        ], ["unit_keys:SecretFile.TooLarge"]),
        one("only regular files are configuration", CONFIG_FILES, "    if (!file) return Error{",
            "    if (false) return Error{",
            "unit_config:ConfigFiles.ADirectoryAFifoAndADeviceAreRefusedAtOnce",
            "unit_config:ConfigFiles.AFifoAmongTheRolesIsRefused"),
        one("configuration is small", CONFIG_FILES, "    if (size > largest_file)\n",
            "    if (size > 2 * largest_file)\n",
            "unit_config:ConfigFiles.OneMebibyteIsTheLimit"),
    ]  # fmt: skip


def links() -> list[Protection]:
    beside = "    const UniqueFd file(::mkostemp(beside.data(), O_CLOEXEC));  // made 0600\n"
    in_place = "    const UniqueFd file(::open((beside = path).c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));\n"
    choices = "client/picker/last_choices.cpp"
    linked = "unit_client:LastChoicesFile.APlantedLinkIsNeitherReadNorWrittenThrough"
    return [
        one("no key goes through a link", APPLY, "intent().not_through_a_link && is_link(path)",
            "intent().not_through_a_link && is_link(path) && false", "unit_write:Apply.NoKeysThroughALink",
            "integration_files:Files.ALinkStaysALinkAndNoKeyGoesThroughIt"),
        one("last choices are not read through a link", choices, "O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK",
            "O_RDONLY | O_CLOEXEC | O_NONBLOCK", linked),
        one("nor written through one", choices, beside, in_place, linked),
        one("last choices are their owner's alone", choices, beside,
            beside + "    ::fchmod(file.get(), 0644);\n",
            "unit_client:LastChoicesFile.RemembersPerAgentAndDirectory"),
        one("last choices are no FIFO", choices, "O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK",
            "O_RDONLY | O_CLOEXEC | O_NOFOLLOW", "unit_client:LastChoicesFile.WhatIsNotItsOwnIsAsGoodAsEmpty"),
    ]  # fmt: skip


def each_write() -> list[Protection]:
    exchange = "    const auto file = write_beside(place, text, mode, &base);\n"
    in_place = """    const UniqueFd fd(::openat(place.directory_fd.get(), place.name.c_str(), O_WRONLY | O_TRUNC));
    if (fd && ::write(fd.get(), text.data(), text.size()) >= 0) return Outcome::done;
"""
    return [
        one("rights of a group that go are told", "daemon/write/file_access.cpp", "    if (!has_group && (mode & S_IRWXG) != 0)\n",
            "    if (false)\n", "unit_write:UpdateFile.GivesNoOtherGroupItsGroupsRights"),
        one("a file is written beside the old one", REPLACE, exchange, in_place + exchange,
            KILLED + "ConfigTomlUpdated", KILLED + "AuthTomlUpdated"),
        one("the file is synced", ACCESS, "    if (::fsync(fd) != 0) return errno;\n", "", ORDER),
        one("the directory is synced before the answer", ATOMIC,
            "    if (::fsync(place.directory_fd.get()) != 0) return", "    if (false) return", ORDER),
        one("a sync that fails is an error", ACCESS, "    if (::fsync(fd) != 0) return errno;\n", "    ::fsync(fd);\n",
            FAILING + "*"),
        one("a write that fails is an error", ACCESS, "        if (put < 0) return errno;\n",
            "        if (put < 0) return 0;\n",
            FAILING + "*", "trust_write_faults:All/WriteFaults.ACallThatFailsIsACleanErrorAndTheDaemonGoesOn/*"),
        one("what holds a key is 0600", ATOMIC, "if (wanted.private_mode) return",
            "if (wanted.private_mode && false) return", "unit_write:UpdateFile.ForcesAPrivateMode",
            "unit_keys:StoredKeys.AModeThatOthersCanReadIsClosed"),
        one("before a byte is in it", ACCESS, "S_ISVTX | 0600", "S_ISVTX | 0644", KILLED + "OpencodeJsonUpdated",
            KILLED + "AuthTomlUpdated"),
        one("its mode is mended", ATOMIC, "const bool same = *wanted.text == existing->text && mode == now;",
            "const bool same = *wanted.text == existing->text && (mode == now || true);",
            "integration_changes:Changes.AModeThatShowsKeysIsMendedAtOnce",
            "unit_write:UpdateFile.ForcesAPrivateMode"),
        one("directories are made 0700", ACCESS, "::mkdirat(at.get(), name, 0700)", "::mkdirat(at.get(), name, 0755)",
            "unit_write:UpdateFile.CreatesWithItsDirectories"),
        one("what a killed run left goes", REPLACE, "        if (unlink_in(place, name)) return {};\n        return io_error",
            "        if (true) return {};\n        return io_error",
            KILLED + "AuthTomlUpdated", LEFTOVER + "HalfWrittenGoes",
            "trust_write_faults:All/WriteFaults.KilledItLeavesOldFilesOrNewOnes/*"),
        one("what a failed run left goes at once", ACCESS,
            "        ::unlinkat(place.directory_fd.get(), name.c_str(), 0);\n        return io_error(\"write\"",
            "        return io_error(\"write\"", "unit_write:Fault.FileSizeLimit"),
        one("another's version in a leftover comes back", REPLACE, "    if (ours && put_back(place, *target)) return {};\n",
            "    if (ours && unlink_in(place, name)) return {};\n", LEFTOVER + "AnotherProgramsVersionIsMerged"),
        one("what may be another's is left alone", REPLACE, " && not_later(target->st_mtim, left->st_ctim);", ";",
            LEFTOVER + "WhatMayBeAnotherProgramsIsNeverTouched"),
        one("auth.toml is written so", "daemon/keys/stored_keys.cpp", ".private_mode = true", ".private_mode = false",
            "unit_keys:StoredKeys.AModeThatOthersCanReadIsClosed"),
    ]  # fmt: skip


def other_writers() -> list[Protection]:
    return [
        one("exchanged, not renamed over", REPLACE, "rename_in(place, name, place.name, RENAME_EXCHANGE); problem",
            "rename_in(place, name, place.name, 0); problem", CONCURRENT + "IsMerged"),
        Protection("what came out is looked at", [
            Edit(REPLACE, "    if (!late && out && *out && is_what_was_read(**out, base)) {", "    if (!late && out && *out && (is_what_was_read(**out, base) || true)) {"),
            Edit(REPLACE, "    if (!is_still_there(place, base) || is_open", "    if (is_open")], [CONCURRENT + "IsMerged"]),
        Protection("a mode that was given meanwhile stays", [
            Edit(REPLACE, " && not_later(now->st_ctim, base.status.st_ctim);", ";"),
            Edit(REPLACE, "out.text == base.text && now.st_mode == then.st_mode", "out.text == base.text")],
            [CONCURRENT + "ThatChangesTheModeOnlyIsNotUndone"]),
        one("one that has it open to write is waited for", REPLACE, "F_RDLCK) != 0 && errno == EAGAIN;", "F_RDLCK) != 0 && false;",
            CONCURRENT + "OneThatWritesInPlaceLosesNothing", CONCURRENT + "OneThatNeverClosesTheFileIsAnError"),
        one("nothing new is renamed over", REPLACE, "rename_in(place, name, new_name, RENAME_NOREPLACE);\n    if (unsup",
            "rename_in(place, name, new_name, 0);\n    if (unsup", CONCURRENT + "MadeTheFileFirst"),
        one("a removal looks at what it removes", REPLACE,
            "    if (!late && out && *out && (*out)->text == base.text) {\n        if (unlink_in",
            "    if (!late && out && *out) {\n        if (unlink_in", CONCURRENT + "KeepsWhatItWroteBeforeARemoval"),
        one("what cannot be merged goes back", REPLACE, "    if (!put_back(place, file->status)) return in_the_way(place);\n",
            "    unlink_in(place, name);\n", CONCURRENT + "IsPutBackWhenItCannotBeMerged"),
        Protection("our own runs take turns", [
            Edit(TURN, "    while (::flock(", "    while (false && ::flock("),
            Edit(TURN, "[&] { return !taken_.contains(directory); }", "[] { return true; }"),
            Edit(TURN, " && taken_.insert(directory).second;", ";"),
        ], [CONCURRENT + "OurOwnThreadsLoseNothingOfEachOther"]),
        one("a lock that another program can hold is not waited for", TURN, "LOCK_EX | LOCK_NB", "LOCK_EX",
            CONCURRENT + "AProgramThatKeepsTheLockHoldsNothingUp"),
        one("what another daemon writes is left to it", ACCESS, '(place.has_lock ? "" : "-" + std::to_string(::getpid()))', '""',
            CONCURRENT + "AProgramThatKeepsTheLockHoldsNothingUp"),
        one("only what is ours is taken out of config.toml", TOML_PARTS, "known && table != nullptr",
            "(known || true) && table != nullptr", MERGE + "TomlBlock.WhatIsNotOursIsNeverDeleted",
            MERGE + "Corpus.ConfigToml"),
        one("what moves is told", TOML_BLOCK, "if (!is_written_by_codex(text)) warn_of_move(part);", "",
            MERGE + "TomlBlock.WhatIsNotOursIsNeverDeleted"),
        one("a permission of the user's stands", OPENCODE, "                           !users_say_permission(top, true, ours) &&\n", "",
            MERGE + "OpencodeJson.AUsersPermissionIsNeverWeakened"),
        one("in every file that OpenCode merges", APPLY, "if (*says_it) return", "if (*says_it && false) return",
            "unit_write:Apply.APermissionInAnotherFileOfOpencodesIsNotWeakened",
            "integration_files:Files.APermissionOfTheUsersIsNotWeakened"),
        one("an empty object of the user's stays", OPENCODE,
            "was_empty = was_empty_object(text_, provider);", "was_empty = false;",
            MERGE + "OpencodeJson.AUsersEmptyProviderStays"),
        one("an empty file of the user's stays", OPENCODE, "existing ? *existing + mark_of_a_blank_file : \"\"",
            "std::string()", MERGE + "OpencodeJson.AUsersEmptyFileStays"),
        one("a table of the session's name is not merged into it", "daemon/agents/codex/render.cpp",
            "    if (!taken) return first;\n", "    return first;\n",
            "unit_agents:Codex.AProviderThatAUserHasIsNotMergedIntoTheSessions"),
        one("nor one that only Codex can read", "daemon/agents/codex/config_file.hpp", "without_escapes(text).find(id)", "text.find(id)",
            "unit_agents:Codex.AProviderThatAUserHasIsNotMergedIntoTheSessions"),
        one("what a user wrote in or behind a mark stays", "daemon/edit/toml_text.cpp", "starts = line == block_start;",
            "starts = line.starts_with(\"# >>> capsuled:\");", MERGE + "Corpus.ConfigToml"),
    ]  # fmt: skip
