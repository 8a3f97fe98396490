"""The log: how much of it there may be, and whose lines: "Of the socket" in docs/security.md."""

from protection import Protection, one

LOG_FORMAT = "daemon/log/log_format.cpp"


def protections() -> list[Protection]:
    return [
        one("lines of one kind and user", "daemon/log/log_limit.cpp", "    if (its.taken < most) {\n",
            "    if (its.taken < most || most > 0) {\n",
            "unit_log:Limit.ABucketIsEachKindsAndEachUsers",
            "trust_log:DaemonsLog.RefusalsGrowItByABoundedAmountAndAreCounted"),
        one("a thread that was held up is told of for whom it worked", "daemon/home/worker.cpp",
            '{"asked_by", static_cast<std::int64_t>(user_of(job->asker))}', '{"asked_by", std::int64_t{user_.uid}}',
            "unit_home:Workers.TheLogSaysForWhomAThreadWasHeldUp"),
        one("sessions' lines are those of who asked for them", "daemon/log/log.cpp", '{"asked_by", "uid", "home_of"}', '{"uid", "asked_by", "home_of"}',
            "trust_log:DaemonsLog.SessionsThatOneUserEndsHideNoOthers"),
        one("what is said of programs is of who asked for them", "daemon/home/inventory.cpp",
            '{"asked_by", std::int64_t{place.asker}},\n                        {"program"', '{"program"', "trust_log:DaemonsLog.ProgramsOfOneUserHideNoOthers"),
        *(one(f"and so are those of {what}", f"daemon/sessions/sessions_{where}.cpp",
              '{"asked_by", std::int64_t{live%s.asker()}},\n%s{"provider"' % (record, " " * indent), '{"provider"', "ctest:sessions:limits")
          for what, where, record, indent in (
              ("limits", "counts", ".record", 43), ("other models", "counts", ".record", 46), ("keys", "keys", "->record", 33))),
        one("no reader of its log holds it up", "daemon/log/log_sink.cpp",
            "    thread_ = std::make_unique<LogThread>(descriptor_);\n", "",
            "unit_log:LogThreads.WhoeverHoldsThePipeHoldsUpNobodyElse", "trust_log:DaemonsLog.APipeThatNobodyReadsDoesNotStopTheDaemon"),
        one("nor does one of a FIFO that it is", "daemon/log/log_sink.cpp", "    if (is_known && !S_ISREG(status.st_mode)) thread_", "    if (is_known && S_ISSOCK(status.st_mode)) thread_",
            "unit_log:LogThreads.NorDoesWhoeverHoldsTheFifoThatTheLogIs", "unit_log:LogThreads.AFifoIsNotRenamedHoweverMuchHasGoneThroughIt"),
        one("no line of it goes nowhere for want of a descriptor", "daemon/log/log_sink.cpp", "    own_ = std::move(before);\n    descriptor_", "    descriptor_",
            "unit_log:LogFile.WithoutADescriptorForTheNextTheLinesStayInTheOneBefore"),
        one("nor is it put aside for what a full disk did not take", "daemon/log/log_sink.cpp", "    why_unwritten_ = errno;\n    return 0;\n",
            "    why_unwritten_ = errno;\n    return errno == EAGAIN ? 0 : text.size();\n", "unit_log:LogFile.OnAFullDiskWhatWasWrittenStays"),
        one("a line of it has a size", LOG_FORMAT, "if (out.size() - begin >= most) return", "if (false) return", "unit_log:Log.AFieldHasASize"),
        one("nor where its other name is a directory's", "daemon/log/log_sink.cpp", "        if (::ftruncate(own_.get(), 0) != 0) return;\n",
            "", "unit_log:LogFile.OneThatCannotBeRenamedIsEmptiedAndSaysSo"),
        one("its own file does not grow without end", "daemon/log/log_sink.cpp", "    rotate(line.size());\n", "",
            "trust_log:DaemonsLog.AFileOfItsOwnIsBegunAnewBeforeItGrowsTooLarge"),
        one("nobody can forge a line", LOG_FORMAT, "} else if (is_obeyed(character.code)) {",
            "} else if (is_obeyed(character.code) && false) {", "integration_log:DaemonLog.NobodyCanForgeALine",
            "unit_log:Log.OddContentStaysOneLineOfText", "unit_log:Log.JsonIsOneObjectALineWhateverIsInIt"),
        one("nor the next field", LOG_FORMAT, "if (json || !is_word(text))", "if (json || (!is_word(text) && false))",
            "unit_log:Log.AValueThatLooksLikeTheNextFieldIsQuoted"),
        one("nor send escapes to a terminal", "protocol/utf8.cpp", "else if (commands && !kept)", "else if (commands && false)",
            "unit_client:Table.LetsNoCellCommandTheTerminal", "unit_client:Printable.TurnsNoText"),
    ]  # fmt: skip
