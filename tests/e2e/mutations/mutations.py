"""What run.py breaks, one at a time: each constant of the catalog, and each pin of the renderers.

A mutation is (name, file, old, new, tests, expected). `tests` are regular expressions for names of end-to-end tests, or
of another binary's with its name before a colon; every one of `expected`, parts of such names, must find a red test,
and for a constant of the catalog no other test may be red.
"""

CATALOG = "daemon/catalog/providers.toml"
CLAUDE = "daemon/agents/claude/render.cpp"
CODEX = "daemon/agents/codex/render.cpp"
OPENCODE = "daemon/agents/opencode/render.cpp"
CLAUDE_AGENT = "daemon/agents/claude/agent.hpp"
OPENCODE_AGENT = "daemon/agents/opencode/agent.cpp"

EVERY_CELL = ["RunsAToolInAFreshHome"]
CLAUDE_ALL = ["HoldsIn.*/claude", "Tiers", "SideCalls", "RunsATool.*/claude", "Helpers.*", "HeldVariables"]
CODEX_ALL = ["Pins.*Codex", "CellTest.*/codex", "CustomProvider.WorksInCodex"]
OPENCODE_ALL = ["RunsATool.*/opencode", "HoldsIn.*/opencode", "Pins.OpenCode"]
# What another pin holds too, as the comment beside each says: only the exact answer shows that it is there.
CODEX_ANSWER = ["unit_agents:^Codex"]
OPENCODE_ANSWER = ["unit_agents:^Opencode"]
HELD = ["HeldVariables"]
# With 2.1.332 MANAGED_BY_HOST holds these, too; with 2.1.197 only their own pins do (older.py).
CLAUDE_ANSWER = ["unit_agents:^Claude"]
CLAUDE_SOCKET = ["unit_home:^SettingsSurvey"]


def constants():
    """Each constant that shows on the wire, wrong; the cell that it belongs to."""
    evil = "https://custom.example/wrong"
    for provider in ["zai", "minimax", "kimi"]:
        claude, opencode = f"/claude_{provider}", f"/opencode_{provider}"
        yield f"{provider} claude base_url", f"providers.{provider}.claude", "base_url", evil, [claude, f"/{provider}_"]
        yield f"{provider} claude auth", f"providers.{provider}.claude", "auth", "api_key", [claude, f"/{provider}_"]
        yield f"{provider} claude opus_model", f"providers.{provider}.claude", "opus_model", "wrong", [
            claude, f"/{provider}_opus", f"/{provider}_fable"]
        yield f"{provider} claude haiku_model", f"providers.{provider}.claude", "haiku_model", "wrong", [
            f"/{provider}_haiku"]
        yield f"{provider} claude sonnet_model", f"providers.{provider}.claude", "sonnet_model", "wrong", [
            f"/{provider}_sonnet"]
        yield f"{provider} opencode npm", f"providers.{provider}.opencode", "npm", (
            "@ai-sdk/anthropic" if provider == "zai" else "@ai-sdk/openai-compatible"), [opencode]
        yield f"{provider} opencode base_url", f"providers.{provider}.opencode", "base_url", evil, [opencode]
        yield f"{provider} opencode model", f"providers.{provider}.opencode", "model", "wrong", [opencode]
        yield f"{provider} key_env", f"providers.{provider}", "key_env", "CUSTOM_API_KEY", [
            claude, opencode, f"/codex_{provider}", f"/{provider}_"]
        yield f"{provider} codex base_url", f"providers.{provider}.codex", "base_url", evil, [f"/codex_{provider}"]
        yield f"{provider} codex model", f"providers.{provider}.codex", "model", "wrong", [f"/codex_{provider}"]
    yield "anthropic opencode base_url", "providers.anthropic.opencode", "base_url", evil, [
        "/opencode_anthropic", "Pins.OpenCodesOwnAccount"]
    yield "anthropic opencode npm", "providers.anthropic.opencode", "npm", "@ai-sdk/openai-compatible", [
        "Pins.OpenCodesOwnAccountUsesItsOwnSdk"]
    yield "anthropic key_env", "providers.anthropic", "key_env", "CUSTOM_API_KEY", ["/opencode_anthropic"]
    yield "openai key_env", "providers.openai", "key_env", "CUSTOM_API_KEY", ["/codex_openai"]


