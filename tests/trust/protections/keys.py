"""What a session is given and what is said of keys: "Of a session" and "Of keys" in docs/security.md."""

from protection import Edit, Protection, one

SESSION_ENV = "daemon/agents/session_env.cpp"
OPENCODE = "daemon/agents/opencode/opencode_json.cpp"
CLAUDE = "daemon/agents/claude/render.cpp"
EXCERPT = "daemon/config/excerpt.cpp"
QUOTABLE = "daemon/config/quotable.cpp"
READER = "daemon/config/toml_reader.cpp"
BECOME = "client/commands/become.cpp"
ASK = "client/commands/ask_key.cpp"

FOR_GOOD = "unit_client:BecomeUser.LetsRootBecomeAnyoneForGood"


def protections() -> list[Protection]:
    return the_session() + becoming() + said_of_keys() + typed()


def the_session() -> list[Protection]:
    missing = "    if (!key) co_return key.error();\n"
    another = """    if (!key && params.provider != "anthropic") {
        SpawnParams other = params;
        other.provider = "anthropic";
        other.model.reset();
        co_return co_await wire(services, other);
    }
"""
    return [
        one("no half of what op gives is a key", "daemon/keys/op_reader.cpp", "value.size() > longest_key)", "false)",
            "unit_op_reader:Op.NotInstalledEmptyAndTornValuesAreErrors"),
        one("of what op says no word that may be a key is quoted", "daemon/keys/op_reader.cpp",
            "readable_text(quotable_words(text.substr(0, text.find('\\n'))), 400)", "readable_text(text.substr(0, text.find('\\n')), 400)",
            "unit_op_reader:Op.ThatSaysTheKeyAndFailsIsQuotedWithoutIt"),
        one("nor what it gave before it failed", "daemon/keys/op_reader.cpp",
            "        secrets.emplace_back(without_white_space_behind(result->out));\n", "", "unit_op_reader:Op.ThatSaysTheKeyAndFailsIsQuotedWithoutIt"),
        one("nor op's arguments in the place of its path", "daemon/keys/op_program.cpp",
            "\"[keys] op: \" + quotable_path(*configured)", "\"[keys] op: \" + *configured", "unit_op_reader:Op.WithArgumentsInItsPathIsRefusedWithoutThem"),
        one("nor a key in the place of its file", "daemon/keys/file_source.cpp", "\" names \" + quotable_path(path)", "\" names \" + path",
            "unit_keys:Files.TheNamedFileMustBeThereAndAbsolute"),
        one("nor a key behind a dollar sign", "daemon/keys/key_value.cpp", "\") refers to \" + quotable(name)", "\") refers to \" + std::string(name)",
            "unit_keys:References.UnsetOrEmptyIsAnErrorAndNotTheNextSource"),
        one("nor a key in the place of its variable", "daemon/load/load_catalog.cpp", "quotable(name) != name;", "false;",
            "unit_config:CatalogRefusal.Facts"),
        one("a missing key is no other account", "daemon/handlers/wiring.cpp", missing, another + missing,
            "integration_errors:Errors.AMissingKeyIsNeverReplacedByAnotherAccount"),
        one("no key or routing variable gets in", SESSION_ENV,
            "if (!is_variable_name(name) || is_ours(config, name)) return false;",
            "if (!is_variable_name(name)) return false;",
            "unit_agents:SessionEnv.NothingReservedPassesWhateverTheSource"),
        one("nor settings of git where projects are left out", SESSION_ENV,
            "ProjectSettings::ignore && is_git_setting(name)) return false;",
            "ProjectSettings::ignore && is_git_setting(name) && false) return false;",
            "unit_agents:SessionEnv.WhereProjectsAreLeftOutGitRunsNothingOfTheirs"),
        one("and git's hooks and monitor are held off", SESSION_ENV,
            "    if (session.project_settings == ProjectSettings::ignore) pin_git_settings(plan);\n", "",
            "unit_agents:SessionEnv.WhereProjectsAreLeftOutGitRunsNothingOfTheirs"),
        one("opencode.json has no keys by default", "daemon/agents/opencode/cell.hpp", "keys = OpencodeKeys::env",
            "keys = OpencodeKeys::in_file", "unit_config:LoadConfig.NothingIsTheDefaults",
            "integration_files:Files.NoKeyIsInTheHome"),
        one("one that stood there goes, though the file has comments now", "daemon/agents/opencode/jsonc.cpp",
            "        if (key->reference)\n", "        if (!key->reference)\n            continue;\n        else if (false)\n",
            "unit_merge:OpencodeJson.AKeyOfOursGoesOutOfAFileWithComments", "integration_files:Files.NorOneThatStoodThere"),
        one("and one that stays in such a file is told", "daemon/agents/opencode/jsonc.cpp",
            "        else\n            warnings.push_back(", "        else if (false)\n            warnings.push_back(",
            "unit_merge:OpencodeJson.AKeyThatCapsuledDoesNotKnowStaysInAFileWithCommentsAndIsTold"),
        one("or in what is the user's own", OPENCODE, "    if (merged) warn_of_keys(*merged, intent);\n", "",
            "unit_merge:OpencodeJson.AKeyInWhatIsTheUsersOwnStaysAndIsTold"),
        one("a short key is not noted", CLAUDE, "if (key.size() < shortest)",
            "if (key.size() < remembered)", "unit_agents:Claude.OfAShortKeyNothingIsWritten"),
        one("of a replaced key nothing is noted", "daemon/agents/claude/claude_json.cpp",
            "        remove_from(\"approved\", tail);\n", "", "unit_merge:ClaudeJson.OfAnEarlierKeyNothingStays"),
        one("a home's JSON has so many items at most", "daemon/edit/examine_json.cpp", "most_items = 100'000;",
            "most_items = std::size_t(-1);", "unit_merge:JsonEdit.AFileOfMoreItemsThanAnybodyWritesIsNotRead"),
        one("and none of them costs the whole file", "daemon/agents/claude/claude_json.cpp",
            "        if (found) remove_items(",
            "        for (auto each = from; each && item_in(*each, wanted) != nullptr; each = list(name))\n"
            "            remove_item(text_, *each, *item_in(*each, wanted));\n        if (false) remove_items(",
            "unit_merge:ClaudeJson.AsManyAnswersAsAFileHoldsTakeNoLonger"),
        one("what the user approved stays", "daemon/agents/claude/claude_json.cpp", "return;  // by whomever", "{}",
            "unit_merge:ClaudeJson.OfAnEarlierKeyNothingStays"),
        one("a token is no count of tokens", "protocol/variable_name.cpp", "name.ends_with(\"_TOKENS\") && ", "",
            "unit_client:MaskSession.ACountOfTokensIsNoSecret", "unit_protocol:NamesASecret.NothingAndACountOfTokensAreNone"),
        one("a key file that others can read is warned of", "daemon/handlers/warnings.cpp",
            "if (others_can_read(path)) files", "if (others_can_read(path) && false) files",
            "integration_key_sources:KeySources.AFileThatOthersCanReadIsWarnedOf"),
        one("nor by [env]", SESSION_ENV, " && !is_ours(inputs.config, name)) pass_configured", ") pass_configured",
            "unit_agents:SessionEnv.NothingReservedPassesWhateverTheSource"),
        one("nor by another name", SESSION_ENV,
            "    if (is_reserved(*referred) || is_key_variable(inputs.config, *referred)) {\n", "    if (false) {\n",
            "unit_agents:SessionEnv.AConfiguredValueThatCannotBeHadIsLeftOutWithAWarning"),
        one("only what is allowed gets in", SESSION_ENV,
            "    return std::ranges::any_of(default_passthrough(), matches_name) ||\n",
            "    return true || std::ranges::any_of(default_passthrough(), matches_name) ||\n",
            "unit_agents:SessionEnv.IsExactlyTheUsersAndTheAllowlistedPart",
            "integration_session:Session.TheRequestsEnvironmentPassesTheAllowlistOnly"),
        one("no other provider's key stays in a launcher's", "daemon/agents/session.cpp",
            "        names.push_back(provider.key_env);\n", "",
            "unit_agents:Unset.IsEveryKeyAndRoutingVariableThatTheSessionHasNot"),
        one("no routing variable stays in it", "daemon/agents/session.cpp",
            "all(routing_variables().begin(), routing_variables().end());", "all;",
            "unit_agents:Unset.IsEveryKeyAndRoutingVariableThatTheSessionHasNot"),
        one("another user's login is not passed on", SESSION_ENV,
            "        if (!inputs.home.same_user && is_of_a_login(name)) continue;\n", "",
            "unit_agents:SessionEnv.AnotherUsersLoginIsNotPassedOn",
            "integration_exec:ExecAsAnother.TheSessionIsThatUsers"),
        one("PATH has absolute entries", SESSION_ENV, "        if (!entry.starts_with('/')) continue;\n", "",
            "unit_agents:SessionEnv.PathHasAbsoluteEntriesOnly"),
        one("a directory of keys that is not there is not looked for again", "daemon/keys/directory_source.cpp",
            "    if (is_known_missing(directory)) return true;\n", "",
            "unit_write_faults:ClosedDirectory.OneThatIsNotThereIsNotLookedForAgain"),
        one("the agent is looked for in those", "daemon/home/find_binary.cpp",
            "        if (candidate.front() != '/') continue;\n", "",
            "unit_home:Inventory.LooksInNoDirectoryOfTheOnesThatItIsIn"),
        one("by capsulectl too", BECOME, "        if (!candidate.starts_with('/')) continue;\n", "",
            "unit_client:FindProgram.IgnoresEntriesThatAreNotAbsolute"),
    ]  # fmt: skip


