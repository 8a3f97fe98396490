"""Programs that the daemon runs, the thread that works in the home, and whose paths are believed: "Of the home" and
"What root's process does with other people's paths, programs and terminals" in docs/security.md."""

from protection import Edit, Protection, one

RUN_AS = "daemon/process/run_as.cpp"
CHILD = "daemon/process/child.cpp"
KEEPER = "daemon/process/keeper.cpp"
SUBPROCESS = "daemon/process/subprocess.cpp"
INVENTORY = "daemon/home/inventory.cpp"
SCRATCH = "daemon/home/scratch_home.cpp"
WORKER = "daemon/home/worker.cpp"
JOBS = "daemon/home/jobs.cpp"
IDENTITY = "daemon/home/file_identity.cpp"
TRUSTED = "daemon/base/trusted_path.cpp"
OP = "daemon/keys/op_reader.cpp"
OP_PROGRAM = "daemon/keys/op_program.cpp"

AS_ANOTHER = "integration_exec:ExecAsAnother."
ATTACK = "trust_programs:Programs."
RUNS = "unit_process:Subprocess."
HOME = "unit_home:ScratchHome."
JOB = "unit_home:Worker."
STARTED = "trust_started:Started."
TRUST = "unit_base:TrustedPath."


def protections() -> list[Protection]:
    return who_it_becomes() + how_it_ends() + what_it_says() + its_home() + the_homes_thread() + what_is_believed()


def who_it_becomes() -> list[Protection]:
    user = "    require(::setresuid(identity.uid, identity.uid, identity.uid) == 0);\n"
    memory = ATTACK + "WhatBecomesTheAgentsUserHasNoKeyInItsMemory"
    as_that_user = AS_ANOTHER + "ProgramsOfTheDaemonRunAsThatUser"
    return [
        one("programs run as the session's user", INVENTORY, "if (!place.home.same_user) request.user",
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
            Edit(CHILD, "        ::posix_spawn_file_actions_addclosefrom_np(&files_, above_the_childs);\n", ""),
            Edit(RUN_AS, "    require(::close_range(run_as_report + 1, ~0U, 0) == 0);\n", ""),
        ], [RUNS + "KnowsNoDescriptorsOfTheDaemon"]),
        one("nor the report", RUN_AS, "    require(::fcntl(run_as_report, F_SETFD, FD_CLOEXEC) == 0);\n", "",
            RUNS + "KnowsNoDescriptorsOfTheDaemon"),
        one("a program is started without a look into /proc", CHILD, "return has_its_name ? own.path.c_str() : own_executable_in_proc;",
            "return has_its_name && false ? own.path.c_str() : own_executable_in_proc;", RUNS + "IsStartedWithoutALookForItsPartOfProc"),
        one("a program's environment is its own", RUN_AS, "    ::execve(argv[0], argv.data(), env.data());\n",
            "    texts.emplace_back(\"MORE=1\");\n    env.back() = texts.back().data();\n    env.push_back(nullptr);\n"
            "    ::execve(argv[0], argv.data(), env.data());\n",
            RUNS + "HasExactlyTheGivenEnvironment"),
        one("a program has as many files as a login", RUN_AS, "    files.rlim_cur = std::min(files.rlim_max, "
            "most_files);\n", "", RUNS + "HasNoMoreOpenFilesThanALogin"),
    ]  # fmt: skip