def pins():
    """Each pin, removed; the cells that must notice."""
    line = lambda text: (text, "")
    # Claude Code
    yield ("claude MANAGED_BY_HOST", CLAUDE,
           *line('    if (inputs.key) set_variable(plan, std::string(claude_managed_variable), "1", from_capsuled);\n'), CLAUDE_ALL)
    yield ("claude HOST_AUTH_ENV_VAR", CLAUDE, "    if (!inputs.key) set_variable(", "    if (false) set_variable(",
           ["Pins.ALoginInTheHome"])
    yield ("claude HTTPS_PROXY of a login's session", CLAUDE, "plan.env.contains(std::string(claude_login_variable))) hold_variable", "false) hold_variable",
           ["Pins.ALoginInTheHome"])
    yield ("claude ANTHROPIC_BASE_URL of a login's session", CLAUDE,
           *line('        set_variable(plan, "ANTHROPIC_BASE_URL", "https://api.anthropic.com", from_capsuled);\n'),
           ["Pins.AProfileInTheHome"])
    yield ("claude ANTHROPIC_BASE_URL", CLAUDE, *line(
        '    set_variable(plan, "ANTHROPIC_BASE_URL", session_url(inputs, route.cell().base_url),\n'
        '                 session_url_from(inputs, provider.origin));\n'), CLAUDE_ALL)
    yield ("claude ANTHROPIC_AUTH_TOKEN", CLAUDE, "        set_key(plan, std::string(auth_token_variable), inputs);",
           "        set_key(plan, \"OTHER_VARIABLE\", inputs);", CLAUDE_ALL)
    yield "claude OAUTH_TOKEN", CLAUDE, "        set_key(plan, std::string(oauth_variable), inputs);", ";", CLAUDE_ALL
    for tier, model in [("OPUS", "*route.model"), ("SONNET", "route.tiers.at(\"sonnet\")"),
                        ("HAIKU", "route.tiers.at(\"haiku\")"), ("FABLE", "*route.model")]:
        yield f"claude tier {tier}", CLAUDE, *line(f'    set_tier(plan, "{tier}", {model});\n'), CLAUDE_ALL
    yield "claude ANTHROPIC_MODEL", CLAUDE, *line(
        '    set_variable(plan, "ANTHROPIC_MODEL", "opus", from_capsuled);\n'), ["Pins.AProjectsModel"]
    yield "claude API_TIMEOUT_MS", CLAUDE, "    if (provider.timeout_ms > 0)\n", "    if (false)\n", HELD
    yield "claude DISABLE_NONESSENTIAL_TRAFFIC", CLAUDE, *line(
        '    set_variable(plan, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1", from_capsuled);\n'), HELD
    yield ("claude --settings apiKeyHelper", CLAUDE, "    hold_helper(settings, plan,",
           "    if (false) hold_helper(settings, plan,", CLAUDE_ANSWER)
    yield "claude --settings enforceAvailableModels", CLAUDE, *line(
        '    settings["enforceAvailableModels"] = false;\n'), CLAUDE_ALL
    yield "claude --settings skipWebFetchPreflight", CLAUDE, *line(
        '    if (!route.native) settings["skipWebFetchPreflight"] = true;\n'), ["SideCalls.APage"]
    for name in ["ANTHROPIC_BETAS", "ANTHROPIC_CUSTOM_HEADERS", "CLAUDE_CODE_ENABLE_TELEMETRY",
                 "CLAUDE_CODE_EXTRA_BODY"]:
        held = CLAUDE_ANSWER if name in ("ANTHROPIC_CUSTOM_HEADERS", "CLAUDE_CODE_ENABLE_TELEMETRY") else HELD
        yield f"claude --settings env.{name}", CLAUDE, f'"{name}"', '"UNRELATED_NAME"', held
    for name in ["ENABLE_BETA_TRACING_DETAILED", "BETA_TRACING_ENDPOINT"]:
        yield f"claude --settings env.{name}", CLAUDE, f'"{name}"', '"UNRELATED_NAME"', CLAUDE_ANSWER  # each holds the other, too
    yield ("claude --settings env.OTEL_EXPORTER_OTLP_*", CLAUDE, "        if (sends_telemetry(plan)) hold_variable",
           "        if (false) hold_variable", ["Helpers.AnOperatorsTelemetry"])
    for name in ["ALL_PROXY", "all_proxy"]:
        yield f"claude --settings env.{name}", CLAUDE_AGENT, f'"{name}"', '"UNRELATED_NAME"', CLAUDE_ANSWER
    yield "claude HTTPS_PROXY", CLAUDE, "    tunnel_through_proxy(plan);\n", "    if (false) tunnel_through_proxy(plan);\n", [
        "Proxies.*claude_anthropic_ALL_PROXY"]
    yield "claude --settings env.API_TIMEOUT_MS", CLAUDE, '{"API_TIMEOUT_MS", "CLAUDE', '{"CLAUDE', HELD
    yield ("claude --settings env.DISABLE_NONESSENTIAL_TRAFFIC", CLAUDE,
           '{"API_TIMEOUT_MS", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"}', '{"API_TIMEOUT_MS"}', HELD)
    for name in ["claude_socket_variable), \"\"", '"CLAUDE_CODE_ENVIRONMENT_KIND", "byoc"']:
        start = "    set_variable(plan, " + ("std::string(" if name.startswith("claude") else "")
        yield f"claude socket: {name}", CLAUDE, *line(f"{start}{name}, from_capsuled);\n"), CLAUDE_SOCKET
    yield "claude --setting-sources", CLAUDE, "== ProjectSettings::ignore)\n", "== ProjectSettings::ignore && false)\n", [
        "ProjectSettings"]
    # Codex
    yield ("codex native model_provider", CODEX, *line(
        '    add_override(plan, "model_provider", toml_string(route.provider->id), from_capsuled);\n'), CODEX_ALL)
    yield ("codex native openai_base_url", CODEX, *line(
        '    add_override(plan, "openai_base_url", toml_string(session_url(inputs, own_base_url)),\n'
        '                 session_url_from(inputs, from_capsuled));\n'),
        CODEX_ALL)
    yield "codex native OPENAI_API_KEY", CODEX, *line('    set_key(plan, "OPENAI_API_KEY", inputs);\n'), CODEX_ALL
    yield "codex native CODEX_API_KEY", CODEX, *line('    set_key(plan, "CODEX_API_KEY", inputs);\n'), CODEX_ALL
    yield "codex key", CODEX, *line("    set_key(plan, provider.key_env, inputs);\n"), CODEX_ALL
    yield "codex JACKIN_CODEX_PROFILE", CODEX, *line(
        '    set_variable(plan, "JACKIN_CODEX_PROFILE", codex_cell(cell_of(provider)).profile, provider.origin);\n'), ["RunsATool.*/codex"]
    yield "codex -m", CODEX, "    add_model(plan, *route.model);\n    const std::string id", "    const std::string id", CODEX_ALL
    yield "codex -c model_provider", CODEX, *line(
        '    add_override(plan, "model_provider", toml_string(id), provider.origin);\n'), CODEX_ALL
    yield ("codex -c model_providers", CODEX, '    add_override(plan, "model_providers." + id,',
           '    if (false) add_override(plan, "model_providers." + id,', CODEX_ALL)
    yield "codex a provider's name that is taken", CODEX, "    if (!taken) return first;\n", "    return first;\n", ["Pins.ACopyOf.*Codex"]
    yield ("codex table base_url", CODEX, '",base_url=" + toml_string(session_url(inputs, cell_of(provider).base_url)) +\n           ',
           "std::string(inputs.home.codex_directory(), 0, 0) + ", CODEX_ALL)
    yield "codex table env_key", CODEX, '",env_key=" + toml_string(provider.key_env) + ', "", CODEX_ALL
    yield "codex table wire_api", CODEX, '",wire_api=" + toml_string(codex_wire_api) + ', "", CODEX_ANSWER  # 0.171.0 has no other one
    for name in ["review_model", "memories.extract_model", "memories.consolidation_model"]:
        yield f"codex -c {name}", CODEX, f'"{name}"', '"notice.unrelated"', ["Pins.*Codex"] if name != "memories.extract_model" else CODEX_ANSWER
    yield ("codex -c agents.default_subagent_model", CODEX, "    if (codex_home(inputs.facts).settings.subagent_model)\n",
           "    if (false && codex_home(inputs.facts).settings.subagent_model)\n", CODEX_ANSWER)
    yield "codex -c model_context_window", CODEX, "    if (facts.context_window > 0) {\n", "    if (false) {\n", ["Windows.*Codex", *CODEX_ANSWER]
    for name in ["analytics.enabled", "check_for_update_on_startup", "features.plugins"]:
        yield f"codex -c {name}", CODEX, f'add_override(plan, "{name}", "false", from_capsuled)', "(void)plan", [
            "Pins.CodexTells"] if name != "check_for_update_on_startup" else CODEX_ANSWER
    yield ("codex -c model_catalog_json", CODEX, "        if (files.session_catalog)\n",
           "        if (false)\n", CODEX_ALL)
    # OpenCode
    yield ("opencode -m", OPENCODE, "    if (!model.empty()) {\n        add_argument(plan, \"-m\"",
           "    if (false) {\n        add_argument(plan, \"-m\"", OPENCODE_ALL)
    yield "opencode key", OPENCODE, *line("    if (inputs.key) set_key(plan, provider.key_env, inputs);\n"), OPENCODE_ALL
    yield "opencode CONFIG_CONTENT", OPENCODE, '"OPENCODE_CONFIG_CONTENT", config_content', '"OTHER", config_content', OPENCODE_ALL
    # No agent reads it; editors do.
    yield ("opencode $schema", OPENCODE, '{"$schema", "https://opencode.ai/config.json"},\n                         ', "",
           OPENCODE_ANSWER)
    yield ("opencode enabled_providers", OPENCODE, '{"enabled_providers", json::array{provider.id}},\n', "", OPENCODE_ALL)
    yield ("opencode disabled_providers", OPENCODE, ',\n                         {"disabled_providers", json::array{}}}', "}",
           OPENCODE_ALL)
    # -m outranks it.
    yield "opencode model", OPENCODE, *line('        content["model"] = provider.id + "/" + model;\n'), OPENCODE_ANSWER
    yield "opencode small_model", OPENCODE, *line(
        '        content["small_model"] = provider.id + "/" + model;\n'), OPENCODE_ALL
    # The model's own entry names it too.
    yield "opencode npm", OPENCODE, '{{"npm", opencode_npm(cell_of(provider))}, {"options"', '{{"options"', OPENCODE_ANSWER
    yield ("opencode options.baseURL", OPENCODE, 'json::object options{{"baseURL", session_url(inputs, cell_of(provider).base_url)}};',
           "json::object options;", OPENCODE_ALL)
    yield ("opencode options.apiKey", OPENCODE, '    if (inputs.key) options["apiKey"]',
           '    if (false && inputs.key) options["apiKey"]', OPENCODE_ALL)
    yield "opencode options.headers", OPENCODE, *line('    options["headers"] = json::array{};\n'), OPENCODE_ALL
    yield "opencode models.<id>.id", OPENCODE, *line('    pin["id"] = model;\n'), OPENCODE_ALL
    yield "opencode models.<id>.name", "daemon/agents/opencode/whose_block.cpp", 'json::object entry{{"name", model}};', "json::object entry;", ["FirstStart.*/opencode"]
    yield ("opencode models.<id>.provider.npm", OPENCODE, '{{"npm", opencode_npm(cell_of(provider))},\n                     {"api"', '{{"api"',
           OPENCODE_ALL)
    # options.baseURL outranks it.
    yield ("opencode models.<id>.provider.api", OPENCODE, '{"api", session_url(', '{"unrelated", session_url(', OPENCODE_ANSWER)
    yield "opencode DISABLE_MODELS_FETCH", OPENCODE, *line(
        '    if (!model.empty()) set_variable(plan, "OPENCODE_DISABLE_MODELS_FETCH", "1", from_capsuled);\n'), [
        "RunsAToolInAFreshHome/opencode"]
    yield "opencode DISABLE_PROJECT_CONFIG", OPENCODE, "== ProjectSettings::ignore)", "== ProjectSettings::ignore && false)", [
        "ThievesOfOpenCode"]
    yield ("opencode a project that sends something out", OPENCODE_AGENT, "    leave_project_out(plan,",
           "    if (false) leave_project_out(plan,", ["SendsOut"])
