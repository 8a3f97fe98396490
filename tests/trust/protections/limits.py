"""Hostile and broken clients, and the end: limits, time limits, and SIGTERM."""

from protection import Edit, Protection, one

SESSION = "daemon/server/connection.cpp"
OUTSIDE = "daemon/server/connection_outside.cpp"
SERVER = "daemon/server/server.cpp"
SHARES = "daemon/server/shares.cpp"
QUOTAS = "daemon/access/quotas.cpp"
CLOSING = "daemon/process/closing_threads.cpp"
APP = "daemon/lifecycle.cpp"
JSON_RPC = "protocol/json_rpc.cpp"
LOAD = "daemon/load/load_config.cpp"
CONFIG = "daemon/config/config.hpp"
USAGE = "daemon/broker/core/plan_usage_reader.cpp"
SURVEY = "daemon/agents/survey.cpp"
WITH_BOOSTS_PARSER = ("#include <algorithm>\n", "#include <algorithm>\n#include <boost/json/parse.hpp>\n")


def protections() -> list[Protection]:
    return sizes() + times() + turns() + quotas() + settings() + the_end()


def sizes() -> list[Protection]:
    return [
        one("a request's length", SESSION, "lines_(limits_.request_bytes)", "lines_(std::size_t{1} << 40)",
            "integration_protocol:Protocol.RefusesALineOverTheLimitAndClosesTheConnection",
            "trust_limits:Limits.AnEndlessLineIsCutAndTheDaemonStaysSmall",
            "trust_limits:Limits.HowLongARequestMayBeIsASetting"),
        one("a whole line over the limit", "protocol/framing.cpp",
            "        if (line.size() > limit_) {\n            scanned_ = end;",
            "        if (false) {\n            scanned_ = end;",
            "unit_protocol:LineReader.StopsAtAWholeLineOverTheLimit",
            "trust_limits:Limits.HowLongARequestMayBeIsASetting"),
        one("nesting", "protocol/json_tree.cpp", "options.max_depth = max_nesting;", "options.max_depth = 10'000;",
            "unit_protocol:ParseLine.BoundsNesting"),
        one("an object's members", "protocol/json_tree.cpp", "++open_.back().members > rules_.max_members", "false",
            "unit_protocol:ParseLine.BoundsTheMembersOfAnObject", "unit_protocol:ParseAnswer.BoundsTheMembersOfAnObject",
            "unit_protocol:ParseJson.BoundsTheMembersOfAnObject",
            "unit_home:SettingsSurvey.NamesAFileThatTheAgentReadsAndCapsuledDoesNot",
            "unit_merge:OpencodeJson.AFileOfTooManyMembersHasNothingOfOurs",
            "unit_agents:CodexModels.AModelOfTooManyMembersIsNotUnderstood"),
        one("a line's values", "protocol/json_tree.cpp", "++values_ <= rules_.max_values", "true",
            "unit_protocol:ParseLine.BoundsTheValues"),
        Protection("an object's members in a provider's answer", [
            Edit(USAGE, "    const auto read = parse_json(text);\n",
                 "    boost::json::value whole = boost::json::parse(text);\n    const Result<json::value> read = whole;\n"),
            Edit(USAGE, *WITH_BOOSTS_PARSER)], ["unit_broker:ReadUsage.AnAnswerOfTooManyMembersIsNotRead"]),
        one("no time is left for a file of the home's", "protocol/json_tree.cpp",
            "rules_.is_too_late != nullptr && rules_.is_too_late()", "false", "unit_protocol:ParseJson.EndsWhenItIsTooLate"),
        one("a file that only the agent reads is not one without settings", "daemon/agents/survey_parts.hpp",
            "        if (error.code != ErrorCode::parse_error) over_limit_ = std::move(error);\n", "",
            "unit_home:SettingsSurvey.NamesAFileThatTheAgentReadsAndCapsuledDoesNot"),
        one("no name of a directory is longer than the kernel takes", "daemon/handlers/session_params.cpp", "params.cwd->size() >= PATH_MAX", "false",
            "integration_errors:Errors.BadParametersAreNamed"),
        one("nor is one of Codex's", "daemon/agents/codex/survey.cpp", "return findings.not_read({ErrorCode::io_error,",
            "return findings.not_read({ErrorCode::parse_error,", "unit_home:SettingsSurvey.NamesAFileOfCodexsThatCapsuledDoesNotRead"),
        Protection("whoever parses what strangers wrote has the bound", [
            Edit(SURVEY, "    auto value = parse_json(text, lenient);\n",
                 "    Result<boost::json::value> value = boost::json::parse(text);\n"),
            Edit(SURVEY, *WITH_BOOSTS_PARSER)], ["ctest:house:arrows"]),
        one("a batch's size", JSON_RPC, "tree->items.size() > max_batch)", "tree->items.size() > 64 * max_batch)",
            "unit_protocol:ParseLine.BoundsABatch",
            "integration_protocol:Protocol.RefusesEmptyAndOversizedBatchesOnce"),
        one("duplicate members", JSON_RPC, "    if (item.duplicate)\n", "    if (item.duplicate && false)\n",
            "unit_protocol:ParseLine.RefusesDuplicateMembersAtEveryDepthAndNamesThem"),
        one("answers that a batch gathers", "daemon/server/dispatcher.cpp",
            "request == nullptr ? Result<void>() : room(answers.size(), only_tells(*request))", "Result<void>()",
            "trust_quotas:Quotas.SoIsWhatBatchesGather"),
        one("descriptors are looked for before a byte is read", "daemon/process/sent_descriptors.cpp", "(look.msg_flags & MSG_CTRUNC) != 0", "false",
            "ctest:trust:descriptors"),
        one("an urgent byte is read in its place", "daemon/server/receive.cpp", "    urgent_bytes_in_place(socket.native_handle());\n", "",
            "ctest:trust:descriptors"),
        one("connections are closed on another thread", CLOSING, "    if (read_away(socket)) {\n", "    if (read_away(socket) || true) {\n",
            "ctest:trust:descriptors"),
        one("each user's are closed on a thread of its own", CLOSING, "    const std::lock_guard lock(shared_->mutex);\n    if (shared_->ended) return;\n",
            "    user = 0;\n    const std::lock_guard lock(shared_->mutex);\n    if (shared_->ended) return;\n",
            "ctest:trust:descriptors"),
        one("what waits at its end is interrupted", CLOSING, "if (is_set_) ::timer_settime", "if (false) ::timer_settime",
            "ctest:trust:descriptors"),
        one("a deep key is not parsed", "daemon/agents/codex/config_file.cpp", "has_toml_key_longer_than(text, longest_key)", "false",
            "unit_merge:TomlBlock.WhatWouldExhaustTheDaemonIsNotParsed"),
        one("a long text is not parsed", "daemon/agents/codex/config_file.cpp", "text.size() > largest_text", "false",
            "unit_merge:TomlBlock.WhatWouldExhaustTheDaemonIsNotParsed"),
        one("an opencode.json of many members is not parsed", "daemon/agents/opencode/opencode_json.cpp",
            "existing->size() > largest_text", "false",
            "unit_merge:OpencodeJson.WhatWouldKeepTheDaemonBusyIsNotParsed"),
        one("output that nobody reads", SESSION,
            "output_.size() >= std::min<std::uint64_t>(flush_bytes, limits_.output_bytes)",
            "output_.size() >= std::size_t{1} << 40",
            "trust_limits:Limits.AReaderThatDoesNotReadIsCutWhileOthersAreServed"),
        one("notifications that nobody reads", OUTSIDE, "if (notices_.size() + output_.size() > limits_.output_bytes)",
            "if (notices_.size() + output_.size() > std::size_t{1} << 40)", "ctest:sessions:watching"),
        one("notifications wait for the answer under way", OUTSIDE, "        notices_ += line;", "        output_.append(line);",
            "ctest:sessions:watching"),
        one("connections", QUOTAS, "if (counts_->connections >= places_for(standing, limits.connections))",
            "if (counts_->connections >= 9 * places_for(standing, limits.connections))",
            "trust_limits:Limits.ConnectionsOverTheLimitGetTheirError",
            "trust_limits:Limits.AThousandAnd24ConnectionsAreServedAndNoMore"),
    ]  # fmt: skip


