"""Root's capsulectl: whom it believes, and what another user's session gets of it."""

from protection import Edit, Protection, one

TRUSTED = "protocol/trusted_server.cpp"
CLIENT = "client/client.cpp"
BECOME = "client/commands/become.cpp"
VERIFY = "client/verify/start.cpp"
EXEC = "client/commands/exec.cpp"
DESCRIPTORS = "client/terminal/descriptors.cpp"

SERVER = "trust_client:UntrustedServer."
SESSION = "integration_exec:SessionOfAnother."
ATTACK = "trust_programs:Programs."
TERMINAL = "terminal:OwnTerminal."
INHERITED = "trust_inherited:Inherited"
STARTED = "trust_started:Started."
BY_VERIFY = "trust_inherited:InheritedByVerify."
OTHER = "client/verify/other_user.cpp"


def protections() -> list[Protection]:
    return whom_it_believes() + what_comes_along()


def whom_it_believes() -> list[Protection]:
    return [
        one("the guide's launcher keeps root's session keyring", "docs/guides/launchers.md",
            "        ctypes.CDLL(None).syscall(keyctl, 1, None)  #", "        #", "ctest:sessions:watching"),
        one("root runs nothing that a server of another user says", CLIENT, "if (::geteuid() == 0 && server_uid() != 0) return not_for_root",
            "if (false) return not_for_root", SERVER + "RootNeitherRunsNorBecomesWhatItSays", SERVER + "RootGivesItNoKey"),
        one("nor what is said at a socket that root made for that user", CLIENT,
            "if (auto done = allowed(); !done || connection_->server().is_known()) return done;", "return allowed();",
            SERVER + "IsWhoeverAnswersAndNotWhoMadeTheSocket"),
        one("who answers must be as trusted as who listens", TRUSTED,
            "!trusted && !is_in_roots_place(path_)) return", "false) return",
            SERVER + "IsWhoeverAnswersAndNotWhoMadeTheSocket", "ctest:sessions:remote_others"),
        one("and the kernel must say who that is", CLIENT, "if (answer->outcome && !connection_->server().is_known())", "if (false)",
            SERVER + "IsNotBelievedWhereItIsNobody"),
        one("nobody answers for who answered before", TRUSTED, "if (uid_ != 0 || known_)", "if (false)",
            "unit_protocol:AnsweringServer.IsTheSameFromItsFirstAnswerOn"),
        one("no descriptor comes with an answer", "protocol/message_sender.cpp",
            "    if ((message.msg_flags & MSG_CTRUNC) != 0) return {0, EPERM, outsider};\n", "",
            "unit_protocol:MessageSender.DescriptorsAreNotTaken"),
        one("a passed socket is the daemon's own to those who ask the kernel", "daemon/server/listener.cpp",
            "    ::listen(descriptor, queued_connections);\n    ListeningSocket socket;", "    ListeningSocket socket;",
            "integration_systemd:Activated.TheFirstConnectionStartsItAndIsAnswered"),
        one("verify writes to no file of the user's", "client/verify/moved_homes.cpp", "    return std::nullopt;\n", "    return std::string(path);\n",
            "unit_client:MovedHomes.OneThatIsElsewhereHasNoPlaceThere"),
        one("wherever that is", "client/verify/moved_homes.cpp", "        add(variable, place);\n", "        static_cast<void>(variable), static_cast<void>(place);\n",
            "trust_verify:HostileAgent.NoFileOfTheUsersIsWrittenToWhereverItIs"),
        one("who listens must own the socket's directory", TRUSTED, " || status.st_uid != server)", ")",
            SERVER + "IsSentNothingWhereItIsNotTheDirectorysOwner"),
        one("and nobody else may change it", TRUSTED,
            "if (const auto unsafe = who_else_can_change(directory, {server, ::geteuid()}))",
            "if (const auto unsafe = who_else_can_change(\"/\", {}))",
            SERVER + "IsSentNothingWhereOthersCouldHavePutItThere"),
        one("notifications do not fill its memory", CLIENT,
            "notified > most_notified_bytes || notifications_.size() >= most_notifications", "false",
            "unit_client:Client.TakesOnlySoManyNotificationsBeforeAnAnswer"),
        one("an answer's wait is a whole line's", "client/connection.cpp",
            "socket_->wait(std::chrono::ceil<std::chrono::milliseconds>(\n"
            "            std::max(end - std::chrono::steady_clock::now(), std::chrono::steady_clock::duration(0))));",
            "socket_->wait(limit);", "unit_client:Client.DoesNotWaitForeverForAnAnswerThatComesByteByByte"),
        one("no heading commands a terminal", "client/output.cpp", "        title = printable(title);\n",
            "        static_cast<void>(title);\n", "unit_client:Table.LetsNoCellCommandTheTerminal"),
        one("nor does a paragraph", "client/output.cpp", "wrapped(printable(text), style.width, 0)", "wrapped(text, style.width, 0)",
            "unit_client:Paragraph.LetsNoTextCommandTheTerminal"),
        one("nor the picker's title", "client/picker/picker_list.cpp", "    page_.title = printable(page_.title);\n", "",
            "unit_client:PickerList.LetsNoTitleTurnText"),
        Protection("verify reads no file that an agent can replace", [
            Edit(VERIFY, "const int out = make_output(\"out\");",
                 "const int out = ::open((directory.parent_path() / \"out\").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);"),
            Edit(VERIFY, "        run.out = end_of(out);\n",
                 "        std::ifstream file(directory.parent_path() / \"out\");\n        std::getline(file, run.out);\n"),
        ], ["trust_verify:HostileAgent.FifosInThePlaceOfVerifysFilesHoldNothingUp"]),
        one("no shell's line starts the agent as root", "client/commands/spawn.cpp", "user.uid == ::geteuid()", "user.uid != 0 || user.uid == 0",
            "trust_inherited:Inherited.NoShellsLineStartsTheAgentAsRoot"),
        one("verify starts anew before it becomes the user", "client/commands/verify.cpp",
            "{[&] { start_again(subjects); }, take, longest_copy}", "{[&] { verify_for_root(subjects); }, take, longest_copy}",
            BY_VERIFY + "IsNothingOfRootsInTheMemoryThatBecomesTheUsers"),
        one("nothing that root has open is its", OTHER, "        ::dup2(said, descriptor);\n    close_all_but({0, 1, 2});\n",
            "        static_cast<void>(said), static_cast<void>(descriptor);\n    close_all_but({0, 1, 2});\n", BY_VERIFY + "IsNothingThatRootHasOpen"),
        one("nor is its failure told twice", "client/verify/verify_as_user.cpp", "        fail(false, failure.error());\n", "        throw;\n",
            "trust_verify:HostileAgent.ItsTemporaryHomeIsWhereTmpdirSays"),
        one("nor does anybody else say as whom it verifies what", "client/commands/verify.cpp", "    if (!is_own) return", "    if (false) return",
            "trust_verify:HostileAgent.APlanIsTakenFromNobodyElse"),
        one("nor what root reads", OTHER, "    replace_with_nothing({STDIN_FILENO});\n", "", BY_VERIFY + "IsNothingThatRootHasOpen"),
        one("nor any other descriptor", OTHER, "    close_all_but({0, 1, 2});\n", "", "unit_client:OtherUser.HasNothingButItsOutput"),
        one("nor root's directory", OTHER, '::chdir("/") == 0', "true", BY_VERIFY + "IsNothingThatRootHasOpen"),
        one("nor root's terminal", OTHER, "    ::setsid();\n", "", BY_VERIFY + "IsNothingThatRootHasOpen"),
        Protection("nor can what root reads be held", [
            Edit(OTHER, "#include <poll.h>\n", "#include <fcntl.h>\n#include <poll.h>\n"),
            Edit(OTHER, '::memfd_create("said", MFD_CLOEXEC)', "open_pipe()"),
            Edit(OTHER, "class Listener {", """int open_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return -1;
    return ::open(("/proc/self/fd/" + std::to_string(ends[0])).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
}
class Listener {"""),
            Edit(OTHER, "::pread(said_.get(), chunk.data(), chunk.size(), static_cast<off_t>(count_))",
                 "::read(said_.get(), chunk.data(), chunk.size())"),
        ], ["unit_client:OtherUser.NorDoesWhoIsStillWritingToIt"]),
        one("verify waits with a limit for what it finds in a home", "client/commands/verify.cpp", "take, longest_copy}", "take, longest_trial}",
            "trust_verify:HostileAgent.AFileSystemOfItsUsersThatDoesNotAnswerKeepsRootFor20Seconds"),
        one("which no line makes longer that says nothing", OTHER, "if (all_ || interrupted_ || !limit) continue;",
            "if (!limit) until_ = Clock::now() + task_.first_limit;\n            if (all_ || interrupted_ || !limit) continue;",
            "unit_client:OtherUser.IsWaitedForWithALimit"),
        one("and hears no more than anybody has to say", OTHER, "count_ <= most_said && read_some()", "read_some()", "unit_client:OtherUser.SaysTooMuch"),
        one("nor so much that reading it keeps root from hearing Ctrl-C", OTHER, "std::size_t{4} * 1024", "std::size_t{64} * 1024",
            "unit_client:OtherUser.SaysTooMuch"),
        one("until root wants no more", OTHER, "until_ = Clock::now() + to_end;\n            }", "}", BY_VERIFY + "KeepsRootWaitingNoLongerThanRootLikes"),
        one("and what has not yet become the user's ends with root's", OTHER, "    ::prctl(PR_SET_PDEATHSIG, SIGTERM);\n", "",
            "unit_client:OtherUser.EndsWithRoots"),
        one("also where who started root's ignores SIGTERM", OTHER, "    ::signal(SIGTERM, SIG_DFL);\n", "",
            "unit_client:OtherUser.EndsWithRoots"),
        one("and what has become the user's ends with root's", "client/commands/verify.cpp", "if (message.offline) ::prctl(PR_SET_PDEATHSIG, SIGTERM);", "",
            BY_VERIFY + "EndsWithRoots"),
        one("what an agent writes to verify is bounded", VERIFY, "return size_of(output) > most_written;",
            "return size_of(output) < 0;", "trust_verify:HostileAgent.OneThatWritesTooMuchIsEnded"),
        one("verify does not follow one that makes files without end", "client/verify/surroundings.cpp",
            "if (++entries_removed > most_entries) return 1;", "if (++entries_removed < 0) return 1;",
            "trust_verify:HostileAgent.MoreFilesThanAnAgentMakesAreLeft"),
        one("no label of a metric commands a terminal", "client/commands/metrics_text.cpp", "printable(value, true)",
            "value", "unit_client:MetricsText.NoLabelCommandsATerminal"),
        one("that holds for every caller", TRUSTED, "if (server == 0 || server == ::geteuid())",
            "if (server == 0 || ::geteuid() != 0)", SERVER + "AnotherUserIsToldTheSame"),
    ]  # fmt: skip


