"""Programs that the daemon runs, and the threads that work in the home: "Of the home" and "What root's process does with
other people's paths, programs and terminals" in docs/security.md."""

from protection import Edit, Protection, one

RUN_AS = "daemon/process/run_as.cpp"
CHILD = "daemon/process/child.cpp"
KEEPER = "daemon/process/keeper.cpp"
SUBPROCESS = "daemon/process/subprocess.cpp"
SENT = "daemon/process/sent_descriptors.cpp"
INVENTORY = "daemon/home/inventory.cpp"
LOOK = "daemon/home/look_request.cpp"
AT_HOME = "daemon/handlers/session_at_home.cpp"
SCRATCH = "daemon/home/scratch_home.cpp"
WORKER = "daemon/home/worker.cpp"
JOBS = "daemon/home/jobs.cpp"
IDENTITY = "daemon/home/file_identity.cpp"
OP = "daemon/keys/op_reader.cpp"

AS_ANOTHER = "integration_exec:ExecAsAnother."
ATTACK = "trust_programs:Programs."
WHOSE = "trust_programs:WhosePath."
RUNS = "unit_process:Subprocess."
ANOTHERS = "unit_process:AnothersProgram."
LEAVES = ANOTHERS + "HasEndedThoughWhatItLeavesHasNotYetAndLeavesNotTooMuch"
WITHOUT_A_LOOK = " || end_without_a_look(program, ended)"
HOME = "unit_home:ScratchHome."
JOB = "unit_home:Worker."
STARTED = "trust_started:Started."


def protections() -> list[Protection]:
    return who_it_becomes() + where_it_is_found() + how_it_ends() + what_it_says() + its_home() + the_homes_thread()


def who_it_becomes() -> list[Protection]:
    user = "    require(::setresuid(identity.uid, identity.uid, identity.uid) == 0);\n"
    memory = ATTACK + "WhatBecomesTheAgentsUserHasNoKeyInItsMemory"
    as_that_user = AS_ANOTHER + "ProgramsOfTheDaemonRunAsThatUser"
    return [
        one("a signal to the daemon reaches a thread that can tell of it", "daemon/home/own_files.cpp", "    leave_signals_to_others();\n    if", "    if",
            "unit_home:Worker.AThreadTakesNoSignalButTheOneForIt"),
        one("what a home's thread has open is its own", "daemon/home/own_files.cpp",
            "return ::close_range(static_cast<unsigned int>(last) + 1,", "return last < 0 && ::close_range(static_cast<unsigned int>(last) + 1,",
            "unit_home:Worker.WhatAJobHasOpenNoOtherThreadHas"),
        one("and it keeps nothing of the daemon's", "daemon/home/own_files.cpp", "static_cast<unsigned int>(kept) - 1, 0);",
            "static_cast<unsigned int>(first_of_others) - 1, 0);",
            "unit_home:WorkerWithFilesOfItsOwn.KeepsNothingOpenThatTheDaemonCloses",
            "unit_home:ThreadStart.LooksNothingUpToHaveFilesOfItsOwn"),
        one("nobody waits until such a thread has started", WORKER, "    prepare_interruptions();\n    start_missing_threads();\n",
            "    prepare_interruptions();\n    start_missing_threads();\n    shared_->why_none_serves();\n",
            "unit_home:ThreadStart.IsWaitedForByNobodyButItsOwnJobs"),
        one("nor are there more and more where none can serve", WORKER, "left > 0 && shared_->may_start(threads_)",
            "shared_->may_start(threads_)", "unit_home:ThreadStart.OfThoseWithoutTheIdentityAreNotMany"),
        one("one without the identity runs no job", WORKER, "            shared->forget_started(std::current_exception());\n            return;\n",
            "", "unit_home:ThreadStart.OfOneWithoutTheIdentityRunsNoJob"),
        one("programs run as the session's user", LOOK, "if (!place.home.same_user) request.user",
            "if (!place.home.same_user && false) request.user", as_that_user),
        one("a program has that user's groups", RUN_AS,
            "    require(::setgroups(groups.size(), groups.data()) == 0);\n", "", as_that_user),
        one("a program has that user's group for good", RUN_AS,
            "    require(::setresgid(identity.gid, identity.gid, identity.gid) == 0);\n", "", as_that_user),
        one("a program is that user for good", RUN_AS, user, user.replace("setresuid(identity.uid, identity.uid, "
            "identity.uid)", "seteuid(identity.uid)"), as_that_user),
        one("a program has not the keyring of root's login", RUN_AS, "    leave_session_keyring();\n", "",
            "trust_inherited:Inherited.NobodyHasTheKeyringOfRootsLogin"),
        one("a program's bounding set is empty", RUN_AS, "    give_up_capabilities();\n", "", memory),
        Protection("a program gets the helper's descriptors and no others", [
            Edit(CHILD, "    done = done && ::close_range(above_the_childs + 1, ~0U, 0) == 0;\n", ""),
            Edit(RUN_AS, "    require(::close_range(run_as_report + 1, ~0U, 0) == 0);\n", ""),
        ], [RUNS + "KnowsNoDescriptorsOfTheDaemon"]),
        one("nor the report", RUN_AS, "    require(::fcntl(run_as_report, F_SETFD, FD_CLOEXEC) == 0);\n", "",
            RUNS + "KnowsNoDescriptorsOfTheDaemon"),
        one("a program is started without a look into /proc", CHILD, '::syscall(SYS_execveat, above_the_childs, "", argv, &no_variables, AT_EMPTY_PATH);',
            '::execve("/proc/self/exe", argv, &no_variables);', RUNS + "IsStartedWithoutALookForItsPartOfProc",
            RUNS + "IsStartedThoughTheDaemonsFileIsGone"),
        one("a program's environment is its own", RUN_AS, "    ::execve(argv[0], argv.data(), env.data());\n",
            "    texts.emplace_back(\"MORE=1\");\n    env.back() = texts.back().data();\n    env.push_back(nullptr);\n"
            "    ::execve(argv[0], argv.data(), env.data());\n",
            RUNS + "HasExactlyTheGivenEnvironment"),
        one("a program has as many files as a login", RUN_AS, "    files.rlim_cur = std::min(files.rlim_max, "
            "most_files);\n", "", RUNS + "HasNoMoreOpenFilesThanALogin"),
    ]  # fmt: skip