def times() -> list[Protection]:
    reads_on = "            case Input::timed_out: {\n"
    return [
        one("a half-sent request is cut", SESSION, "        cut_at(*request_deadline_);\n", "        ;\n",
            "trust_limits:Limits.AHalfSentRequestIsCutWithItsError"),
        one("with its error", SESSION, reads_on, reads_on + "                co_return;\n",
            "trust_limits:Limits.AHalfSentRequestIsCutWithItsError"),
        one("the time runs from its first byte", SESSION,
            "    if (partial && !request_deadline_) request_deadline_", "    if (partial) request_deadline_",
            "trust_limits:Limits.ARequestThatTricklesIsCutToo"),
        one("each request has its own time", SESSION, "        request_deadline_.reset();\n", "",
            "trust_limits:Limits.EachRequestHasItsOwnTime"),
        one("a reader that does not read is cut", SESSION, "        cut_at(Clock::now() + limits_.write_timeout);\n",
            "",
            "trust_limits:Limits.AReaderThatDoesNotReadIsCutWhileOthersAreServed"),
        one("who goes on sending after a refusal is cut", SESSION, "while (!error && !timed_out_)\n",
            "while (!error)\n",
            "trust_limits:Limits.AClientThatGoesOnSendingAfterItsRefusalIsCutAllTheSame"),
        one("who keeps a refused connection open is cut", SESSION, "    cut_at(Clock::now() + farewell);\n", "",
            "trust_limits:Limits.AClientThatStaysAfterItsRefusalIsCut"),
    ]  # fmt: skip


