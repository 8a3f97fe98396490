"""Root's terminal: who else can read, write and hold it, and what is shown there."""

from protection import Edit, Protection, one

EXEC = "client/commands/exec.cpp"
DESCRIPTORS = "client/terminal/descriptors.cpp"
LEADER = "client/terminal/leader.cpp"
RELAY = "client/terminal/relay.cpp"
OWN = "client/terminal/own_terminal.cpp"
USERS = "client/terminal/user_terminal.cpp"
PAGER = "client/commands/pager.cpp"
VERIFY = "client/verify/start.cpp"

TERMINAL = "terminal:OwnTerminal."
HELD = "terminal:HeldTerminal."
UNREAD = "terminal:UnreadTerminal."


def protections() -> list[Protection]:
    return whose_terminal() + what_is_shown() + whose_pager() + what_completion_offers()


def whose_terminal() -> list[Protection]:
    own = "if (becomes_another && has_terminal(options.kept)) return"
    return [
        one("a terminal of its own", EXEC, own, "if (false) return", TERMINAL + "IsNotRoots",
            TERMINAL + "NothingThatTheAgentTypesReachesRootsShell", TERMINAL + "AProcessThatIsLeftBehindReadsNoKey",
            TERMINAL + "AKeptDescriptorThatIsRootsTerminalIsReplacedToo"),
        one("where root's is only the controlling one, too", OWN, "    return exists;\n", "    return exists && false;\n",
            TERMINAL + "RootsControllingTerminalIsOutOfReachWhereNoDescriptorIsATerminal"),
        one("and where that cannot be opened for now", OWN, " || errno != ENXIO;", ";", TERMINAL + "NorIsTheSessionOnItWhereItCannotBeOpened"),
        one("who does not read root's terminal keeps no signal from the session", USERS,
            "    for (const std::string& path : {\"/proc/self/fd/\" + std::to_string(descriptor), std::string(\"/dev/tty\")}) {",
            "    for (const std::string& path : {\"/nonexistent\" + std::to_string(descriptor), std::string(\"/nonexistent\")}) {",
            UNREAD + "SigtermAndCtrlCEndTheAgentAndSoExec"),
        one("nor exec from ending with it", RELAY, "if (ended_ && !is_to_end_) return -1;", "if (ended_) return -1;", UNREAD + "SigtermAndCtrlCEndTheAgentAndSoExec"),
        one("nor what others write on", RELAY, "most_left_over = 64 * 1024;", "most_left_over = 64 * 1024 * 1024;",
            UNREAD + "WhatOthersWriteOnIsNotWaitedFor"),
        one("nor a terminal that takes little at a time", RELAY, "if (!until_) until_", "until_", UNREAD + "WhatOthersWriteOnIsNotWaitedFor"),
        one("nor what the agent wrote last", RELAY, "            if ((polled[1].revents & POLLIN) != 0) take_signal();\n            if (polled[0]",
            "            if (polled[0]", UNREAD + "WhatWasWrittenBeforeTheEndWaitsUntilSomebodyReadsOrEndsExec"),
        one("and root's shell has its terminal as it was", USERS, "    for (const std::string& path",
            "    ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);\n    for (const std::string& path",
            UNREAD + "TheDescriptorThatRootsShellHasWaitsAsBefore"),
        one("when root's terminal is gone, the session is told", LEADER, "            signal_hang_up();\n", "",
            TERMINAL + "TheAgentIsToldThatRootsTerminalIsGone"),
        one("an agent that stops itself stops nobody who ends it in time", RELAY, "user_.is_in_foreground() ? 0 : ::getpid()", "0",
            "terminal:OwnTerminal.AnAgentThatStopsItselfStopsNobodyWhoEndsItInTime"),
        one("output without end keeps no job from stopping", "client/terminal/relay.cpp", "        pass_left_over();\n        user_.restore();",
            "        while (pass_output() || unshown()) {\n            show_all();\n        }\n        user_.restore();", TERMINAL + "WhatOthersWriteWithoutEndKeepsNoJobFromStopping"),
        one("a kept descriptor that is a terminal is replaced", DESCRIPTORS,
            "std::vector<int> descriptors = standard_and(kept);\n    std::erase_if(descriptors, [](int descriptor) { return ::isatty",
            "std::vector<int> descriptors = standard_and(kept.empty() ? kept : std::vector<int>{});\n"
            "    std::erase_if(descriptors, [](int descriptor) { return ::isatty",
            TERMINAL + "AKeptDescriptorThatIsRootsTerminalIsReplacedToo"),
        one("and one that only names it", EXEC, "    if (becomes_another) replace_names_of_terminals(options.kept);\n", "",
            TERMINAL + "ADescriptorThatOnlyNamesRootsTerminalIsReplacedToo"),
        one("it is the session's before it is another user's", LEADER,
            "    if (::ioctl(task.terminal, TIOCSCTTY, 0) != 0 || ::fchown(task.terminal, task.owner, static_cast<gid_t>(-1)) != 0) {",
            "    if (::fchown(task.terminal, task.owner, static_cast<gid_t>(-1)) != 0 || ::usleep(100000) != 0 ||\n"
            "        ::ioctl(task.terminal, TIOCSCTTY, 0) != 0) {",
            "terminal:OnlyTerminal.AProcessOfAnEarlierSessionDoesNotGetTheNextOnesTerminal"),
        one("whoever holds it up holds its leader up", LEADER, "    Leader(task.channel, task.master, program).run();",
            "    ::close(task.master);\n    Leader(task.channel, -1, program).run();",
            HELD + "AProcessThatIsStillWritingKeepsNoExecFromEnding"),
        one("who is not waited for", OWN, "bound_ms = 2000;", "bound_ms = -1;",
            HELD + "AProcessThatIsStillWritingKeepsNoExecFromEnding", HELD + "NorDoesItKeepAKilledOneFromEnding"),
        one("nor held up while the program goes on", LEADER, "closer_ = close_apart(std::exchange(master_, -1));",
            "::close(std::exchange(master_, -1));", HELD + "NorOneWhoseOwnTerminalIsGone"),
        one("nor is the relay by another size", RELAY,
            "        resizer_ = do_apart({master_}, [&] { ::ioctl(master_, TIOCSWINSZ, &size); });\n",
            "        ::ioctl(master_, TIOCSWINSZ, &size);\n", HELD + "NorAnotherSizeFromReachingTheOthers"),
        one("it ends with the session", LEADER, "    ::setsid();\n", "", TERMINAL + "IsNotRoots"),
        one("and with the relay", LEADER, "            if (!message) hang_up();\n", "            if (!message) continue;\n",
            TERMINAL + "AKilledRelayHangsTheSessionUp"),
        one("who leads it keeps nothing that it was given", LEADER, "    close_all_but({0, 1, 2, task.terminal, task.master, task.channel});\n", "",
            TERMINAL + "WhoLeadsTheSessionHasNothingThatWasGivenToIt"),
        one("one that was stopped many times stops root's job once", LEADER, "WNOHANG | (stopped_ ? 0 : WUNTRACED)",
            "WNOHANG | WUNTRACED", TERMINAL + "AnAgentThatWasStoppedManyTimesStopsTheJobOnce"),
        one("a session whose end a tracer keeps is not waited for", LEADER, "is_kept() ? tracer_ms : -1", "-1",
            TERMINAL + "AProcessThatTracesTheSessionAndKeepsItsEndHoldsNothingUp"),
        one("a session that ends by a signal has nothing of root's dumped", OWN, "    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);\n", "",
            "unit_client:EndAlike.LeavesNoDump"),
        one("nor by verify while it runs", VERIFY, " || (kept_since_ && now > *kept_since_ + std::chrono::seconds(1))",
            "", "trust_verify:HostileAgent.AProcessThatTracesItAndKeepsItsEndIsNotWaitedFor"),
        one("nor by verify when it has killed it", VERIFY, " && look < most_looks", " && look >= 0",
            "trust_verify:HostileAgent.AProcessThatTracesItAndKeepsItsEndIsNotWaitedFor"),
        one("a terminal's signal is the kernel's to send", RELAY, "            ::ioctl(master_, TIOCSIG, number);\n",
            "            ::kill(-::tcgetpgrp(master_), number);\n",
            TERMINAL + "CtrlCReachesNobodyWhoHasTheNumberOfAGroupThatEnded"),
        one("the shell gets its terminal back", RELAY, "        user_.restore();\n        sigset_t stop;\n", "        sigset_t stop;\n",
            TERMINAL + "CtrlZStopsTheJobAndFgContinuesIt"),
        one("nor another session's set or read", USERS, "front < 0 ? errno != ENOTTY : front == ::getpgrp();", "front < 0 || front == ::getpgrp();",
            TERMINAL + "AnotherSessionsKeysAreNotTheAgents"),
        one("nor one written to from the background that is not to be", RELAY, "    ::sigaddset(&of_jobs, SIGTTOU);\n", "",
            TERMINAL + "AJobInTheBackgroundIsStoppedWhereItMayNotWrite"),
        one("nor is one left where /dev/null cannot be opened", DESCRIPTORS, "nothing >= 0 ? ::dup2(nothing, descriptor) : ::close(descriptor);",
            "::dup2(nothing, descriptor);", "unit_client:Nothing.IsInTheirPlaceWhereDevNullCannotBeOpened"),
        Protection("and no other job's is set from the background", [
            Edit(USERS, "if (raw_ && is_in_foreground() && ", "if (raw_ && "),
            Edit(USERS, "raw_ = raw_ && !anew;", "(void)anew;"),
        ], ["terminal:StoppedByOthers.AJobThatIsInTheBackgroundLeavesTheTerminalAsItIs"]),
    ]  # fmt: skip