def where_it_is_found() -> list[Protection]:
    as_agent, as_root = WHOSE + "OfAnotherUserRunsNothingAsTheSessionsUser", WHOSE + "LeadsRootToNothingThatAnotherUserCanChange"
    by_config, unit = WHOSE + "OfTheConfigurationLeadsRootToNothingElse", "unit_home:Inventory.RootRunsNothingThatOthersCanChange"
    installed = WHOSE + "OfAnotherUserIsNotThatOfTheInstalledProgram"
    return [
        one("who may only ask for sessions does not choose what runs", "daemon/handlers/session_pipeline.cpp",
            "return asker == 0 || asker == home.user.uid;", "return asker != home.user.uid + 1;", as_agent, installed,
            WHOSE + "OfAnotherUserRunsNothingAsRoot", WHOSE + "OfAnotherUserRunsNothingAsADaemonsOwnUser"),
        one("one of that user's subordinate uids is not that user", "daemon/handlers/session_pipeline.cpp",
            "chooses_programs(caller.uid,", "chooses_programs(asker,", "ctest:sessions:subuids"),
        one("and gets another program's list as little", AT_HOME, "!own || own->identity != binary->identity", "!own", as_agent),
        one("the installed one has the daemon's PATH", AT_HOME, "        binary = std::move(own);\n", "", installed),
        one("root runs no program that another user can change", INVENTORY,
            "            if (auto may = check_root_may_run(binary.path); !may) return may.error();\n", "", as_root, by_config, unit),
        one("nor one with a PATH that another user can change", INVENTORY,
            "            path = entries_that_only_root_changes(path);\n", "", as_root, unit),
        one("nor one to which others can add", INVENTORY, " || untrusted_directory(entry)", " || untrusted_component(entry)",
            WHOSE + "LeadsRootToNothingInADirectoryOfEverybodys"),
    ]  # fmt: skip