def how_it_ends() -> list[Protection]:
    ran_out = RUNS + "OneThatRunsIntoItsLimitIsKilledWithItsChildren"
    return [
        one("a wait that ends for another descriptor's event is begun again", CHILD,
            "while (!error && !is_ready_to_read(pidfd_.native_handle()));", "while (false);",
            "unit_process:Child.IsNotTakenAsEndedForAnEventOfADescriptorThatIsClosed"),
        one("a program has so long", SUBPROCESS, "std::make_shared<Run>(executor, request.limit)",
            "std::make_shared<Run>(executor, request.limit * 1000)", ran_out),
        one("its children have no longer", CHILD, "POSIX_SPAWN_SETSID | ", "", ran_out),
        one("nor do they stay", SUBPROCESS, "    run->child->kill_all();\n    if (in_time)", "    if (in_time)",
            ran_out),
        one("what another user's program has started ends with it", RUN_AS, "        require(keep_what_it_starts(run_as_report));\n", "",
            ATTACK + "NothingThatOneHasStartedOutlivesIt"),
        one("what loses its parent is the keeper's", KEEPER, "    if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return false;\n", "",
            ATTACK + "NothingThatOneHasStartedOutlivesIt"),
        one("until nothing is left", KEEPER, "= -end_children(); left", "= 0; left", ATTACK + "NothingThatOneHasStartedOutlivesIt"),
        one("and the log says so", KEEPER, "::write(0, &left, sizeof left)", "sizeof left", ATTACK + "NothingThatOneHasStartedOutlivesIt"),
        one("nor where it cannot see them", KEEPER, "            if (::kill(pid, SIGKILL) == 0) told(pid);", "            ::kill(pid, SIGKILL);",
            ATTACK + "NorWhereProcHidesOtherUsersProcesses"),
        Protection("they are stopped before they are killed", [
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
        one("a program says so much", SUBPROCESS, "std::min(count, limit - text.size())",
            "std::min(count, 1000 * limit - text.size())", RUNS + "OutputOverTheLimitIsCut"),
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
        one("agents see an empty home", INVENTORY, '{{"HOME", directory},', '{{"HOME", place.home.home},',
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
            Edit(SCRATCH, "S_IRWXU, AT_SYMLINK_NOFOLLOW)", "S_IRWXU, 0)")],  # this one alone takes somebody who is quick
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
            "    co_return co_await place.worker->run(std::move(make), home_job_limit, HomeWorker::inventory(place.asker));\n", "    co_return make();\n",
            ATTACK + "TheirHomeIsTheAgentsAndGoesWithThem"),
    ]  # fmt: skip


def what_it_says() -> list[Protection]:
    names = "integration_bytes:Bytes.ARepositorysFileNamesAreTold"
    return [
        Protection("no file's name makes an answer unreadable", [
            Edit("daemon/home/settings_survey.cpp", "survey_settings(place, with_bytes_escaped(path),", "survey_settings(place, path,"),
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
        one("a search in PATH ends with its time", INVENTORY, "time_is_up() ? ETIME : ", "", "unit_home:Inventory.ASearchEndsWithItsTime"),
        one("whatever they are for", JOBS, "under_way.insert(user_of(job->asker))", "under_way.insert(job->asker)",
            "unit_home:Workers.ByAnotherKindOfJobNobodyHasAnotherThread"),
        one("what status left behind keeps no session from starting", "daemon/home/worker.hpp",
            "return user | Asker{2} << 32;", "return user;", "unit_home:Workers.WhatStatusLeftBehindDoesNotKeepSessionsFromStarting"),
        one("nor that of all users", JOBS, "return kind_of(each) == kind;", "return kind_of(each) == kind || true;",
            "unit_home:Workers.WhatStatusLeftBehindDoesNotKeepSessionsFromStarting"),
        one("models wait for nobody else's jobs", "daemon/home/worker.hpp", "return user | Asker{1} << 32;",
            "return (user | Asker{1} << 32) & Asker{1} << 32;", "unit_home:Inventory.ModelsWaitForNobodyElsesJobs"),
        one("nor for what another user asked for first", INVENTORY, "auto& own = asked.lookups[place.asker];",
            "auto& own = asked.lookups[0];", "unit_home:Inventory.ModelsWaitForNobodyElsesJobs"),
        one("nor is what another's PATH made a program tell anybody else's", INVENTORY, 'return binary.key() + "\\n" + path;', "return binary.key();",
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


def what_is_believed() -> list[Protection]:
    key_file, written, given = ("unit_keys:SecretFile." + each for each in (
        "OneThatOthersCouldReplaceIsNotRead", "OneThatOthersCouldWriteToIsNotRead", "OneOfAnotherUserIsNotRead"))
    return [
        one("a path of another user's is not believed", TRUSTED,
            "if (!outside && status.st_uid != 0 && status.st_uid != ::geteuid())", "if (false)",
            TRUST + "WhatBelongsToAnotherUserIsNot"),
        one("nor what another user's file system says of its owner", TRUSTED, "if (why.empty()) return false;",
            "if (true) return false;", "integration_dead_mount:DeadMount.OfAnotherUserHasNoFileOfRoots"),
        one("nor one that has gone meanwhile", "protocol/mounts.cpp", "if (found == known_->end()) return Found{Served::not_mounted};",
            "if (found == known_->end()) return Found();", "unit_protocol:Mounts.OfAUserAreNotBelievedAndNeitherAreThoseThatHaveGone"),
        one("nor is a socket or a log there", "protocol/safe_path.cpp",
            "if (const std::string why = why_not_believed(place, trusted); !why.empty())", "if (const std::string why; !why.empty())",
            "unit_protocol:Mounts.OfAUserAreNotBelievedAndNeitherAreThoseThatHaveGone",
            "integration_dead_mount:DeadMount.OfAnotherUserHoldsNeitherSocketNorLog"),
        one("nobody is asked at a socket whose place was not looked at", "daemon/server/listener.cpp",
            "    if (auto checked = check_socket_directory(socket_directory(path)); !checked) return checked;\n    return is_live(path)",
            "    return is_live(path)", "integration_dead_mount:DeadMount.OfAnotherUserHoldsNeitherSocketNorLog"),
        one("nor is a shell in a user's home looked at", "daemon/users/users.cpp", "const bool is_looked_at = !untrusted_component(shell);",
            "const bool is_looked_at = true;", "unit_users:RunsCommands.OneBelowAnotherUsersDirectoryIsNotLookedAt"),
        one("a directory of keys is not looked at before it is trusted", "daemon/keys/directory_source.cpp",
            "    if (untrusted_component(directory)) return false;\n    const auto seen = look_at(above);\n",
            "    const auto seen = look_at(above);\n    if (untrusted_component(directory)) return false;\n",
            "unit_write_faults:ClosedDirectory.BelowAnotherUsersFileSystemNothingIsAsked"),
        one("nor a stranger's in a namespace of one user", TRUSTED, "(!last || is_of_the_system(path))", "true",
            TRUST + "InANamespaceOfOneUserAStrangersFileIsNotRoots"),
        one("nor a state directory whose place is not known", "daemon/lifecycle.cpp",
            "if (!path.empty() && path.front() != '/')", "if (path.empty() && !path.empty())",
            STARTED + "ARelativeStateDirectoryIsRefused"),
        one("nor one that everybody can write to", TRUSTED, "if ((status.st_mode & S_IWOTH) != 0)", "if (false)",
            TRUST + "TheFirstThatOthersCanWriteToIsNamed", "unit_op_reader:Op.OneThatOthersCouldReplaceIsNotRun"),
        one("nor one that its group can write to", TRUSTED, "if ((status.st_mode & S_IWGRP) != 0 &&", "if (false &&",
            TRUST + "WhatBelongsToAnotherUserIsNot"),
        one("nor a link to one", TRUSTED, "        rest_.splice(rest_.begin(), parts_of(target));\n",
            "        rest_.clear();\n", TRUST + "WhatALinkLeadsToCounts"),
        one("nor what others could make there", TRUSTED, "if (const std::string who = who_else_can_make(directory); !who.empty())",
            "if (const std::string who; !who.empty())", TRUST + "WhatIsMissingInAStickyDirectoryIsAnybodysToMake",
            "unit_keys:SecretFile.OneThatOthersCouldMakeIsNotLookedFor"),
        one("nor what could not be looked at", TRUSTED, "    if (!found.untrusted && std::ranges::find(", "    if (false && std::ranges::find(",
            TRUST + "WhereNothingCanBeLookedAtNothingIsTrusted"),
        one("nor of a directory of root's programs", "protocol/safe_path.cpp",
            "if (!place && errno == ENOENT) return reason_against_making(above, here);",
            "if (!place && errno == ENOENT) return std::nullopt;",
            "unit_protocol:SafePath.WhatOthersCouldMakeThereIsNot"),
        one("nor for what another program's home takes", "daemon/handlers/status.cpp", "path, generation->inventory_worker, caller.uid}",
            "path, generation->worker, caller.uid}", "integration_dead_mount:DeadMount.WhatRunsAnAgentsProgramHoldsUpNoSession"),
        one("nobody waits for the removal of a program's home", "daemon/home/inventory.cpp",
            "    asio::co_spawn(executor_, remove_home(place, *directory, homes_), asio::detached);",
            "    co_await remove_home(place, *directory, homes_);",
            "unit_home:Inventory.ModelsDoNotWaitForTheRemovalOfTheProgramsHome"),
        one("and in the password file alone", "daemon/users/users.cpp", "    std::string name = std::to_string(uid);\n",
            "    const auto known_by = find_user(uid);\n    std::string name = known_by ? known_by->user.name : std::to_string(uid);\n"
            "    return name;\n", "unit_users:UserName.IsThatOfThePasswordFileAlone"),
        one("whoever is refused is looked up once", "daemon/users/users.cpp",
            "    if (const auto known = names.find(uid); known != names.end()) return known->second;\n", "",
            "unit_users:UserName.IsLookedUpOnce"),
        one("nor one that is mounted read-only here", TRUSTED,
            "        if (!why.empty())\n            found_.untrusted = UntrustedPath{at_.empty()",
            "        if (!why.empty() && !is_mounted_read_only(mounted))\n            found_.untrusted = UntrustedPath{at_.empty()",
            TRUST + "WhatIsMountedReadOnlyIsItsOwnersToChangeAllTheSame", "ctest:sessions:mounts"),
        one("what is missing on a read-only mount is missing only for who opens it", TRUSTED,
            "purpose_ == For::descriptor && is_mounted_read_only(here_)", "is_mounted_read_only(here_)",
            TRUST + "WhatIsMissingOnAReadOnlyMountIsMissingForWhoOpensIt"),
        one("where another user's link leads is not looked at", "daemon/keys/secret_file.cpp",
            "        if (found.error != 0) return false;\n        about = found.status;\n",
            "        if (::stat(path.c_str(), &about) != 0) return false;\n",
            "unit_keys:SecretFile.WhereAnotherUsersLinkLeadsIsNotLookedAt"),
        one("a configuration that others could change is not read", "daemon/load/config_files.cpp",
            "    if (::geteuid() != 0) return open_anybodys(path, kind);\n", "    return open_anybodys(path, kind);\n",
            "unit_config:ConfigFiles.OneThatAnotherUserCouldChangeIsRefused"),
        one("keys that others could change are not read", "daemon/keys/stored_keys.cpp",
            "    if (auto trusted = check_state_place(path, not_touched); !trusted) return trusted.error();\n", "",
            "unit_keys:StoredKeys.AreNotKeptWhereAnotherUserCouldChangeThem"),
        one("nor stored there", "daemon/keys/stored_keys.cpp",
            "    if (auto trusted = check_state_place(path_, not_touched); !trusted) return trusted;\n", "",
            "unit_keys:StoredKeys.AreNotKeptWhereAnotherUserCouldChangeThem"),
        one("the log is not opened where others can write", "daemon/log/log_sink.cpp", "    check_place(path_);\n", "",
            "trust_log:DaemonsLog.IsNotOpenedWhereAnotherUserCouldHavePutSomething"),
        one("an op that others could replace is not run", OP_PROGRAM,
            "        if (const auto problem = untrusted_component(*configured)) return untrusted(*configured, *problem);\n",
            "", "unit_op_reader:Op.OneThatOthersCouldReplaceIsNotRun"),
        one("op has no other PATH", OP, 'request.env.emplace("PATH", trusted_directories);',
            'request.env.emplace("PATH", "/nowhere");', "unit_op_reader:Op.HasAPathOfRootsDirectories"),
        one("op sees no other secret", OP, '        if (!name.starts_with("OP_")) continue;\n', "",
            "unit_op_reader:Op.GetsItsOwnVariablesOnly"),
        one("op has no home of another user's", OP_PROGRAM,
            'is_ops_to_use(home + "/.config/op") && is_ops_to_use(home + "/.op")', "home.starts_with('/')",
            "unit_op_reader:Op.HasAHomeThatNobodyElseCanChangeOrNone"),
        one("nor one in which others could make its directories", OP_PROGRAM,
            'is_ops_to_use(home + "/.config/op") && is_ops_to_use(home + "/.op")', "is_ops_to_use(home)",
            "unit_op_reader:Op.HasNoHomeInWhichOthersCouldMakeItsDirectories"),
        one("nor a directory for its settings that is another user's", OP,
            '        if (name == "OP_CONFIG_DIR" && !is_ops_to_use(std::string(value.reveal()))) continue;\n', "",
            "unit_op_reader:Op.HasNoConfigDirectoryThatOthersCouldChange"),
        one("op's message is redacted", OP, "redact(said, secrets)", "said",
            "unit_op_reader:Op.FailsWithOpsOwnMessageRedacted"),
        one("a key file that others could replace is not read", "daemon/keys/secret_file.cpp",
            "open_trusted(path, S_IFREG)", "open_anybodys(path, S_IFREG)", key_file, written, given),
        one("nor one of another user", "daemon/keys/secret_file.cpp",
            "    const FoundFile found = open_trusted(path, S_IFREG);\n",
            "    FoundFile found = open_anybodys(path, S_IFREG);\n"
            "    found.untrusted = untrusted_component(path.substr(0, path.rfind('/')));\n", written, given,
            "ctest:sessions:lives"),
    ]  # fmt: skip
