"""What the key broker passes on and what it does not: docs/broker.md. Its rules without I/O; tests/broker tries the program."""

from protection import Edit, Protection, one

BASE = "daemon/broker/core/base_url.cpp"
HEAD = "daemon/broker/core/http_head.cpp"
REWRITE = "daemon/broker/core/rewrite.cpp"
MASK = "daemon/broker/core/key_mask.cpp"
FINDER = "daemon/broker/core/key_finder.cpp"
CHUNKS = "daemon/broker/core/chunks.cpp"
PEER_UID = "daemon/broker/peer_uid.cpp"
TARGET = "unit_broker:CheckTarget."
TO_PROVIDER = "unit_broker:RequestForProvider."
TO_AGENT = "unit_broker:ResponseForAgent."
SMUGGLED = "unit_broker:RequestHead.RefusesWhatTwoServersCouldReadDifferently"


def protections() -> list[Protection]:
    return where_to() + names() + what_it_reads() + what_passes() + places()


def where_to() -> list[Protection]:
    odd = TARGET + "RefusesWhatTwoServersCouldReadDifferently"
    return [
        one("only below the base path", BASE, "if (!path.starts_with(base_path) || ", "if (false && ",
            TARGET + "KeepsAwayFromEverythingBesideIt"),
        one("no dots", BASE, 'if (segment == "." || segment == "..")', 'if (segment == "...")', odd),
        one("no two slashes", BASE, "if (segment.empty() && !last)", "if (segment.empty() && !last && false)", odd),
        one("no encoded slash", BASE, "if (c == '/' || c == '\\\\')", "if (c == '\\0')", odd),
        one("decoded once and never twice", BASE, "if (c == '%')", "if (false)", odd),
        one("http to loopback alone", "daemon/base/http_url.cpp", "if (!out.tls && out.host", "if (false && out.host", "unit_broker:ParseBaseUrl.RefusesWhereNoKeyShouldGo"),
        one("nothing link-local", BASE, "if (is_link_local_address(out->host)) return", "if (false) return",
            "unit_broker:ParseBaseUrl.RefusesWhereNoKeyShouldGo"),
    ]  # fmt: skip


def names() -> list[Protection]:
    path = "daemon/broker/names.cpp"
    unit = "unit_broker:BrokerNames."
    return [
        one("a name is asked once for all that wait", path, "        if (each.name != name) continue;\n", "        if (true) continue;\n",
            unit + "OneIsAskedOnceForAllThatWaitAndForTheNextOnes"),
        one("and for those who come soon", path, "found != known_.end()) {", "false) {",
            unit + "OneIsAskedOnceForAllThatWaitAndForTheNextOnes", "ctest:broker:names"),
        one("a name that nobody answers holds up no other", path, "if (asked >= most_threads) return;", "if (asked >= 1) return;",
            unit + "ThoseThatNobodyAnswersHoldUpNoOther", "ctest:broker:names"),
        one("nor with its other port", path, "if (std::ranges::any_of(wanted_, same)) continue;", "if (each.is_asked) continue;",
            unit + "ThoseThatNobodyAnswersHoldUpNoOther"),
        one("no name that nobody waits for", path, "    std::erase_if(wanted_, of_nobody);\n", "",
            unit + "FourAreAskedAtOnceAndNoneThatNobodyWaitsForAnyMore"),
        one("a failed lookup is asked again soon", path, "answer.error == 0 ? keep : keep_failure", "keep", unit + "AFailureIsKeptForASecond"),
    ]  # fmt: skip


