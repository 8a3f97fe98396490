"""What a user wrote in the places of capsuled's: "Of the home" in docs/security.md."""

from protection import Edit, Protection, one

ATOMIC = "daemon/write/atomic_file.cpp"
REPLACE = "daemon/write/replace.cpp"
APPLY = "daemon/write/apply.cpp"
TOML_BLOCK = "daemon/agents/codex/config_toml.cpp"
TOML_PARTS = "daemon/agents/codex/block_parts.cpp"
TOML_OWN = "daemon/agents/codex/own_files.cpp"
OPENCODE = "daemon/agents/opencode/opencode_json.cpp"
WHOSE_BLOCK = "daemon/agents/opencode/whose_block.cpp"
MERGE = "unit_merge:"
WHOSE = "unit_agents:Whose."
KEPT = "integration_kept:Kept."
KEPT_FILE = "unit_write:KeptFile."
ATTRIBUTES = "unit_write:UserAttributes."
KEPT_BY_ALL = "unit_write_faults:All/EveryCall.FailingIsACleanError/"
BESIDE_ITS_TEXT = "unit_write:OldFile.WhatItHadBesideItsTextIsTold"


def protections() -> list[Protection]:
    return [
        one("what an access list keeps from the group is not the group's", "daemon/write/file_access.cpp",
            "mode == (like->status.st_mode & 0777U);",
            "false;",
            "unit_write:UpdateFile.KeepsTheAccessListAndGivesTheGroupNothing"),
        one("nor does the directory's list count for a file that had none", "daemon/write/file_access.cpp",
            "    if (like != nullptr && !has_list) std::ignore = ::fremovexattr(fd, access_list_name);\n", "",
            "unit_write:UpdateFile.TakesNoAccessListOfTheDirectorys"),
        one("nor another group's what one group might", "daemon/write/file_access.cpp",
            "given &= ~static_cast<mode_t>(S_IRWXG);", "{}",
            "unit_write:UpdateFile.GivesNoOtherGroupItsGroupsRights"),
        one("be it by an access list", "daemon/write/file_access.cpp", "had_list && has_group;", "had_list;",
            "unit_write:UpdateFile.GivesNoOtherGroupWhatItsGroupMightByAList"),
        one("and whom a list that goes has kept out is not let in", "daemon/write/file_access.cpp",
            "    if (had_list) given &= S_IRWXU;\n", "", "unit_write:UpdateFile.GivesNoOtherGroupWhatItsGroupMightByAList"),
        one("a user's extended attributes stay", "daemon/write/file_access.cpp",
            "replaced ? copy_attributes(", "replaced && false ? copy_attributes(",
            ATTRIBUTES + "AreKept", ATTRIBUTES + "ThatCannotBeCopiedAreTold", KEPT_BY_ALL + "ConfigTomlUpdated"),
        one("no more of them than so many", "daemon/write/attributes.cpp", "if (names_ == most_attributes) return",
            "if (names_ == most_attributes + 100) return", ATTRIBUTES + "SoManyAreCopiedAndTheRestIsTold"),
        one("nor for longer than there is time", "daemon/write/attributes.cpp",
            "        if (time_is_up()) return ETIME;\n", "", ATTRIBUTES + "AreNotCopiedWhenTheTimeIsUp"),
        Protection("before the mode keeps their owner from it", [
            Edit("daemon/write/file_access.cpp", "replaced ? copy_attributes(replaced.get(), fd, file.not_copied) : 0;", "0;"),
            Edit("daemon/write/file_access.cpp", "    if (::fchmod(fd, S_ISVTX | given) != 0) return errno;\n",
                 "    if (::fchmod(fd, S_ISVTX | given) != 0) return errno;\n"
                 "    if (replaced) copy_attributes(replaced.get(), fd, file.not_copied);\n"),
        ], [ATTRIBUTES + "OfAFileThatNobodyMayWriteToAreKept"]),
        one("what of them is lost is told", APPLY, "if (!updated.not_copied.empty())", "if (false)", BESIDE_ITS_TEXT),
        one("that another name keeps the old file is told", APPLY, "if (updated.had_another_name)", "if (false)", BESIDE_ITS_TEXT),
        one("and where the file is removed, too", ATOMIC, "            plan.had_another_name = existing->status.st_nlink > 1;\n            return remove(",
            "            return remove(", "unit_write:SecondName.KeepsWhatTheFileHadAndThatIsSaidOnce"),
        one("a word of another file's counts however it is written", "daemon/write/apply.cpp",
            " || std::ranges::any_of(escaped_letters, has));", ");", "unit_write:Apply.APermissionInAnotherFileOfOpencodesIsNotWeakened"),
        one("one warning tells of all that is moved out of our block", TOML_BLOCK, "        if (std::exchange(is_moved_, true)) return;\n", "",
            "unit_merge:TomlBlock.WhatIsNotOursIsNeverDeleted"),
        one("a block under another name is the user's", OPENCODE,
            " && (found->is_named_as(block) || is_ours_by_key(block.id, *found))", "",
            WHOSE + "ABlockUnderAnotherNameIsTheUsers", KEPT + "AProviderOfTheUsersInOpencodeJsonStays"),
        one("but one of ours under an earlier label goes with its key", OPENCODE,
            " || is_ours_by_key(block.id, *found)", "",
            WHOSE + "ABlockUnderAnEarlierLabelIsOurs", WHOSE + "AKeyUnderAnEarlierLabelGoes"),
        one("a key that is not ours is kept", WHOSE_BLOCK, "is_our_key(key, written) && ", "",
            WHOSE + "AKeyOrAModelThatIsNotOursIsKept", KEPT + "AKeyOfTheUsersInABlockLikeOursIsKeptBeside"),
        one("a model that is not ours is kept", WHOSE_BLOCK,
            " && is_our_model(model, entry.as_object(), written);", ";", WHOSE + "AKeyOrAModelThatIsNotOursIsKept"),
        one("and where the block goes", OPENCODE, "            note_loss(stale->name);\n", "",
            WHOSE + "AKeyOrAModelThatIsNotOursIsKept", KEPT + "AKeyOfTheUsersInABlockLikeOursIsKeptBeside"),
        one("a changed setting in our table is kept", TOML_BLOCK,
            "!(is_wanted(text, *id) || has_our_values(text, intent_))", "false",
            WHOSE + "ASettingThatTheUserChangedInOurTableIsKept", KEPT + "AValueOfTheUsersInOurTableIsKeptBeside"),
        one("a profile without our first line is the user's", TOML_OWN,
            "if (!text.starts_with(our_header)) return false;", "",
            WHOSE + "AProfileOfOursHasAKnownModel", KEPT + "AProfileOfTheUsersStays"),
        one("settings below our line are the user's", TOML_OWN,
            "if (!text.starts_with(our_header)) return false;", "return text.starts_with(our_header);",
            WHOSE + "AProfileOfOursHasAKnownModel", KEPT + "AProfileOfTheUsersStays"),
        one("a changed model in our profile is kept", TOML_OWN,
            "!intent.is_our_text || !intent.is_our_text(*existing)", "false",
            WHOSE + "AProfileOfOursHasAKnownModel", KEPT + "AModelOfTheUsersInOurProfileIsKeptBeside"),
        one("a model catalog that somebody changed is the user's", "daemon/agents/codex/models.cpp",
            "end != text.npos && text.substr(end) == end_of(text.substr(0, end));", "end != text.npos;",
            MERGE + "OwnFile.CatalogsOfTheUsersAreSaved", WHOSE + "ACatalogWithOtherWordsIsTheUsers",
            KEPT + "AModelCatalogOfTheUsersIsKeptBesideOrStays"),
        one("a comment behind our settings is the user's", TOML_PARTS,
            "    if (has_toml_comment(part)) return std::nullopt;  // somebody's own words\n", "",
            MERGE + "TomlBlock.WhatIsNotOursIsNeverDeleted", WHOSE + "ACommentBehindOurSettingsIsTheUsers"),
        one("a permission that stands alone is the user's", OPENCODE,
            "permission_alone) == 0;", "permission_alone) != -9;",
            MERGE + "OpencodeJson.APermissionThatStandsAloneIsOursAsWeWriteItAlone",
            KEPT + "APermissionOfTheUsersThatStandsAloneStays"),
        one("what is kept is told", APPLY, 'if (may_be_theirs_) warn_of_copy("capsuled has', 'if (false) warn_of_copy("capsuled has',
            KEPT + "AValueOfTheUsersInOurTableIsKeptBeside"),
        one("what was seen is kept, not what is there by then", ATOMIC,
            "create_as(*place, name, text, 0600)", "create_as(*place, name, existing_at(*place).value()->text, 0600)",
            KEPT_FILE + "TheVersionThatWasSeenIsSaved"),
        one("which nobody else can read", ATOMIC, "create_as(*place, name, text, 0600)", "create_as(*place, name, text, 0644)",
            KEPT_FILE + "WhatIsSavedIsItsOwnersAlone"),
        one("where there are no hard links, too", REPLACE, "if (is_without_hard_links(problem))\n", "if (is_without_hard_links(problem) && false)\n",
            KEPT_FILE + "ACopyIsSavedWhereThereIsNoExchangeEither"),
        one("no key of ours stays in what is kept", APPLY, "merged->saved.value_or(*existing)", "*existing",
            KEPT_FILE + "WhatAMergeSavesInItsPlaceIsSaved", KEPT + "NoKeyOfOursStaysInWhatIsKept"),
        one("nor an earlier one", OPENCODE, "if (intent_.has_earlier_keys && block", "if (false && block",
            WHOSE + "NoKeyOfOursIsInWhatIsKept"),
        one("only so many are kept", "daemon/write/atomic_file.hpp", "most_kept = 5;", "most_kept = 100;",
            KEPT_FILE + "FiveAreSavedAndThenNothingIsReplaced"),
        one("one that keeps changing is not kept many times", APPLY, "if (updated && to_be_kept_) return keeps_changing(path);", "",
            KEPT_FILE + "OneThatKeepsChangingIsAnErrorAndNotManyCopies"),
        one("a user's No that goes is told", "daemon/agents/claude/claude_json.cpp",
            'if (remove_from("rejected", tail_)) warn_of_answer();', 'remove_from("rejected", tail_);',
            WHOSE + "AnAnswerThatGoesIsTold", KEPT + "ANoToTheSessionsKeyIsTakenOutAndTold"),
    ]  # fmt: skip