def how_it_ends() -> list[Protection]:
    ran_out = RUNS + "OneThatRunsIntoItsLimitIsKilledWithItsChildren"
    return [
        one("a wait that ends for another descriptor's event is begun again", CHILD,
            "while (!error && !is_ready_to_read(pidfd_.native_handle()));", "while (false);",
            "unit_process:Child.IsNotTakenAsEndedForAnEventOfADescriptorThatIsClosed"),
        one("a program has so long", SUBPROCESS, "timer(executor, request.limit)",
            "timer(executor, request.limit * 1000)", ran_out),
        one("its children have no longer", CHILD, "::setsid() > 0", "true", ran_out),
        one("nor do they stay", SUBPROCESS, "    run->child->kill_all();\n    run->timer.expires_after", "    run->timer.expires_after",
            ran_out),
        one("what another user's program has started ends with it", RUN_AS, "        require(keep_what_it_starts(run_as_report));\n", "",
            ATTACK + "NothingThatOneHasStartedOutlivesIt"),
        one("what loses its parent is the keeper's", KEEPER, "    if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return false;\n", "",
            ATTACK + "NothingThatOneHasStartedOutlivesIt"),
        one("until nothing is left", KEEPER, "left = end_children(program); left > 0", "left = 0; left > 0", ATTACK + "NothingThatOneHasStartedOutlivesIt"),
        one("who asked does not wait for that", SUBPROCESS, "bool is_open = run->is_kept;", "bool is_open = false;", LEAVES),
        one("whoever keeps /proc busy keeps nothing from being ended", KEEPER, WITHOUT_A_LOOK, "",
            ANOTHERS + "WhatItLeavesIsEndedThoughProcIsBusy"),
        one("what one user's programs have left is not too much", SUBPROCESS, "count->second >= most_left_of_an_asker", "count->second >= 1000",
            LEAVES),
        one("and has no descriptor that it does not need", SUBPROCESS, "        out.reset();\n        err.reset();\n", "", LEAVES),
        one("and the log says so", KEEPER, "tell(RunReport::What::killed, left)", "static_cast<void>(left)", ATTACK + "NothingThatOneHasStartedOutlivesIt"),
        Protection("nor where it cannot see them", [
            Edit(KEEPER, WITHOUT_A_LOOK, ""),  # this one alone finds them, too
            Edit(KEEPER, "            if (::kill(pid, SIGKILL) == 0) told(pid);", "            ::kill(pid, SIGKILL);")],
            [ATTACK + "NorWhereProcHidesOtherUsersProcesses"]),
        Protection("they are stopped before they are killed", [
            Edit(KEEPER, WITHOUT_A_LOOK, ""),
            Edit(KEEPER, "is_new = send(pid, SIGSTOP, tree) || is_new;", "is_new = false;"),
            Edit(KEEPER, "if (::kill(pid, SIGKILL) == 0) told(pid);", "(void)pid;")],  # this one alone ends a bomb, too
            [ATTACK + "ABombOfProcessesEndsWithIt"]),
        Protection("a keeper ends, whoever traces what it keeps", [
            Edit(KEEPER, "if (state == 'Z' || state == 'X') return 0;", "(void)state;"),
            Edit(KEEPER, "now.tv_sec < end;", "true;")],  # by itself this one has it end after five seconds
            [ATTACK + "OneThatIsTracedDoesNotHoldItsKeeper"]),
        one("at its limit, too", CHILD, "        signal_child(pid_, keeper_ends_with);", "        signal_child(pid_, SIGKILL);",
            ATTACK + "NorItsLimit"),
        one("who has left its group is not waited for", SUBPROCESS, "        if (!error) run->stop_reading();\n", "",
            RUNS + "OneThatHasLeftTheGroupAndKeepsThePipeOpenIsNotWaitedFor"),
        Protection("nobody waits for the memory that another user's program writes from", [
            Edit(CHILD, "        is_socket ? ::socketpair", "        is_socket && false ? ::socketpair"),
            Edit(SUBPROCESS, "        if (is_socket) return", "        if (is_socket && false) return")],
            [ANOTHERS + "ThatWritesWhatNeverComesHoldsNobodyUp"]),
        Protection("no descriptor of a program's ends on the daemon's thread", [
            Edit(CHILD, "    return take_no_descriptors(socket);", "    return true;"),
            Edit(SENT, "(look.msg_flags & MSG_CTRUNC) != 0", "false")],
            [ANOTHERS + "ThatSendsDescriptorsHoldsNobodyUp"]),
        one("a program says so much", SUBPROCESS, "std::min(count, output->limit - output->text.size())",
            "std::min(count, 1000 * output->limit - output->text.size())", RUNS + "OutputOverTheLimitIsCut"),
        one("the kernel reaps none of them, whoever has started the daemon", "daemon/main.cpp",
            "    capsule::take_own_signals();\n", "", STARTED + "WithSigchldIgnoredTheDaemonSeesItsProgramsEnd",
            STARTED + "WithAllSignalsBlockedTheDaemonReloadsAndEnds"),
        one("what is reaped is not signalled by its number", "protocol/own_signals.cpp",
            "WEXITED | WNOHANG | WNOWAIT) != 0) return false;", "WEXITED | WNOHANG | WNOWAIT) > 0) return false;",
            "unit_protocol:OwnSignals.AChildIsSignalledUntilItIsReaped", "unit_protocol:OwnSignals.OneThatTheKernelHasReapedIsNot"),
        one("op has 10 s", OP, "op_limit{10}", "op_limit{1000}",
            "integration_key_sources:KeySources.OpThatNeverAnswersIsCutOffWhileOthersAreServed"),
    ]  # fmt: skip