def what_it_reads() -> list[Protection]:
    return [
        one("a connection is kept when all of a request is written", "daemon/broker/exchange.cpp",
            "const bool has_read_it = exchange.written && (", "const bool has_read_it = (", "ctest:broker:connections"),
        one("a body that was streamed is not sent again", "daemon/broker/exchange.cpp",
            "exchange.got.empty() && exchange.all_in_out;", "exchange.got.empty() && exchange.sent.done();",
            "ctest:broker:providers"),
        one("a connection is not kept behind a refused body", "daemon/broker/exchange.cpp", "(exchange.asks_a_model && head.status < 300)", "exchange.asks_a_model",
            "ctest:broker:connections"),
        one("nor where no server reads one", "daemon/broker/exchange.cpp", "(exchange.asks_a_model && head.status < 300)", "head.status < 300",
            "ctest:broker:connections"),
        one("nor where a server may send more", "daemon/broker/exchange.cpp", "has_read_it && !head_only_ &&", "has_read_it &&",
            "ctest:broker:connections"),
        one("no body where servers expect none", HEAD, "body->kind != BodyLength::Kind::none && parser.method", "false && parser.method",
            "unit_broker:RequestHead.RefusesABodyWhereServersExpectNone", "ctest:broker:connections"),
        one("no more headers than anybody sends", HEAD, "if (parser.fields.size() > max_fields)\n        return Refusal", "if (false)\n        return Refusal",
            "unit_broker:RequestHead.HasNoMoreFieldsThanAgentsSend"),
        one("nor a provider", HEAD, "if (parser.fields.size() > max_fields) return bad_answer", "if (false) return bad_answer",
            "unit_broker:ResponseHead.HasNoMoreFieldsThanProvidersSend"),
        one("no more names in Connection", HEAD, "seen.connection_names > most_connection_names) return bad_request", "false) return bad_request",
            "unit_broker:RequestHead.HasNoMoreFieldsThanAgentsSend"),
        one("authorities that others could change are not believed", "daemon/sessions/authorities.cpp", "open_trusted(path, S_IFREG)",
            "open_anybodys(path, S_IFREG)", "unit_sessions:AuthoritiesFile.OneThatOthersCouldChangeIsRefused", "ctest:sessions:authorities"),
        one("nor are more read than anybody has", "daemon/sessions/authorities.cpp", "    if (size > max_authorities_bytes)\n", "    if (false)\n",
            "unit_sessions:AuthoritiesFile.WhatIsNoFileOrTooLargeIsRefusedAndNeverWaitedFor", "ctest:sessions:authorities"),
        one("one that is no certificate is no end of the file", "daemon/broker/authorities.cpp", "        if (at_the_end) break;", "        if (!one) break;",
            "unit_broker:BrokerAuthorities.NoneIsLeftOutWithoutAWord"),
        one("a torn one is not passed over", "daemon/broker/authorities.cpp", "if (added != begin || added != end)", "if (added != begin && added != end)",
            "unit_broker:BrokerAuthorities.NoneIsLeftOutWithoutAWord", "ctest:sessions:authorities"),
        one("no broker is to run with authorities that none can read", "daemon/handlers/services.cpp", "if (!sound) generation = sound.error();", "(void)sound;",
            "ctest:sessions:authorities"),
        one("nor at the start", "daemon/lifecycle.cpp", "    value_or_throw(check_broker_now(services.generation));\n", "",
            "ctest:sessions:authorities"),
        one("no older settings in the place of newer ones", "daemon/handlers/services.cpp", "    if (turn < std::exchange(", "    if (turn + 1 < std::exchange(",
            "ctest:sessions:authorities"),
        one("nobody has a token of a broker that is not ready", "daemon/broker/control_channel.cpp", "    if (is_ready_)\n", "    if (true)\n",
            "ctest:broker:sessions"),
        one("a broker that never gets ready is ended", "daemon/sessions/broker_link.cpp", "ready_within{20};", "ready_within{20'000};",
            "ctest:sessions:authorities"),
        one("no handshake whose length the provider chooses", "daemon/broker/tls.cpp", '"DEFAULT:!kDHE"', '"DEFAULT"', "ctest:broker:handshakes"),
        one("no certificate with a curve of its own is decoded", "daemon/broker/tls.cpp", "    ::SSL_CTX_set_msg_callback(context, refuse_own_curves);\n", "    (void)refuse_own_curves;\n",
            "ctest:broker:handshakes"),
        one("nor thousands of others", "daemon/broker/tls.cpp", "most_certificates = 32 * 1024", "most_certificates = 100 * 1024", "ctest:broker:handshakes"),
        one("records that carry nothing are not read without end", "daemon/broker/stream.cpp", "may_take_ = most_taken;\n    return read(room);", "may_take_ = 1024 * 1024;\n    return read(room);",
            "unit_broker:BrokerStream.RecordsThatCarryNothingAreNotReadWithoutEnd"),
        one("nor of an idle connection", "daemon/broker/stream.cpp", "may_take_ = most_while_idle;", "may_take_ = most_taken;",
            "unit_broker:BrokerStream.AnIdleOneIsLookedAtBriefly"),
        one("by a method that has a body", "daemon/broker/exchange.cpp", 'head.method == "POST" && asks_a_model', "asks_a_model",
            "ctest:broker:connections"),
        one("each user has as much of the thread as another", "daemon/broker/loop.cpp", "if (each.owner != 0 && used->second >= time_in_a_round)",
            "if (false)", "unit_broker:BrokerLoop.OneOwnersManyTakeNoMoreTimeThanAnothersOne"),
        one("a socket that is bound to the loopback is somebody's, too", PEER_UID, "    request.body.id.idiag_if = 1;\n", "",
            "ctest:broker:sessions"),
        one("answers that only say go on have an end", "daemon/broker/exchange.cpp", "            interim += *size;\n", "",
            "ctest:broker:providers"),
        one("a provider that takes no more holds no upload", "daemon/broker/exchange.cpp",
            "    if (upstream_) upstream_->close();  // upload() may", "    // upload() may", "ctest:broker:providers"),
        one("no key to just any user's port", "daemon/broker/upstream.cpp", "const auto why = to_right_owner ?",
            "const auto why = to_right_owner && places.empty() ?", "ctest:broker:connections"),
        one("nor a proxy's password at another address of this machine", "daemon/broker/upstream.cpp", "to_right_owner ? wrong_owner", "is_near ? wrong_owner",
            "ctest:broker:addresses"),
        one("whose socket is not found there", PEER_UID, "!found && answered && is_elsewhere(server)", "!found && answered", "ctest:broker:addresses"),
        one("nor where no interface has the address", PEER_UID, "route->rtm_type == RTN_UNICAST", "route->rtm_type != RTN_BLACKHOLE", "ctest:broker:addresses"),
        one("no interfaces are listed for it: any user can make that wait", PEER_UID, "out.header.nlmsg_type = RTM_GETROUTE;", "out.header.nlmsg_type = RTM_GETLINK;",
            "ctest:broker:addresses"),
        one("nor to an agent's of the daemon's own user", "daemon/broker/upstream.cpp", "const bool is_agents = uid && uid == way.limits.agents_uid;",
            "const bool is_agents = false;", "ctest:broker:connections", "ctest:sessions:remote_keys"),
        one("a session's end takes no other's token away", "daemon/broker/sessions.cpp", "if (its != last) by_token_.erase(its);",
            "by_token_.erase(session.token);", "ctest:broker:sessions"),
        one("the broker is told whose processes agents are", "daemon/handlers/session_keys.cpp",
            "if (generation.config.access.own_user != Tier::admin) out.link", "if (false) out.link", "ctest:sessions:remote_keys"),
        one("nor does that user's server keep the right one's connections away", "daemon/broker/upstream.cpp", "if (!wrong) wrong = why;",
            "co_return *why;", "ctest:broker:connections"),
        one("nor by taking none", "daemon/broker/upstream.cpp", "if (is_near && i + 1 < places.size())", "if (false)", "ctest:broker:connections"),
        Protection("nor while nobody has taken the connection", [
            Edit(PEER_UID, "if (found && !found->is_somebodys()) {", "if (found && !found->is_somebodys() && own.ss_family == AF_INET6) {"),
            # Newer kernels (6.18) say by themselves whose the queue is; others uid 0.
            Edit(PEER_UID, "    return Found{*socket};\n", "    Found found{*socket};\n    if (!found.is_somebodys()) found.socket.idiag_uid = 0;\n    return found;\n")],
            ["ctest:broker:connections"]),
        one("no header makes it another request", REWRITE, '    Row{"x-rewrite-", Fate::another},\n', "",
            TO_PROVIDER + "DropsWhatWouldMakeItAnotherRequest"),
        one("no header by another spelling", REWRITE, "        return fate_of(other);\n", "        return std::nullopt;\n",
            TO_PROVIDER + "DropsWhatWouldMakeItAnotherRequest"),
        one("known methods alone", HEAD, "if (std::ranges::find(methods, parser.method) == methods.end()) return",
            "if (methods.empty()) return", SMUGGLED),
        one("four characters of a part of the key", MASK, "        mask_parts(out, key.key.reveal());\n", "",
            "unit_broker:WithoutSecrets.LeavesFourCharactersOfAPartThatAProviderShows"),
        one("a byte more of a head does not cost the head again", HEAD, "std::max(seen, open_end) - open_end", "seen & 0",
            "unit_broker:HeadSize.DoesNotLookAgainAtWhatWasSeen"),
        one("one length", HEAD, "if (seen.lengths > 1 || ", "if (", SMUGGLED),
        one("no announced trailers", HEAD, "if (seen.trailer) return", "if (false) return", SMUGGLED),
        one("nothing folded", HEAD, "if (line.front() == ' ' || line.front() == '\\t') return", "if (false) return", SMUGGLED),
        one("each credential once", HEAD, "if (seen.authorizations > 1 || seen.keys > 1) return", "if (false) return", SMUGGLED),
        one("plain chunks", CHUNKS, "part_ = c == '\\r' && digits_ > 0 ? Part::size_lf : Part::bad;",
            "part_ = c == '\\r' && digits_ > 0 ? Part::size_lf : part_;", "unit_broker:ChunkScanner.RefusesEverythingThatIsNotPlain"),
    ]  # fmt: skip


