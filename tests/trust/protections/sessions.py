"""Sessions that hold no key: docs/security.md. What ends them, what is kept of them, who gets nothing out of it."""

from protection import Protection, one

SESSIONS = "daemon/sessions/sessions.cpp"
STATE = "daemon/base/state_directory.cpp"
ENDS = "daemon/sessions/sessions_ends.cpp"
FILES = "daemon/sessions/session_files.cpp"
STATE_FILE = "daemon/sessions/state_file.cpp"
LIFE = "daemon/sessions/process_life.cpp"
PIPELINE = "daemon/handlers/session_pipeline.cpp"
REMOTE_KEYS = "daemon/handlers/remote_keys.cpp"
PORT, PROGRAM = "daemon/sessions/sessions_port.cpp", "daemon/sessions/broker_program.cpp"
SPAWNING, LIVES, REMOTE = "ctest:sessions:spawning", "ctest:sessions:lives", "ctest:sessions:remote"


def protections() -> list[Protection]:
    return [
        one("the session has the token", PIPELINE, "inputs.key = prepared.token ? prepared.token : wiring->key.key;",
            "inputs.key = wiring->key.key;", SPAWNING),
        one("the token is good here alone", "daemon/agents/build.hpp",
            "return inputs.broker_url ? url_at_broker(*inputs.broker_url, base_url) : base_url;",
            "return inputs.broker_url ? base_url : base_url;", SPAWNING),
        one("no key inline where sessions have none", "daemon/agents/opencode/cell.hpp",
            "config.session.keys == SessionKeys::broker ? OpencodeKeys::env : ", "", SPAWNING),
        one("of a token only the hash is kept", "daemon/handlers/session_begin.cpp",
            "session.token ? sha256_hex(session.token->reveal())", "session.token ? std::string(session.token->reveal())",
            SPAWNING),
        one("what is kept is private", STATE_FILE, "O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));",
            "O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));", "unit_sessions:SessionFilesTest.ArePrivate"),
        one("no hash of a token is kept of what ended", "daemon/sessions/ended_file.cpp", "    end.session.token_sha256.clear();\n", "",
            "unit_sessions:SessionFilesTest.ThoseThatEndedAreKeptWithoutTheirTokens", LIVES),
        one("no link is followed", STATE_FILE, "O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK", "O_RDONLY | O_CLOEXEC | O_NONBLOCK",
            "unit_sessions:SessionFilesTest.APlantedLinkIsNotFollowed"),
        one("no session outlives the machine's start", FILES, "kept->boot == boot && ", "",
            "unit_sessions:SessionFilesTest.OfAnotherStartOfTheMachineOrBrokenAreThrownAway"),
        one("a pid is not a process", LIFE, "if (!now || now->started != process.started) return std::nullopt;",
            "if (!now) return std::nullopt;",
            "unit_sessions:ProcessLife.AnotherProcessWithThePidIsAnotherOne"),
        one("an ended session does not come back", SESSIONS, "if (auto gone = files_.forget(id); !gone) ",
            "if (Result<void> gone; !gone) ", LIVES),
        one("the broker hears of an end", SESSIONS, "link_.tell(broker::Revoke{id, reason});", "", LIVES),
        one("no session ends with the daemon", SESSIONS, "    if (stopping_) return;\n    std::vector<std::string> ids;",
            "    std::vector<std::string> ids;", "unit_sessions:SessionEnds.WithItsConnectionAndNoOther"),
        one("who must not have the keys starts no session", PIPELINE,
            "    if (auto may = check_starts_sessions(*services.generation); !may) co_return may.error();\n", "", REMOTE),
        one("who starts no session runs no agent", "daemon/handlers/status.cpp",
            "            if (check_starts_sessions(*generation))\n", "", REMOTE),
        one("the daemon's own user may what is configured", "daemon/access/policy.cpp",
            "    if (peer.uid == daemon_uid_) return tier <= own_user_;\n", "",
            "unit_access:Policy.TheDaemonsOwnUserMayDoWhatIsConfiguredWhateverTheListsSay"),
        one("a broker has a user of its own", "daemon/handlers/generation.cpp", "    if (!found)\n        return broker_conflict(",
            "    if (!found) return Identity(BrokerIdentity{65534, 65534});\n    if (!found)\n        return broker_conflict(",
            "ctest:sessions:usage"),
        one("no agent is told that its session has ended while it is granted anew", "daemon/broker/connection.cpp",
            "if (why.empty() && broker_.grants_may_come())", "if (false)", REMOTE),
        one("a home is not replaced in silence", "daemon/users/users.cpp",
            "found != environment.end() && !is_utf8(found->second.reveal()))", "found == environment.end() && false)",
            "unit_users:SessionHome.APlaceThatNoAnswerCouldNameIsRefusedAndNotReplaced"),
        one("keys are not asked of a stranger", "daemon/sessions/keys_socket.cpp",
            "    if (auto server = trusted_server(socket.get(), path); !server) return server.error();\n", "", REMOTE),
        one("no session is sent elsewhere than to its loopback", REMOTE_KEYS, "url.starts_with(loopback) && ", "", REMOTE),
        one("a token is its user's", "daemon/handlers/session_begin.cpp",
            "    if (session.uid) record.uid = *session.uid;\n", "", REMOTE),
        one("a grant ends with the session", "daemon/sessions/remote_calls.cpp",
            "    if (!link || link->stopping || !link->ready || link->connection != connection_) return;", "    return;", REMOTE),
        one("abandoned sessions end", ENDS, "        end_idle_ones();\n", "", "unit_sessions:SessionsOfBefore.EndAfterAWhileWithoutARequest"),
        one("a restart gives no new time", SESSIONS, "    if (const auto used = live->record.used_s)\n", "    if (const auto used = live->record.used_s; !used)\n",
            "unit_sessions:SessionsOfBefore.GetNoNewTimeByARestart"),
        one("when a session was used is kept", ENDS, "        keep_counts(counts_are_kept_within);\n", "",
            "unit_sessions:SessionsOfBefore.HaveOnDiskWhenTheyWereUsed"),
        one("a session whose wait ends for another descriptor's event goes on", ENDS,
            "if (!is_ready_to_read(ending->process->native_handle())) return wait_for_end(ending);", "",
            "unit_sessions:SessionsOfBefore.DoNotEndForAnEventOfADescriptorThatIsClosed"),
        one("one daemon has the state directory", STATE, "while (::flock(opened.get(), LOCK_EX | LOCK_NB) != 0) {", "while (false) {",
            "unit_base:StateDirectoryTest.IsOneDaemonsAtATime", "integration_lifecycle:Lifecycle.AStateDirectoryIsOneDaemonsAtATime"),
        one("it is locked at start", "daemon/app.cpp",
            "    value_or_throw(services.state->lock(earlier_one_ends_within));\n", "", "ctest:sessions:starting",
            "integration_lifecycle:Lifecycle.AStateDirectoryIsOneDaemonsAtATime"),
        one("it is locked before it is written to", "daemon/handlers/auth_set.cpp",
            "    if (auto made = services.state->make(); !made) co_return made.error();\n", "",
            "integration_lifecycle:Lifecycle.AStateDirectoryIsMadeWhenSomethingIsKeptAndThenLocked"),
        one("no other user gets the broker's port", PORT, "    if (settings_.hold_port) holder_.take(*port_);\n", "", "ctest:sessions:port"),
        one("nobody listens beside what holds the port", PROGRAM, "    set_option(held.get(), SO_REUSEPORT);",
            "    set_option(held.get(), SO_REUSEPORT);\n    set_option(held.get(), SO_REUSEADDR);", "ctest:sessions:port"),
        one("systemd has the port", "daemon/sessions/port_holder.cpp", "keep_in_systemd(held_.get());", "false;", "ctest:sessions:port"),
        one("two daemons do not share a port", PROGRAM, "kept && port != 0 && somebody_listens(port)",
            "kept && port != 0 && somebody_listens(port) && false", "ctest:sessions:port"),
        one("sessions whose port is lost end", PORT, "        end_those_of_before(fmt::format(\n            \"another",
            "        static_cast<void>(fmt::format(\n            \"another", "ctest:sessions:port"),
        one("sessions of another port end", PORT, "else if (port != kept->port)", "else if (false)", "ctest:sessions:port"),
        one("sessions of an unknown port end", PORT, "    if (!kept)\n", "    if (false)\n",
            "unit_sessions:SessionsOfBefore.EndWhereTheirPortIsNotKnown"),
        one("a planted lock is none", STATE, "S_ISREG(status.st_mode) && status.st_uid == ::geteuid()", "true",
            "unit_base:StateDirectoryTest.APlantedLockIsRefused"),
        one("no lock through a link", STATE, "O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK", "O_CLOEXEC | O_NONBLOCK",
            "unit_base:StateDirectoryTest.APlantedLockIsRefused"),
    ]  # fmt: skip