def turns() -> list[Protection]:
    wait = """            pause.expires_after(accept_pause);
            co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
"""
    return [
        one("the end of a user's job in the home waits for nobody else's requests", "daemon/home/worker.cpp", "std::make_shared<Ends>(loop.get_executor(), ", "std::make_shared<Ends>(((void)loop, executor), ",
            "trust_turns:TurnsOfUsers.RequestsThatWaitForNothingAreNotServedForEachConnection"),
        one("turns among requests", SESSION,
            "        if (lines_.unread() > 0) co_await asio::post(asio::use_awaitable);\n", "",
            "trust_turns:Turns.ADeepPipelineOfWhatIsAnsweredAtOnceDoesNotHoldUpOthers"),
        one("turns within a long list", "daemon/handlers/sessions_list.cpp", "        co_await asio::post(asio::use_awaitable);\n", "",
            "trust_turns:Turns.AListOfManySessionsDoesNotHoldUpOthers"),
        one("the loop's time is shared among users", SERVER, "share = Shares::Executor(seat);", "share = executor_;",
            "trust_turns:TurnsOfUsers.RequestsThatWaitForNothingAreNotServedForEachConnection",
            "trust_turns:TurnsOfUsers.NorAreLinesThatAreLongToReadAndThenRefused"),
        one("next is who had least of it", SHARES, "                std::ranges::min_element(ready, {}, [](const std::shared_ptr<User>& each) { return each->had; });\n",
            "                ready.begin();\n",
            "unit_server:SharesTest.OneUsersManyStepsAreNotBeforeAnothersOne",
            "unit_server:SharesTest.ALongStepIsPaidForWithTheNextOnes"),
        one("nobody saves time up", SHARES, "            user->had = std::max(user->had, now);\n", "",
            "unit_server:SharesTest.NobodySavesTimeUp"),
        one("what is in work goes before what begins", SHARES, "(in_work ? user->in_work : user->to_begin)", "user->to_begin",
            "unit_server:SharesTest.WhatIsInWorkGoesBeforeAllButOneThatBegins"),
        one("what goes on without end lets others begin", SHARES, "(before_next > 0 && !in_work.empty())", "!in_work.empty()",
            "unit_server:SharesTest.AndWhatGoesOnWithoutEndLetsOthersBegin"),
        one("the loop sees what else has come", SHARES, " && last - began < slice", "",
            "unit_server:SharesTest.TheLoopSeesWhatElseHasCome"),
        one("accept backs off", SERVER, wait, "", "trust_limits:Limits.NoDescriptorsLeftIsWaitedOut"),
        one("accept recovers", SERVER, wait, "            co_return;\n",
            "trust_limits:Limits.NoDescriptorsLeftIsWaitedOut"),
        one("a client that vanishes ends its session", SESSION, "    if (error && !late) co_return Input::end;\n", "",
            "trust_limits:Limits.ClientsThatVanishLeaveNothingBehind"),
        one("and is counted off", QUOTAS, "    --counts->connections;\n", "",
            "trust_limits:Limits.ClientsThatVanishLeaveNothingBehind"),
    ]  # fmt: skip