def becoming() -> list[Protection]:
    checked = """    if (!has_ids(user) || can_return || sorted(groups) != sorted(current_groups()))
        return Error{ErrorCode::io_error, "becoming " + describe(user) + " did not take", hint};
"""
    uids = "::setresuid(user.uid, user.uid, user.uid)"
    gids = "::setresgid(user.gid, user.gid, user.gid)"
    ids = "integration_exec:ExecAsAnother.ExecBecomesThatUser"
    return [
        one("exec takes the user's groups", BECOME, "::setgroups(groups.size(), groups.data()) != 0", "false", FOR_GOOD,
            ids),
        one("exec takes the user's group", BECOME, gids + " != 0", "false", FOR_GOOD, ids),
        one("exec becomes the user", BECOME, uids + " != 0", "false", FOR_GOOD, ids),
        # Each alone is noticed by the check that follows.
        Protection("exec becomes the user for good", [
            Edit(BECOME, uids, "::setresuid(user.uid, user.uid, 0)"),
            Edit(BECOME, checked, "    if (can_return && false) return Error{};\n"),
        ], [FOR_GOOD]),
        one("what did not take is refused", BECOME, uids, "::setresuid(user.uid, user.uid, 0)", FOR_GOOD, ids),
        one("nobody becomes another", BECOME, "        if (is_already) return {};\n",
            "        return {};\n", "unit_client:BecomeUser.RefusesAnybodyElse"),
    ]  # fmt: skip