def what_passes() -> list[Protection]:
    drops = TO_PROVIDER + "DropsEveryOtherCredential"
    return [
        one("no cookie", REWRITE, '    Row{"cookie", Fate::credential},\n', "", drops),
        one("no second key", REWRITE, '    Row{"x-api-key", Fate::credential},\n', "", drops),
        one("nothing that Connection names", REWRITE, "passes_to_provider(each.name) && !of_the_connection.have(each.name)",
            "passes_to_provider(each.name)", TO_PROVIDER + "DropsWhatConcernsThisConnection"),
        one("the token nowhere", REWRITE, "each.value.find(used.token) == std::string_view::npos", "true",
            TO_PROVIDER + "LeavesTheTokenNowhere"),
        one("answers that can be looked into", REWRITE, '    Row{"accept-encoding", Fate::ours},\n', "",
            TO_PROVIDER + "AsksForWhatItCanLookInto"),
        one("no cookie of the provider", REWRITE, '    Row{"set-cookie", Fate::answer},\n', "",
            TO_AGENT + "DropsWhatWouldBindTheAgentToTheProvider"),
        one("the key masked in headers", REWRITE, "    if (!secret.empty())\n", "    if (false)\n", TO_AGENT + "MasksTheKey"),
        one("the key masked across pieces", MASK, "static_cast<std::size_t>(finder_.begun_at(1) - before_)", "held_.size()",
            "unit_broker:KeyMask.FindsTheKeyHoweverTheAnswerIsCut"),
        one("and written with escapes", FINDER, "        look(levels_[1], once, out);\n        layers_[1].feed(once, [&]", "        layers_[1].feed(next, [&]",
            "unit_broker:KeyMask.FindsTheKeyAsJsonUrlsAndHtmlWriteIt", "ctest:broker:providers"),
        one("and with escapes of these", FINDER, "layers_[1].feed(once, [&](const Character& twice) { look(levels_[2], twice, out); });", "",
            "unit_broker:KeyMask.FindsItWithEscapesOfEscapes"),
        one("and in base64", "daemon/broker/core/key_forms.cpp", "if (!text.empty()) all", "if (text.empty()) all",
            "unit_broker:KeyMask.FindsItInBase64WhateverStandsAroundIt", "ctest:broker:providers"),
        one("in lines, too", FINDER, "if (ends_it || !forms_.all[i].is_base64) level.found[i] = 0;", "level.found[i] = 0;",
            "unit_broker:KeyMask.FindsItInBase64ThatIsWrittenInLines"),
        one("also where JSON writes their ends", "daemon/broker/core/escapes.cpp", "else if (text[1] == 'n' || text[1] == 'r')", "else if (false)",
            "unit_broker:KeyMask.FindsItInBase64ThatIsWrittenInLines"),
        one("which hold nothing back without end", FINDER, "++level.line_ends > most_line_ends", "false",
            "unit_broker:KeyMask.FindsItInBase64ThatIsWrittenInLines"),
        one("no coding hides an error behind another field", "daemon/broker/exchange.cpp", "std::string_view coding = coding_of(head);", "std::string_view coding = field(head.fields, \"content-encoding\");",
            "ctest:broker:providers"),
        one("and wiped in what was read", "daemon/broker/exchange.cpp", "    if (!good) ::explicit_bzero(", "    if (good && !good) ::explicit_bzero(",
            "ctest:broker:sessions"),
        one("nor does OpenSSL keep it", "daemon/broker/upstream.cpp", "    wipe_tls_buffers_at_hand();\n", "", "ctest:broker:sessions"),
        one("in an error's headers, too", "daemon/broker/exchange.cpp", "    if (exchange.mask) out = without_key(std::move(out), key);\n", "",
            "ctest:broker:providers"),
        one("in an error whose status says nothing of it", "daemon/broker/pass_on.cpp", "if (!was_on && exchange.answer->may_be_error())", "if (false)",
            "ctest:broker:providers", "ctest:broker:streams"),
        one("a word of an error is one in two pieces, too", "daemon/broker/core/error_words.cpp", "seen_ = has_word(std::string_view(room.data(), kept_ + more), kept_);", "(void)more;",
            "unit_broker:ErrorWords.AreFoundHoweverTheAnswerIsCut"),
        one("the key masked in what is kept of a 200", "daemon/broker/exchange.cpp", "without_secrets(words_of_error(answer), key)",
            "std::string(words_of_error(answer))", "ctest:sessions:limits"),
        one("nor in a model's place", "daemon/broker/exchange.cpp", "without_secrets(answer.model(), key)", "answer.model()",
            "ctest:sessions:limits"),
        one("no token in a model's place", MASK, "    mask_tokens(out);\n", "", "unit_broker:WithoutSecrets.MasksEveryToken",
            "ctest:sessions:limits"),
        one("a provider's text is text", "daemon/broker/core/answer_reader.cpp", "return readable_text(unescaped_json(json), max_message);",
            "return unescaped_json(json).substr(0, max_message);", "unit_broker:AnswerReader.TellsOnlyWhatCanBeToldInJson", "ctest:sessions:limits"),
        one("no begin of the key at the end of what is kept", MASK, "        out.resize(static_cast<std::size_t>(finder.begun_at(harmless + 1)));\n", "        (void)harmless;\n",
            "unit_broker:WithoutSecrets.MasksTheKeyAndABeginOfItAtTheEnd"),
        one("what a provider says of a plan is bounded", "daemon/broker/plan_usage.cpp", " || out.body.size() > max_usage_answer", "",
            "ctest:broker:usage"),
        one("no word of an answer in an error", "daemon/broker/core/plan_usage_reader.cpp",
            "        out = {};\n        out.error = wrong;", "        out.error = wrong + std::string(body);", "ctest:broker:usage"),
        one("a broker that runs is not told of as one that does not", "daemon/sessions/broker_calls.cpp", 'if (each->in_grants && each->message == "key") {', "if (false) {",
            "ctest:sessions:anew"),
        one("a plan's key goes to where it is asked for now", "daemon/sessions/broker_calls.cpp", "if (!is_wanted()) co_return", "if (false && !is_wanted()) co_return",
            "ctest:sessions:anew"),
        one("each provider asked once a minute", "daemon/handlers/known_usage.cpp", "now - found->second.asked >= ask_usage_again",
            "true", "ctest:sessions:usage"),
        one("another host's key is not sent to the built-in usage", "daemon/load/load_catalog.cpp",
            "    if (!in.built_in() && !gives_usage_url(in)) leave_built_in_usage(provider);\n", "",
            "unit_config:CatalogOverride.TheBuiltInUsageIsNotAskedForAnotherHost", "ctest:sessions:usage"),
        one("a refusal is the key's that it was given to", "daemon/handlers/provider_notes.cpp", "limits.of(provider.id, key_name(key))",
            "limits.of(provider.id)", "ctest:sessions:limits"),
    ]  # fmt: skip