def quotas() -> list[Protection]:
    subuids = "ctest:sessions:subuids"
    return [
        one("all that one person can be is one user", "daemon/access/peer.cpp", "    peer.counted = counted_as(peer.uid);\n", "", subuids),
        one("for sessions, too", "daemon/handlers/session_begin.cpp", "owner.uid = caller.counted_as();", "owner.uid = caller.uid;", subuids),
        one("and lines of the log", "daemon/log/log.cpp", "return counted_as != nullptr && uid >= 0", "return false && uid >= 0",
            "unit_log:Log.LinesOfOnePersonsManyUsersAreCountedTogether"),
        one("its file is not looked for with each connection", "daemon/users/subordinate.cpp", "is_there_ = is_there_ && ::stat(", "is_there_ = ::stat(",
            "unit_users:SubordinateIds.OfOneUserAreCountedAsTheFirst"),
        one("but those in root's containers are others", "daemon/users/subordinate.cpp", ' || name == "root" || user == 0U) continue;', ") continue;",
            "unit_users:SubordinateIds.OfOneUserAreCountedAsTheFirst"),
        one("places of one user", QUOTAS, "own >= limits.connections_per_user)", "own >= limits.connections)",
            "trust_quotas:Quotas.AThousandIdleConnectionsOfAnotherUserShutNobodyOut"),
        one("one user takes no more than a part of the descriptors", "daemon/handlers/generation.cpp", "    fit_into_descriptors(*config);\n", "",
            "trust_quotas:Quotas.OneUserTakesAPartOfTheDescriptorsWhateverTheLimits"),
        one("of fewer connections one user has fewer", LOAD,
            "    out.connections_per_user = std::min(out.connections_per_user, one_users_part(out.connections));\n", "",
            "unit_config:LoadConfig.OneUserHasAPartOfTheConnectionsUnlessItIsGivenMore",
            "trust_quotas:Quotas.NorDoThoseOfTwoUsersOfFewConnections"),
        one("and of as many as there are descriptors for", "daemon/handlers/generation.cpp",
            '        fit("[limits] connections_per_user", limits.connections_per_user, one_users_part(limits.connections));\n', "        {}\n",
            "trust_quotas:Quotas.OneUserTakesAPartOfTheDescriptorsWhateverTheLimits"),
        one("an idle connection of the daemon's own user makes room", SERVER, "    if (found) found->make_room();\n", "",
            "trust_quotas:Quotas.WhereAgentsAreTheDaemonsUserAnIdleConnectionMakesRoomForTheHealthCheck"),
        one("an idle connection with a session does not", OUTSIDE, " ||\n        services_.sessions.ends_with_connection(number))", ")",
            "ctest:sessions:remote_keys"),
        one("places that guests have not", QUOTAS, "            return all - all / 4;\n", "            return all;\n",
            "trust_quotas:Quotas.NorDoThoseOfManyUsers",
            "trust_quotas:Quotas.WhoMaySpawnHasPlacesThatOthersHaveNot"),
        one("places that launchers have not", QUOTAS, "            return all - all / 8;\n", "            return all;\n",
            "trust_quotas:Quotas.WhoMaySpawnHasPlacesThatOthersHaveNot"),
        one("idle guests are closed", SESSION, "        cut_at(Clock::now() + limits_.idle_timeout);\n", "        {}\n",
            "trust_quotas:Quotas.AnIdleConnectionIsClosedUnlessItsUserMaySpawn"),
        one("the daemon gives its memory back", SERVER, "        memory_.give_back();\n", "",
            "trust_limits:Limits.MemoryIsGivenBackWhenManyHaveGone"),
        one("a few of a user are told of what happens", "daemon/handlers/subscribers.cpp",
            "own >= most_of_a_user", "own < 0", "trust_quotas:Quotas.OfAUserAFewMayWaitForNotifications"),
        one("a user's requests in work", "daemon/server/turns.cpp", "line.in_work < most &&", "",
            "trust_quotas:Quotas.AFloodOnManyConnectionsIsServedInTurns"),
        one("nothing is made for those who have gone", SESSION, "if (only_tells && has_gone(socket_.native_handle()))", "if (false)",
            "trust_quotas:Quotas.NothingIsToldToThoseWhoHaveGone"),
        one("a queue full of one user's connections", SERVER, "accepted_at_once = 64;", "accepted_at_once = 1;",
            "trust_quotas:Quotas.AQueueFullOfAnotherUsersConnectionsIsNoneOfItsRequests"),
        one("who connects and closes without a pause keeps nobody out", SERVER, "if (!has_left_nothing(socket.get())) ", "",
            "trust_quotas:Quotas.WhoHasHungUpTakesNoPlace"),
        one("a batch takes its turns", "daemon/server/dispatcher.cpp",
            "        if (parsed->batch) co_await asio::post(asio::use_awaitable);\n", "",
            "trust_quotas:Quotas.SoAreBatches"),
        one("blank lines are no request", "protocol/framing.cpp", "            blank_ += begin_ - begin;\n", "",
            "unit_protocol:LineReader.EndsWhereBlankLinesGoOn",
            "unit_protocol:LineReader.CountsWhatStandsInABlankLine",
            "trust_quotas:Quotas.BlankLinesWithoutEndAreCut"),
        one("what waits for a user", QUOTAS, "    if (all <= most_bytes_) return {};\n", "    return {};\n",
            "trust_quotas:Quotas.WhatWaitsForAUserThatDoesNotReadIsBounded",
            "trust_quotas:Quotas.SoAreRequestsThatAreNotWhole"),
    ]  # fmt: skip