def what_comes_along() -> list[Protection]:
    gains = SESSION + "CanGainNoPrivileges"
    empty, become = "    if (user.uid != 0) empty_bounding_set();\n", "    if (auto done = become_user(user); !done) return done;\n"
    first = ("    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)\n        return system_error(\"cannot set no_new_privs\", errno, "
             "\"see [session] privileges of capsule.toml\");\n")
    return [
        one("no descriptor of the launcher's", DESCRIPTORS,
            "    close_between(first, std::numeric_limits<int>::max());\n", "",
            SESSION + "HasNoDescriptorOfTheLaunchers", ATTACK + "WhatBecomesTheSessionHasNoDescriptorOfTheLaunchers"),
        one("nor one of capsulectl's own", EXEC, "check_open(options.kept); !open", "check_open({}); !open",
            TERMINAL + "WhatCapsulectlOpensItselfIsNoDescriptorToKeep"),
        one("nor a network socket of root's, by which one listens as root", DESCRIPTORS, "if (family == AF_UNIX && listens == 0) continue;",
            "if (family != AF_UNIX || listens == 0) continue;", INHERITED + ".NoSocketIsTheSessionsByWhichOneIsRoot"),
        one("nor one at which root listens", DESCRIPTORS, "family == AF_UNIX && listens == 0", "family == AF_UNIX",
            INHERITED + ".NoSocketIsTheSessionsByWhichOneIsRoot"),
        one("nor what leads to root's login", "client/commands/session_options.cpp",
            "    if (plan->user.uid != ::geteuid()) std::erase_if(params.env, is_own);\n", "", INHERITED + "Login.IsNotAnotherUsers",
            INHERITED + "Login.OfALauncherThatIsNotRootIsNotAnotherUsers"),
        one("not even before the execve", DESCRIPTORS, "static_cast<unsigned>(end) - 1, 0) == 0) return;",
            "static_cast<unsigned>(end) - 1, 4) == 0) return;  // 4: close-on-exec",
            ATTACK + "WhatBecomesTheSessionHasNoDescriptorOfTheLaunchers"),
        one("root remembers nothing in a place of another user's", "client/commands/choose.cpp",
            " || (::geteuid() == 0 && who_else_can_change(*directory, {}))", "",
            "terminal:ExecPicker.RootRemembersNothingInAPlaceOfAnotherUsers"),
        one("nor in one that the working directory decides", "client/commands/choose.cpp",
            " || !directory->starts_with('/')", "", "terminal:ExecPicker.RootRemembersNothingInAPlaceOfAnotherUsers"),
        one("the agent's end is the leader's to hear of, whoever has started capsulectl", "client/main.cpp",
            "    capsule::take_own_signals();\n", "", STARTED + "WithSigchldIgnoredExecOnATerminalEndsAsItsAgent"),
        one("the agent has the signals of the launcher", BECOME, "    give_signals_back();\n", "",
            STARTED + "TheAgentHasTheSignalsOfItsLauncher"),
        one("a session has none of root's capabilities, whatever the securebits say", BECOME,
            "user.uid != 0 && !give_up_own_capabilities(Given::for_good)", "false",
            STARTED + "SecurebitsLeaveNobodyRootsCapabilities"),
        one("what looks for open secrets as the agents' user has no key", "docker/entrypoint.sh",
            "    env -i PATH=\"$PATH\" setsid", "    setsid", "ctest:image:entrypoint"),
        one("nothing that others made is the daemon's log", "docker/entrypoint.sh",
            '                mv -T "$name" "$name.of-others.$(date +%s).$$"\n', "                :\n", "ctest:image:entrypoint"),
        one("nor is kept from renaming it", "docker/entrypoint.sh", 'for name in "$log" "$log.1"; do', 'for name in "$log"; do', "ctest:image:entrypoint"),
        one("what agents can read by its name is found though they cannot list it", "docker/entrypoint.sh",
            'then files+=("$found"); else', "then :; else", "ctest:image:entrypoint"),
        one("where a name has a line end, too", "docker/entrypoint.sh", "mapfile -t files <<<\"$names\"\n    if",
            "mapfile -t files <<<\"$names\"\n    find() { command find \"$@\" | tr '\\n' _; }\n    if", "ctest:image:entrypoint"),
        one("or could be a word of find's", "docker/entrypoint.sh", "|| files[each]=./${files[each]};", "|| :;", "ctest:image:entrypoint"),
        one("nor counts as looked at what find did not come to", "docker/entrypoint.sh", "ask_agent find -L",
            "ask_agent sh -c '\"$@\"; printf \"end\\0\"' sh find -L", "ctest:image:entrypoint"),
        one("be it of another file with keys", "daemon/lifecycle.cpp", "if (file.find('\\n') != file.npos)", "if (false)",
            "integration_key_sources:KeySources.CapsuledListsNoKeyFileOfTwoLines"),
        one("nor is what they go through missed that root has not listed", "docker/entrypoint.sh",
            "-executable ! -readable -printf", "-executable ! -readable ! -user 0 -printf", "ctest:image:entrypoint"),
        one("where root could not list, nothing starts", "docker/entrypoint.sh", "        wait $!\n", "", "ctest:image:entrypoint"),
        one("nor where agents could not", "docker/entrypoint.sh", '    refuse "it cannot be asked', '    true "it cannot be asked', "ctest:image:entrypoint"),
        one("nor is whoever has become their user waited for", "docker/entrypoint.sh", '-t "$left" answer', "answer", "ctest:image:entrypoint"),
        one("not for its end either", "docker/entrypoint.sh", 'then return; fi\n        answers+=', 'then continue; fi\n        answers+=', "ctest:image:entrypoint"),
        one("though it did by another path", "docker/entrypoint.sh", 'if [ "${#answers[@]}" -gt 0 ]; then continue; fi',
            'if [ -n "${listed[${found%% *}]:-}" ]; then continue; fi', "ctest:image:entrypoint"),
        one("and what keys come from elsewhere", "docker/entrypoint.sh", '    names=$(capsuled "$@" --key-files)\n', "    names=\n", "ctest:image:entrypoint"),
        one("with the configuration where it has one", "daemon/lifecycle.cpp", "if (config.path && holds_keys(config)) files.insert", "if (false) files.insert",
            "integration_key_sources:KeySources.CapsuledSaysWhichFilesMayHoldThem", "ctest:image:entrypoint"),
        one("nor is what they go through in a third user's directory missed", "docker/entrypoint.sh",
            r"-type d -executable ! -readable -printf '%D:%i %p\0' -o ", "", "ctest:image:entrypoint"),
        one("or a proxy's password", "daemon/load/load_env.cpp", "    if (config.broker.proxy && config.broker.proxy->reveal().find('@') != std::string_view::npos) return true;\n",
            "", "unit_config:ConfigFiles.KnowsWhetherItHoldsKeys"),
        one("a secret of a workspace's is one of some agents' alone", "daemon/load/load_env.cpp",
            "(of_some && is_secret_variable(item.first, value))", "false", "unit_config:ConfigFiles.KnowsWhetherItHoldsKeys"),
        one("a password with a '/' in it is one", "protocol/variable_name.cpp",
            "        if (end == user.npos && has_end_later && has_no_port(user)) return true;\n", "",
            "unit_protocol:NamesASecret.OrHasAPasswordInItsValue"),
        one("a package's scope in a URL is no password", "protocol/variable_name.cpp",
            "    user = user.substr(0, user.find_first_of", "    (void)user.substr(0, user.find_first_of", "unit_protocol:NamesASecret.OrHasAPasswordInItsValue"),
        one("so is one of a provider's routes", "daemon/load/load_env.cpp", " || has_route_secret(config.catalog)", "",
            "unit_config:ConfigFiles.KnowsWhetherItHoldsKeys"),
        one("an agent that stops itself keeps no container from ending", "docker/entrypoint.sh", ")\" --ignore-signal=TSTP", ")\"",
            "ctest:image:entrypoint"),
        one("a home in /tmp is nobody else's", "docker/entrypoint.sh",
            '[ -O "$own" ] && chmod 0700 "$own"', "true", "ctest:image:entrypoint"),  # chmod alone is refused, too
        one("root lists no agent's directory", "docker/entrypoint.sh", "-o ! -uid 0 -print0 -prune -o", "-o", "ctest:image:entrypoint"),
        one("nor the container's terminal", "docker/entrypoint.sh", 'as-agent -- "$@" </dev/null', 'as-agent -- "$@"',
            "ctest:image:entrypoint"),
        one("not for what it says either", "docker/entrypoint.sh", '-- "$@" </dev/null 2>/dev/null\n', '-- "$@" </dev/null\n', "ctest:image:entrypoint"),
        one("nor by its name, as the controlling one", "docker/entrypoint.sh", "setsid --wait capsulectl", "capsulectl", "ctest:image:entrypoint"),
        one("nor another descriptor, or a kernel keyring", "docker/entrypoint.sh", "setsid --wait capsulectl as-agent --",
            "setsid --wait setpriv --reuid=agent --regid=agent --init-groups --no-new-privs --", "ctest:image:entrypoint"),
        one("nor have they, or root's terminal, in the agents' shell", "docker/entrypoint.sh", '"$(command -v capsulectl)" as-agent --',
            '"$(command -v setpriv)" --reuid=agent --regid=agent --init-groups --no-new-privs --', "ctest:image:entrypoint"),
        one("nor does that shell stop for good", "docker/entrypoint.sh", " -i --ignore-signal=TSTP", " -i", "ctest:image:entrypoint"),
        one("nor has what becomes the agents' shell", "docker/entrypoint.sh", '        identity=("$(command -v env)" -i --ignore',
            '        identity=("$(command -v env)" --ignore', "ctest:image:entrypoint"),
        one("and that before it is that user", BECOME, first + empty + become, empty + become + first,
            "unit_client:BecomeUser.GivesUpFirstWhatCouldBeGained"),
        one("nor does it become one whom that user's processes can trace", BECOME,
            "    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)\n", "    if (false)\n", "unit_client:BecomeUser.IsNoneWhomThatUsersProcessesCanTrace"),
        one("nor does one become it that could be another user again", BECOME, "return check_no_other_user(user);", "return {};",
            "unit_client:BecomeUser.RefusesWhoCouldBeAnotherUserAgain"),
        one("nor does it look for one where another user could put it", BECOME, "        if (unsafe)\n", "        if (unsafe && false)\n",
            "unit_client:FindProgram.ASessionOfRootsHasNoDirectoryInItsPathThatAnotherUserCanChange"),
        one("a session of root's is no program that another user can change", BECOME, "    if (!unsafe) return std::nullopt;\n", "    return std::nullopt;\n",
            "unit_client:FindProgram.RunsNoneAsRootThatAnotherUserCanChange"),
        one("no_new_privs", BECOME, "::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0", "false", gains),
        one("an empty bounding set", BECOME, "    if (user.uid != 0) empty_bounding_set();\n", "", gains),
        one("a session has not the keyring of root's login", BECOME, "    leave_session_keyring();\n", "",
            "trust_inherited:Inherited.NobodyHasTheKeyringOfRootsLogin"),
        one("unless the administrator says otherwise", BECOME, "    if (keep) return become_user(user);\n", "",
            SESSION + "MayGainThemWhereTheAdministratorSaysSo"),
    ]  # fmt: skip