def places() -> list[Protection]:
    path = "daemon/broker/core/places.cpp"
    unit = "unit_broker:BrokerPlaces."
    return [
        one("places of those that show no token", path, "if (strangers_.size() <= most) return nullptr;", "return nullptr;",
            unit + "WhoHasMostStrangersMakesRoom", "ctest:broker:floods"),
        one("who has most makes room", path, "if (each->user->second.strangers > found->user->second.strangers) found = each;", ";",
            unit + "WhoHasMostStrangersMakesRoom"),
        one("one user's requests", path, "its.working >= 3 * (most - std::min(most, working_))", "false",
            unit + "OneUsersRequestsLeavePlacesToOthers"),
        one("unfinished heads of one user", path, "if (all <= most) return nullptr;", "return nullptr;",
            unit + "UnfinishedHeadsOfOneUserAreBoundedTogether", "ctest:broker:floods"),
        one("a key that was removed meanwhile goes nowhere", "daemon/broker/exchange.cpp",
            "if (!exchange.session->upstream) co_return", "if (false) co_return", "ctest:broker:sessions"),
        one("a handshake computes on another thread", "daemon/broker/upstream.cpp", "co_await way.workers.run(attempt.work, attempt.owner, base.authority);",
            "tls->step();", "ctest:broker:handshakes"),
        one("one owner's work holds up no other", "daemon/broker/workers.cpp", "other.owner == job.owner && ",
            "", "unit_broker:BrokerWorkers.WhatOneOwnerHasComputedHoldsUpNoOther"),
        one("and has its turn", "daemon/broker/workers.cpp", "(out == jobs_.end() || turn < last_turn)", "out == jobs_.end()",
            "unit_broker:BrokerWorkers.WhoeverHasWaitedLongestIsNext"),
        one("each has some threads", "daemon/broker/workers.cpp", "++running == most_of_an_owner || ", "++running == 0 || ",
            "unit_broker:BrokerWorkers.AnOwnerHasTwoAtATime"),
        one("and one for each provider", "daemon/broker/workers.cpp", " || other.place == job.place)", ")",
            "unit_broker:BrokerWorkers.OfTheseOneForEachPlace"),
        one("the threads are there before agents can take them", "daemon/broker/broker.cpp", "    workers_->start();", "    ",
            "ctest:broker:handshakes"),
        one("a proxy's head has a bound", "daemon/broker/upstream.cpp", " && answer.size() < most_of_proxy", "", "ctest:broker:passing"),
        one("the broker gives its memory back", "daemon/broker/broker.cpp", "            memory_.give_back();\n", "", "ctest:broker:floods"),
        one("it tells later what capsuled has not read", "daemon/broker/broker.cpp", "while (!capsuled_.is_behind())", "while (true)",
            "ctest:broker:clients"),
        one("many users without a session count as one", "daemon/broker/connection.cpp",
            "return uid && broker.sessions().has_one_of(*uid) ? uid : std::nullopt;", "return uid;", "ctest:broker:floods"),
        one("refusals are told once in ten seconds", "daemon/broker/broker.cpp", "std::max(now + report_after, strangers_told_ + tell_of_strangers_again)",
            "now + report_after", "ctest:broker:refusals"),
        one("and whose they are", "daemon/broker/connection.cpp", "count_stranger(refusal.code, uid_);\n    const std::string answer", "count_stranger(refusal.code);\n    const std::string answer",
            "ctest:broker:refusals", "ctest:sessions:limits"),
        one("who shows no token is closed soon", "daemon/broker/connection.cpp",
            "if (place_->state == Places::State::stranger) deadline_ = std::min(deadline_, stranger_until_);", "", "ctest:broker:floods"),
    ]  # fmt: skip