def settings() -> list[Protection]:
    names = "unit_config:LoadConfig.EverySetting"
    defaults = "unit_config:LoadConfig.NothingIsTheDefaults"
    out = [
        one(f"[limits] {key}", LOAD, line, "", names)
        for key, line in [
            ("connections", '    count("connections", 1, most_connections, out.connections);\n'),
            ("request_bytes", '    count("request_bytes", smallest_message, largest_message, out.request_bytes);\n'),
            ("output_bytes", '    count("output_bytes", smallest_message, largest_output, out.output_bytes);\n'),
            ("connections_per_user",
             '    count("connections_per_user", 1, most_connections, out.connections_per_user);\n'),
            ("requests_per_user", '    count("requests_per_user", 1, most_requests, out.requests_per_user);\n'),
            ("sessions_per_user", '    count("sessions_per_user", 1, most_sessions, out.sessions_per_user);\n'),
            ("memory_per_user",
             '    count("memory_per_user", smallest_message, largest_output, out.memory_per_user);\n'),
            ("idle_timeout_ms", '    wait("idle_timeout_ms", out.idle_timeout);\n'),
            ("request_timeout_ms", '    wait("request_timeout_ms", out.request_timeout);\n'),
            ("write_timeout_ms", '    wait("write_timeout_ms", out.write_timeout);\n'),
        ]
    ]
    return out + [
        one("1024 connections", CONFIG, "uint64_t connections = 1024;", "uint64_t connections = 4096;", defaults),
        one("256 KiB a request", CONFIG, "request_bytes = max_line;", "request_bytes = 2 * max_line;", defaults),
        one("1 MiB of output", CONFIG, "output_bytes = 1024 * 1024;", "output_bytes = 8 * 1024 * 1024;", defaults),
        one("10 s for a request", CONFIG, "request_timeout{10'000};", "request_timeout{100'000};", defaults),
        one("10 s for an answer", CONFIG, "write_timeout{10'000};", "write_timeout{100'000};", defaults),
    ]