def said_of_keys() -> list[Protection]:
    refused = "unit_config:RefusedTexts."
    no_argument = "unit_agents:Claude.NoSecretOfARoutesVariablesIsInTheArguments"
    return [
        one("a value in a request is not repeated", "daemon/handlers/session_params.cpp", '" has a NUL"',
            '" has a NUL: " + value',
            "integration_errors:Errors.AKeyThatSomebodyTypesIntoARequestIsNotRepeated"),
        one("a key that is refused is not repeated", "daemon/handlers/auth_set.cpp",
            '"the key has white space, control or other characters that no key has"',
            '"no key has such characters: " + value',
            "integration_auth:Auth.BadKeysAndScopesAreRefused"),
        one("a line of broken TOML is not shown", EXCERPT,
            "is_surely_a_name)) return std::string(not_quoted);", "is_surely_a_name)) return std::string(broken);",
            "unit_config:LoadConfigRefusal.BrokenTomlNeverShowsAKey"),
        one("nor what the parser quotes", "daemon/config/broken_toml.cpp",
            "std::string(description.substr(0, description.find('\\'')))", "std::string(description)",
            "unit_config:LoadConfigRefusal.BrokenTomlNeverShowsAKey"),
        one("nor the value of a known name", EXCERPT,
            "    return harmless ? harmless_part(broken) : without_value(trimmed(broken.substr(0, equals)));\n",
            "    return harmless_part(broken);\n", "unit_config:LoadConfigRefusal.BrokenTomlNeverShowsAKey"),
        one("nor what stands beside a value", EXCERPT,
            "    return multi_line_string_near(lines) ? std::string(not_quoted) : harmless_part(lines.back());\n",
            "    return std::string(lines.back());\n", "unit_config:LoadConfigRefusal.NoErrorShowsAKeyBesideIt"),
        one("nor a value of [env]", "daemon/load/load_env.cpp",
            "    in.hide_values();\n", "", "unit_config:LoadConfigRefusal.EnvNeverShowsAValue"),
        one("nor one of another kind where a table belongs", "daemon/config/toml_reader.cpp", "no_key ? show_ : Show::name_only, key,\n              \"expected",
            "show_, key,\n              \"expected", "unit_config:LoadConfigRefusal.EnvNeverShowsAValue"),
        one("nor what stands beside it in a list", "daemon/config/toml_reader.cpp", " && table_->get(key) == &value;", ";",
            "unit_config:LoadConfigRefusal.EnvNeverShowsAValue"),
        one("nor is a part of a proxy's password looked up in DNS", "daemon/base/proxy_url.cpp", "if (url.find('@', slash) != url.npos)", "if (false)",
            "unit_base:ProxyUrl.APasswordWithASlashIsRefused", "unit_config:LoadConfigRefusal.SessionsWithoutKeys",
            "unit_handlers:EnvironmentProxy.OneThatCannotBeUsedIsToldWithoutItsPassword"),
        one("nor one before a port without an '@'", "daemon/base/proxy_url.cpp", '"[]?#:\\\\"', '"[]?#"', "unit_base:ProxyUrl.SoIsWhatIsNone"),
        one("a proxy in the environment that cannot be used is told", "daemon/handlers/warnings.cpp",
            "    if (auto why = why_no_proxy(generation.config, services.environment))\n", "    if (auto why = std::optional<std::string>())\n",
            "integration_status:Status.AProxyThatTheBrokerCannotUseIsTold"),
        one("nor a password where a port belongs", "daemon/load/load_config.cpp", "in.refuse_hidden(\n            \"listen\"",
            "in.refuse(\n            \"listen\"", "unit_config:LoadConfigRefusal.SessionsWithoutKeys"),
        one("nor a variable's value where its name belongs", QUOTABLE, "text.substr(0, equals + 1)).append(not_quoted)", "text)",
            refused + "EachOfTheseWasShown", refused + "NoErrorShowsASecretInThePlaceOfAnySetting"),
        one("nor a token in the place of a name or a path", QUOTABLE, "if (run.size() > kind.most || mixed > most_mixed)", "if (run.size() > text.size() || mixed > most_mixed)",
            "unit_config:Quotable.OfWhatMayBeASecretAtMostItsName"),
        one("nor a URL's password", QUOTABLE, "is_harmless(url.substr(end)) ? ", "true ? ",
            refused + "EachOfTheseWasShown", "integration_lifecycle:Lifecycle.NoSecretInThePlaceOfASettingIsInStatusOrTheLog"),
        one("nor what an option is set to", "daemon/load/load_agents.cpp", "option_name(list[i])", "list[i]",
            refused + "EachOfTheseWasShown", "integration_lifecycle:Lifecycle.NoSecretInThePlaceOfASettingIsInStatusOrTheLog"),
        one("nor the arguments beside it", "daemon/load/load_agents.cpp",
            "in.refuse_hidden_element(\"args\", i, '\"' + option", "in.refuse_element(\"args\", i, '\"' + option",
            "unit_config:LoadConfigRefusal.ArgumentsThatDefeatAPin"),
        one("nor a text on the line", EXCERPT, "quote + quotable(rest.substr(1, end - 1))", "quote + std::string(rest.substr(1, end - 1))",
            refused + "EachOfTheseWasShown"),
        one("nor one without quotes", EXCERPT, "out += quotable(left.substr(0, end));", "out += left.substr(0, end);",
            refused + "NoErrorShowsASecretInThePlaceOfAnySetting"),
        one("nor the name of a section", READER, "const std::string shown = quotable(key);", "const std::string shown(key);",
            refused + "NorInTheNameOfASection"),
        one("nor that of one around it", READER, "parent.path_to(quotable(key.str()))", "parent.path_to(key.str())",
            refused + "NoErrorShowsASecretInThePlaceOfAnySetting"),
        one("nor a value where a section's name is refused", READER, "refuse_at(entry.key->source(), Show::header, entry.name, what,",
            "refuse_at(entry.key->source(), show_, entry.name, what,", refused + "EachOfTheseWasShown"),
        one("nor a list of an unknown setting", READER, "near && first.value->is_string() &&", "near && !first.value->is_table() &&",
            "unit_config:LoadConfigRefusal.NoErrorShowsAKeyBesideIt"),
        one("nor a user who is not there", "daemon/access/policy.cpp", "quote(name)", "name",
            "integration_lifecycle:Lifecycle.NoSecretInThePlaceOfASettingIsInStatusOrTheLog"),
        one("nor a key in the place of its file's path", "daemon/keys/file_source.cpp", "\" is not an absolute path\"",
            "\" is not an absolute path: \" + path", "unit_keys:Files.TheNamedFileMustBeThereAndAbsolute"),
        one("nor what a key's file holds", "daemon/keys/secret_file.cpp",
            "key_problem(key, \"the key file \" + path)", "key_problem(key, std::string(key.reveal()) + path)",
            "unit_keys:SecretFile.WhatCannotBeAKey"),
        one("status masks", "daemon/handlers/status.cpp", "mask(finding.value)", "std::string(finding.value.reveal())",
            "integration_status:Status.MasksKeysAndSaysWhereTheyCameFrom"),
        one("explain masks", "daemon/handlers/explain.cpp", "variable.secret() ? variable.shown() :",
            "variable.secret() ? std::string(variable.reveal()) :",
            "integration_spawn:Spawn.ExplainIsTheSamePlanWithNothingWrittenAndEverySecretMasked"),
        one("explain masks tokens and proxies' passwords", "daemon/agents/build.hpp", "    if (is_secret_variable(name, value)) {\n",
            "    if (is_secret_variable(name, value) && false) {\n",
            "unit_agents:SessionEnv.ExplainDoesNotShowTokensOrProxyPasswords", no_argument),
        one("those of a provider's, too", CLAUDE, "        pass_variable(plan, name, value.value, value.origin);\n    set_variable(",
            "        set_variable(plan, name, value.value, value.origin);\n    set_variable(", no_argument),
        one("and of a model's", CLAUDE, "                pass_variable(plan, name, value.value, value.origin);\n",
            "                set_variable(plan, name, value.value, value.origin);\n", no_argument),
        one("no argument has one, or empties it", CLAUDE, "    if (!can_hold(plan, name)) return;", "", no_argument,
            "unit_agents:Claude.TheSessionsOwnProxyIsHeldUnlessItHasAPassword",
            "unit_agents:Claude.AnotherModelsVariableTakesNoSecretFromTheSession"),
        one("explain masks a key in another variable", "daemon/handlers/explain.cpp", "hide_in_value(variable.shown(), secrets)",
            "variable.shown()", "integration_session:Session.ExplainMasksASecretWhereverItStands"),
        one("and in an argument", "daemon/handlers/explain.cpp", "hide_in_value(argument.value, secrets)", "argument.value",
            "integration_session:Session.ExplainMasksASecretWhereverItStands"),
        one("capsulectl masks on a terminal", "client/commands/spawn.cpp",
            "const bool hide = output_style().terminal && !options.reveal;",
            "const bool hide = output_style().terminal && !options.reveal && false;",
            "integration_cli:Cli.KeysAreMaskedOnATerminalUnlessRevealed"),
        one("a configuration that others can read is warned of, whenever it was opened", "daemon/handlers/warnings.cpp",
            "if (config.path && holds_secrets(config)", "if (false && config.path && holds_secrets(config)",
            "integration_key_sources:KeySources.AConfigurationThatIsOpenedOrClosedAfterItsLoadIsLookedAtAgain",
            "integration_status:Status.WarnsOfKeysInAFileThatOthersRead"),
        one("also of a secret that every session has", "daemon/load/load_env.cpp",
            " || has_one(config.env, config.catalog, Sought::every_secret)", "",
            "unit_config:ConfigFiles.AndWhetherItHoldsWhatIsMaskedAsASecret", "integration_status:Status.WarnsOfKeysInAFileThatOthersRead"),
        one("be it one that others can write to", "daemon/keys/secret_file.cpp",
            "        if (found.error != 0) return false;\n", "        if (found.untrusted || found.error != 0) return false;\n",
            "unit_keys:SecretFile.WhereAnotherUsersLinkLeadsIsNotLookedAt",
            "integration_key_sources:KeySources.AConfigurationThatIsOpenedOrClosedAfterItsLoadIsLookedAtAgain"),
    ]  # fmt: skip


