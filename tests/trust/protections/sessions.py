"""Sessions that hold no key: docs/security.md. What ends them, what is kept of them, who gets nothing out of it."""

from protection import Protection, one

SESSIONS = "daemon/sessions/sessions.cpp"
FILES = "daemon/sessions/session_files.cpp"
LIFE = "daemon/sessions/process_life.cpp"
PIPELINE = "daemon/handlers/session_pipeline.cpp"
SPAWNING, LIVES = "ctest:sessions:spawning", "ctest:sessions:lives"


def protections() -> list[Protection]:
    return [
        one("the session has the token", PIPELINE, "inputs.key = prepared.token ? prepared.token : wiring->key.key;",
            "inputs.key = wiring->key.key;", SPAWNING),
        one("the token is good here alone", "daemon/agents/build.hpp",
            "return inputs.broker_url ? url_at_broker(*inputs.broker_url, base_url) : base_url;", "return base_url;", SPAWNING),
        one("no key inline where sessions have none", "daemon/agents/opencode/cell.hpp",
            "config.session.keys == SessionKeys::broker ? OpencodeKeys::env : ", "", SPAWNING),
        one("of a token only the hash is kept", "daemon/handlers/session_begin.cpp",
            "record.token_sha256 = sha256_hex(session.token->reveal());",
            "record.token_sha256 = std::string(session.token->reveal());", SPAWNING),
        one("what is kept is private", FILES, "S_IRUSR | S_IWUSR));", "0644));", "unit_sessions:SessionFilesTest.ArePrivate"),
        one("no link is followed", FILES, "O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK", "O_RDONLY | O_CLOEXEC | O_NONBLOCK",
            "unit_sessions:SessionFilesTest.APlantedLinkIsNotFollowed"),
        one("no session outlives the machine's start", FILES, "kept->boot == boot && ", "",
            "unit_sessions:SessionFilesTest.OfAnotherStartOfTheMachineOrBrokenAreThrownAway"),
        one("a pid is not a process", LIFE, "if (!now || now->started != process.started) return std::nullopt;", "",
            "unit_sessions:ProcessLife.AnotherProcessWithThePidIsAnotherOne"),
        one("an ended session does not come back", SESSIONS, "if (auto gone = files_.forget(id); !gone) ",
            "if (Result<void> gone; !gone) ", LIVES),
        one("the broker hears of an end", SESSIONS, "link_.tell(broker::Revoke{id, reason});", "", LIVES),
        one("no session ends with the daemon", SESSIONS, "    if (stopping_) return;\n    std::vector<std::string> ids;",
            "    std::vector<std::string> ids;", "unit_sessions:SessionEnds.WithItsConnectionAndNoOther"),
        one("abandoned sessions end", SESSIONS, "        end_idle_ones();\n", "", "unit_sessions:SessionEnds.AfterAWhileWithoutARequest"),
    ]  # fmt: skip