def the_end() -> list[Protection]:
    signals = """    asio::signal_set stop_signals(io, SIGTERM, SIGINT);
    asio::signal_set hangup(io, SIGHUP);
"""
    server = "    ListeningSocket listening = open_socket(services, line);\n"
    at_most = "trust_faults:Stop.TakesAtMostFiveSecondsWhateverClientsAndProgramsDo"
    return [
        one("SIGTERM answers what was received", SESSION, "while (read_what_is_there(left) == Input::more) {",
            "while (false && read_what_is_there(left) == Input::more) {",
            "trust_faults:Stop.AnswersTheRequestsOfEveryConnection",
            "trust_faults:Stop.AnswersThoseThatWereStillInTheQueue"),
        one("SIGTERM answers what was received, and no more", SESSION, "    left -= count;\n", "",
            "trust_faults:Stop.WhatIsSentAfterItIsNotWaitedFor"),
        one("SIGTERM leaves the socket's file until all are answered", SERVER, "    if (listening_.is_own()) ::shutdown(",
            "    ::unlink(services_.socket.c_str());\n    if (listening_.is_own()) ::shutdown(",
            "trust_faults:Stop.TheSocketsFileGoesWhenAllAreAnswered"),
        one("SIGTERM answers those in the kernel's queue", SERVER,
            "        start_or_say_why(std::move(socket));\n        if (++taken %", "        if (++taken %",
            "trust_faults:Stop.AnswersThoseThatWereStillInTheQueue"),
        one("SIGTERM waits for nobody who comes after it", SERVER,
            "taken < most_queued && std::chrono::steady_clock::now() < deadline;", "deadline.time_since_epoch().count() != 0;",
            "integration_systemd:Activated.WhoeverGoesOnConnectingKeepsItNotFromEnding"),
        one("connections are cut after 4 s", APP, "drain_limit{4}", "drain_limit{40}", at_most),
        one("programs are killed after 3 s", APP, "subprocess_limit{3}", "subprocess_limit{30}", at_most),
        one("idle clients do not hold it up", SESSION, "    socket_.cancel(ignored);\n}\n\nConnection::~Connection()",
            "}\n\nConnection::~Connection()", "integration_lifecycle:Lifecycle.SigtermDoesNotWaitForIdleOrHalfSentClients"),
        one("signals are met before the socket is found", APP, signals + server, server +
            "    ::usleep(50'000);\n" + signals, "trust_faults:Stop.ASignalRightAfterTheStartIsAnsweredToo"),
        one("no file size limit ends it", APP, "    std::signal(SIGXFSZ, SIG_IGN);\n", "",
            "trust_faults:Faults.AFileSizeLimitIsAnErrorAndNotTheEnd"),
        one("no launcher of the same script stops it", APP, "{SIGTSTP, SIGTTOU, SIGTTIN}", "{SIGTTOU, SIGTTIN}",
            "integration_lifecycle:Lifecycle.IsNotStoppedWithTheGroupThatItIsIn"),
        one("nor where it leads the script's group", APP, "    for (const int stop : {SIGTSTP, SIGTTOU, SIGTTIN})\n",
            "    if (::getpgrp() != ::getpid())\n        for (const int stop : {SIGTSTP, SIGTTOU, SIGTTIN})\n",
            "integration_lifecycle:Lifecycle.NorWithTheGroupThatItLeads"),
        one("nor what a session writes from the background", APP, "{SIGTSTP, SIGTTOU, SIGTTIN}", "{SIGTSTP}",
            "integration_lifecycle:Lifecycle.IsNotStoppedWithTheGroupThatItIsIn"),
        one("no reader of its log ends it", APP, "    std::signal(SIGPIPE, SIG_IGN);\n", "",
            "trust_faults:Faults.AReaderOfItsLogThatEndsIsNotItsEnd"),
    ]  # fmt: skip