def what_is_shown() -> list[Protection]:
    types = "terminal:TerminalTypes."
    return [
        one("nor is the picker's size another user's word", "client/picker/picker_screen.cpp", "        ::unsetenv(\"LINES\");\n        ::unsetenv(\"COLUMNS\");\n", "",
            "terminal:ExecPicker.LinesAndColumnsOfTheEnvironmentAreNotTheTerminals"),
        one("no terminal type is taken from an agent's place", "client/picker/picker_screen.cpp", "    leave_out_types_of_others();\n",
            "", types + "RootTakesNoneFromAPlaceOfAnotherUsers"),
        one("nor a locale", "client/main.cpp", "    capsule::leave_out_locales_of_others();\n", "",
            types + "RootTakesNoLocaleFromAPlaceOfAnotherUsers"),
    ]  # fmt: skip


def whose_pager() -> list[Protection]:
    test = "unit_client:PagerTest.RootNeverRunsAnAgentsPager"
    return [
        one("root's pager is not looked for in PATH", PAGER, "if (uid != 0) {", "if (uid != 0 || !pager.argv.empty()) {", test),
        one("nor is it any program", PAGER, 'roots_pagers.end() ? "less" : chosen', "nullptr ? \"less\" : chosen", test),
        one("nor told anything by arguments", PAGER, "    pager.argv = {roots_choice(pager.argv.front())};\n",
            "    pager.argv.front() = roots_choice(pager.argv.front());\n", test),
        one("root's pager is told nothing by variables", PAGER, "pager.with_callers_environment = false;",
            "pager.with_callers_environment = true;", test),
    ]  # fmt: skip


def what_completion_offers() -> list[Protection]:
    return [
        one("completion offers nothing that a shell would run", "client/commands/words.cpp", "        if (is_plain(word)) text",
            "        text", "integration_cli:Cli.CompletionAsksTheDaemonForNames"),
        one("nor puts a file's name on root's line as it is", "client/commands/completion_script.cpp",
            r'"[[ $cur == *[\\$\\`]* ]] || compopt -o default"', '"COMPREPLY=($(compgen -f -- \\"$cur\\"))"',
            "terminal:CompletionAtTheTerminal.AFilesNameRunsNothing"),
        one("nor has bash look behind a variable", "client/commands/completion_script.cpp",
            r'"[[ $cur == *[\\$\\`]* ]] || compopt', '"compopt', "terminal:CompletionAtTheTerminal.NorDoesOneBehindAVariable"),
        one("a typed key is in no core file", "client/commands/auth.cpp", "    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);\n", "",
            "terminal:HiddenKey.IsInNoCoreFile"),
    ]  # fmt: skip