def its_home() -> list[Protection]:
    return [
        one("what is left running is told of whoever asked", LOOK, '{"asked_by", std::int64_t{asker}}', '{"asked_by", std::int64_t{user}}',
            "trust_programs:Programs.NothingThatOneHasStartedOutlivesIt"),
        one("what a program told one user is not another's", "daemon/home/inventory.hpp", ' + "\\n" + std::to_string(user); }', "; }",
            "unit_home:Inventory.WhatAProgramToldOneUserIsNotKnownForAnother"),
        one("agents see an empty home", LOOK, '{{"HOME", directory},', '{{"HOME", place.home.home},',
            "unit_home:Inventory.ProgramsSeeAnEmptyHomeAndNoSecret"),
        one("nothing is written through what is planted there", SCRATCH, "O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW",
            "O_WRONLY | O_CREAT", HOME + "NothingIsWrittenThroughWhatWasPlanted"),
        one("nor into another home", SCRATCH, "open_path(home, LastLink::itself,", "open_path(home, LastLink::followed,",
            HOME + "NothingIsWrittenThroughWhatWasPlanted"),
        one("a home that grew is left to its owner", SCRATCH, "if (--left_ < 0) return", "if (--left_ < 0 && false) return",
            HOME + "WhoMovesMoreIntoItKeepsIt", ATTACK + "WhatIsMovedIntoTheirHomeHoldsNobodyUp"),
        one("or takes too long", SCRATCH, "if (time_is_up()) return", "if (false) return", HOME + "NoLongerThanThereIsTimeFor"),
        one("a directory that its owner closed is removed with it", SCRATCH, "!directory && errno == EACCES && ", "false && ",
            HOME + "GoesWhateverRightsItsOwnerHasTakenFromIt", ATTACK + "NoModeOfADirectoryKeepsTheirHome"),
        one("and one that nobody writes to", SCRATCH, "        ::fchmod(directory.get(), S_IRWXU);", "        static_cast<void>(0);",
            HOME + "GoesWhateverRightsItsOwnerHasTakenFromIt"),
        Protection("by no link is the mode of anything else changed", [
            Edit(SCRATCH, "O_RDONLY | O_DIRECTORY | O_NOFOLLOW |", "O_RDONLY | O_DIRECTORY |"),
            Edit(SCRATCH, "O_PATH | O_DIRECTORY | O_NOFOLLOW |", "O_PATH | O_DIRECTORY |")],  # this one alone takes somebody who is quick
            [HOME + "NobodyElsesModeIsChangedForIt"]),
        one("what stays of a home is told", INVENTORY, "[directory] { return remove_scratch_home(directory); };",
            "[directory]() -> Result<void> {\n        static_cast<void>(remove_scratch_home(directory));\n        return {};\n    };",
            ATTACK + "WhatIsMovedIntoTheirHomeHoldsNobodyUp"),
        one("no home stays behind with a daemon that is stopped", "daemon/lifecycle.cpp",
            "    co_await services.inventory.finish(began + homes_limit);\n", "",
            "integration_lifecycle:Lifecycle.ALookForAVersionLeavesNothingBehindWhenItIsStopped"),
        one("nor does one keep it from ending", INVENTORY, "homes_.use_count() > 1 && std::chrono::steady_clock::now() < until",
            "homes_.use_count() > 1", "unit_home:Inventory.WhoStopsWaitsForItsHomesAndNoLongerThanTheLimit"),
        one("one binary is asked for its version at a time", INVENTORY,
            "    not_before_[agent] = Clock::time_point::max();  // until this one has ended\n", "",
            "unit_home:Inventory.OneBinaryIsAskedForItsVersionAtATime"),
        one("and none soon after one that did not tell", INVENTORY,
            "    if (told == Told::problem) next += version_pause;\n", "",
            "unit_home:Inventory.AfterOneThatDoesNotTellNoneIsAskedForAWhile"),
        one("nor after one that was killed", INVENTORY, "    if (told == Told::nothing) next += version_again_;\n", "",
            "unit_home:Inventory.OneThatABusyMachineKeptFromTellingIsNotAskedAgainAtOnce"),
        one("a link in the home is asked for with the session user's identity", "daemon/write/apply.cpp",
            "problem = look_up(path, status)", "problem = ::access(path.c_str(), F_OK) == 0 ? look_up(path, status) * 0 : errno",
            ATTACK + "ALinkInTheHomeDoesNotTellWhatIsInADirectoryOfRoots"),
        one("Codex's home is made, used and removed as the session's user", INVENTORY,
            "    co_return co_await place.worker->run(std::move(make), home_job_limit, place.asker);\n", "    co_return make();\n",
            ATTACK + "TheirHomeIsTheAgentsAndGoesWithThem"),
    ]  # fmt: skip