def typed() -> list[Protection]:
    option = '    set_command->add_option("--op", options->op,'
    return [
        one("no key is an argument", "client/commands/auth.cpp", option,
            '    set_command->add_option("KEY", options->op, "The key");\n' + option,
            "integration_auth:Auth.TheCommandTakesAKeyFromItsInputAndNeverFromItsArguments"),
        one("no key is echoed", ASK, "        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);\n", "",
            "unit_client:AskKey.ReadsOneLineOfATerminalUnseen", "terminal:HiddenKey.IsStoredAndNeverOnTheScreen"),
        one("the echo comes back", ASK, "    ~NoEcho() { ::tcsetattr(descriptor_, TCSAFLUSH, &before_); }\n",
            "    ~NoEcho() { before_ = {}; }\n", "terminal:HiddenKey.CtrlCCancelsAndBringsTheEchoBack"),
        one("after a signal too", ASK, "action.sa_handler = [](int) { interrupted = 1; };",
            "action.sa_handler = SIG_DFL;",
            "terminal:HiddenKey.CtrlCCancelsAndBringsTheEchoBack"),
        one("exec does not offer keys", "client/environment.cpp",
            "if (!is_variable_name(name) || (names_a_secret(name) && name != offered_secret)) continue;",
            "if (!is_variable_name(name)) continue;",
            "unit_client:OfferedEnvironment.LeavesOutWhatCannotOrShouldNotBeSent"),
    ]  # fmt: skip