def what_it_says() -> list[Protection]:
    names = "integration_bytes:Bytes.ARepositorysFileNamesAreTold"
    return [
        Protection("no file's name makes an answer unreadable", [
            Edit("daemon/home/settings_survey.cpp", "survey_settings(place, shown_path(path),", "survey_settings(place, path,"),
            Edit("daemon/server/method_table.cpp", "    escape_bytes(answer);\n", "    static_cast<void>(escape_bytes);\n")],
            [names]),
        one("an error may quote a file's name", "protocol/json_rpc.cpp",
            "    return with_bytes_escaped(json::serialize(object), escaped_backslash);\n", "    return json::serialize(object);\n",
            "unit_protocol:Answers.WhatQuotesAFilesNameIsJson"),
        one("a version is readable text", "daemon/home/program_output.cpp", "return readable_text(text.substr(at, end - at), most_version);",
            "return std::string(text.substr(at, std::min(end - at, most_version)));",
            "integration_bytes:Bytes.AVersionKeepsNobodyFromTheStatus"),
    ]  # fmt: skip


def the_homes_thread() -> list[Protection]:
    back = JOB + "ACallThatWaitsIsInterruptedAtTheLimitAndTheThreadGoesOn"
    behind = JOB + "AThreadThatDoesNotComeBackIsLeftBehindAndAnotherGoesOn"
    return [
        one("files with the session user's identity", WORKER, "if (!same_user) take_file_identity(user);",
            "if (!same_user && user.uid == 0) take_file_identity(user);",
            AS_ANOTHER + "APlantedLinkGivesNobodyAnything", AS_ANOTHER + "TheSessionIsThatUsers"),
        one("and none of root's capabilities, whatever the securebits say", IDENTITY,
            "good && user.uid != 0 && !give_up_own_capabilities(Given::for_now)", "false",
            STARTED + "SecurebitsLeaveNobodyRootsCapabilities"),
        one("nor one that could be inherited", "protocol/capabilities.cpp", "set.permitted = set.inheritable = 0;", "set.permitted = 0;",
            STARTED + "ALaunchersInheritableCapabilitiesAreNobodysElse"),
        one("nor has a program any before it is executed", RUN_AS,
            "    require(identity.uid == 0 || give_up_own_capabilities(Given::for_good));\n", "",
            STARTED + "SecurebitsLeaveNoneToWhatBecomesTheAgentsUser"),
        one("nor has the broker", "daemon/broker/confine.cpp",
            "    require(uid == 0 || give_up_own_capabilities(Given::for_good), \"the capabilities of root\");\n", "",
            STARTED + "NorToTheBroker"),
        one("the broker cannot read root's terminal", "daemon/sessions/broker_program.cpp", "    if (messages) ::posix_spawn",
            "    if (messages.get() == -2) ::posix_spawn", STARTED + "OnATerminalTheBrokerHasItToWriteToAlone"),
        one("with none of the daemon's groups", IDENTITY, "::syscall(SYS_setgroups, groups.size(), groups.data()) == 0",
            "true", AS_ANOTHER + "TheDaemonsOwnGroupsOpenNothing"),
        one("the stack of the home's thread", JOBS, "        wipe_stack();\n", "",
            "trust_process:Canary.AKeyThatIsUnsetIsNowhereInTheProcess"),
        one("a call in the home that waits is interrupted", JOBS,
            "job.seat && ::pthread_kill(job.seat->thread, interrupting_signal()) == 0", "job.seat != nullptr",
            back),
        one("one that does not end is left behind", WORKER, "    if (!waiter->finished) leave_thread(job);\n", "",
            behind),
        one("two of each asker", JOBS, "stuck.count(asker) >= most_stuck_of_an_asker ||\n", "", behind),
        one("of those that wait, too", JOBS, "    if (has_too_many_stuck(asker)) return false;\n", "",
            "unit_home:Workers.OfOneAskersJobsTwoAreLeftBehindAtMost"),
        one("an asker's jobs hold up no other", JOBS, "!under_way.contains(user_of(asker)) && ", "", "unit_home:Workers.OneAskersJobsHoldUpNoOther"),
        one("nor all others together root", JOBS, "under_way.size() - of_root < most_of_others", "true",
            "unit_home:Workers.AllOthersTogetherDoNotHoldUpRoot"),
        one("a search in PATH ends with its time", "daemon/home/find_binary.cpp", "time_is_up() ? ETIME : ", "", "unit_home:Inventory.ASearchEndsWithItsTime"),
        one("whatever they are for", JOBS, "under_way.insert(user_of(job->asker))", "under_way.insert(job->asker)",
            "unit_home:Workers.ByAnotherKindOfJobNobodyHasAnotherThread"),
        one("what status left behind keeps no session from starting", "daemon/home/worker.hpp",
            "return user | Asker{1} << 32;", "return user;", "unit_home:Workers.WhatStatusLeftBehindDoesNotKeepSessionsFromStarting"),
        one("nor that of all users", JOBS, "return kind_of(each) == kind;", "return kind_of(each) == kind || true;",
            "unit_home:Workers.WhatStatusLeftBehindDoesNotKeepSessionsFromStarting"),
        one("models wait for nobody else's jobs", INVENTORY, "std::move(read), home_job_limit, place.asker);",
            "std::move(read), home_job_limit, HomeWorker::Asker{2});", "unit_home:Inventory.ModelsWaitForNobodyElsesJobs"),
        one("nor for what another user asked for first", INVENTORY, "auto& own = asked.lookups[place.asker];",
            "auto& own = asked.lookups[0];", "unit_home:Inventory.ModelsWaitForNobodyElsesJobs"),
        one("nor is what another's PATH made a program tell anybody else's", INVENTORY, 'return binary.key() + "\\n" + binary.path_variable;', "return binary.key();",
            "unit_home:Inventory.WhatAProgramToldWithOnePathIsNotKnownForAnother"),
        one("who has many binaries makes nobody else's forgotten", "daemon/home/asked_models.cpp",
            "    if (oldest->second.askers.empty()) {\n", "    {\n",
            "unit_home:Inventory.WhoHasManyBinariesMakesNobodyElsesForgotten"),
        one("nobody forgets what it still has looked up", "daemon/home/asked_models.cpp",
            " || each->second.is_looked_up_by(asker)", "", "unit_home:ModelsAskedFor.WhatIsBeingLookedUpIsNotForgotten"),
        one("no list of models is remembered that nobody has asked for", "daemon/home/asked_models.cpp",
            "by_binary_.find(key);\n", "by_binary_.try_emplace(key).first;\n", "unit_home:ModelsAskedFor.AnAnswerBringsNothingBack"),
        one("no long list of models is remembered", "daemon/agents/codex/models.cpp", "if (size_of(out) > longest_list)", "if (false)",
            "unit_agents:CodexModels.ALongListIsNotUnderstood"),
        one("but not many", JOBS, " ||\n           static_cast<std::size_t>(std::ranges::count_if(stuck, same_kind)) >= most;", ";",
            JOB + "ThoseThatAreLeftBehindAreNotMoreThanAFew"),
        one("where there was no thread to have, the next job asks again", WORKER,
            "    try {\n        start_missing_threads();\n    } catch (const Failure&", "    try {\n    } catch (const Failure&",
            "unit_home:WorkerWithoutAThread.HasOneAgainWhenThereIsOneToHave"),
        one("who waits behind it has a limit too", WORKER,
            "    if (!waiter->finished && shared->take_back(job)) co_return too_late();\n", "",
            JOB + "WhoWaitsBehindAnotherIsAnsweredAtItsOwnLimit"),
    ]  # fmt: skip
