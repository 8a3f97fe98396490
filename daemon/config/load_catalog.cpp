#include "daemon/config/load_catalog.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "daemon/catalog/cell.hpp"
#include "daemon/catalog/names.hpp"
#include "daemon/catalog/variables.hpp"
#include "daemon/config/checks.hpp"

namespace capsule {
namespace {

constexpr std::int64_t default_timeout_ms = 3'000'000;
constexpr std::int64_t longest_timeout_ms = std::numeric_limits<std::int32_t>::max();  // of the agents' timers
constexpr std::int64_t largest_context = 1'000'000'000;

/// [measured] Codex will not start on a table of these names: they are its own.
constexpr auto providers_of_codex = std::to_array<std::string_view>({"openai", "ollama", "lmstudio", "amazon-bedrock"});

/// `native` and `blocked`, which stand in place of a cell's fields. True: the cell is wired, read its fields.
template <class Cell>
bool read_kind(TableReader& in, Cell& cell) {
    const bool native = in.has("native");
    const bool blocked = in.has("blocked");
    if ((native || blocked) && in.size() > 1)
        in.refuse(native ? "native" : "blocked", "stands in place of the other settings of this table",
                  "Remove either it or the others.");
    if (native) {
        if (!in.boolean("native").value_or(false)) in.refuse("native", "can only be true", "Leave it out.");
        if (!in.built_in() && cell.kind != CellKind::native)
            in.refuse("native", "only Claude Code on anthropic and Codex on openai are an agent's own account",
                      "Give the settings of this agent instead, base_url first.");
        cell.kind = CellKind::native;
        return false;
    }
    if (cell.kind == CellKind::native)
        in.refuse_table("this is the agent's own account, which cannot be rewired",
                        "Add a provider of your own: [providers.<id>] with its key_env and this table.");
    if (const auto reason = in.text("blocked")) {
        if (!is_label(reason->value)) in.refuse("blocked", "must be a reason on one line");
        cell = Cell{};
        cell.kind = CellKind::blocked;
        cell.blocked_reason = reason->value;
        return false;
    }
    cell.kind = CellKind::routed;
    cell.blocked_reason.clear();
    return true;
}

void read_base_url(TableReader& in, std::string& base_url) {
    if (const auto url = in.text("base_url")) {
        // Not shown: a URL with a password in it is one of the things that are wrong.
        if (const auto problem = base_url_problem(url->value)) in.refuse_hidden("base_url", "the URL " + *problem);
        base_url = url->value;
    }
    if (base_url.empty()) in.refuse_table("base_url is missing");
}

void read_model(TableReader& in, std::string_view key, Located<std::string>& model) {
    if (const auto given = in.text(key)) {
        check_model_name(in, key, given->value);
        model = *given;
    }
}

void read_claude_env(TableReader& in, ClaudeCell& cell) {
    in.hide_values();
    for (const TableReader::Entry& entry : in.entries()) {
        if (!is_variable_name(entry.name)) in.refuse(entry, "this is no variable name", variable_name_hint);
        if (const auto problem = why_not_in_env(entry.name)) in.refuse(entry, *problem, "Remove it.");
        std::string value(in.text_of(entry));
        if (value.find('\0') != value.npos) in.refuse(entry, "the value has a NUL character");
        cell.env[entry.name] = {std::move(value), in.origin_of(entry)};
    }
}

void read_claude(TableReader& in, Provider& provider) {
    ClaudeCell& cell = provider.claude;
    if (!read_kind(in, cell)) return;
    read_base_url(in, cell.base_url);
    cell.auth = in.word<ClaudeAuth>("auth", {{"auth_token", ClaudeAuth::auth_token}, {"api_key", ClaudeAuth::api_key}})
                    .value_or(cell.auth);
    read_model(in, "opus_model", cell.opus_model);
    read_model(in, "sonnet_model", cell.sonnet_model);
    read_model(in, "haiku_model", cell.haiku_model);
    if (cell.opus_model.value.empty()) in.refuse_table("opus_model is missing");
    if (cell.sonnet_model.value.empty()) cell.sonnet_model = cell.opus_model;
    if (cell.haiku_model.value.empty()) cell.haiku_model = cell.opus_model;
    if (auto env = in.table("env")) read_claude_env(*env, cell);
}

void read_codex(TableReader& in, Provider& provider) {
    CodexCell& cell = provider.codex;
    if (!read_kind(in, cell)) return;
    if (std::find(providers_of_codex.begin(), providers_of_codex.end(), provider.id) != providers_of_codex.end())
        in.refuse_table("Codex has a provider of that name built in and does not start on another one",
                        "Give the provider another id, such as \"" + provider.id + "-gateway\".");
    read_base_url(in, cell.base_url);
    if (const auto wire_api = in.text("wire_api"); wire_api && wire_api->value != "responses")
        in.refuse("wire_api", "must be \"responses\"",
                  wire_api->value == "chat"
                      ? "Codex does not start on \"chat\" (Chat Completions) any more. A provider "
                        "that has no Responses API cannot serve Codex: leave this table out."
                      : "Codex speaks no other protocol.");
    cell.wire_api = "responses";
    read_model(in, "model", cell.model);
    if (cell.model.value.empty()) in.refuse_table("model is missing");
    if (const auto window = in.integer("context_window", 1, largest_context)) cell.context_window = *window;
    if (cell.context_window == 0)
        in.refuse_table("context_window is missing", "It is the model's, in tokens: without it Codex guesses.");
    if (const auto profile = in.text("profile")) {
        if (!is_profile_name(profile->value))
            in.refuse("profile", "cannot name a file of Codex's",
                      "Use letters, digits, '-' and '_', at most 64, with a letter or digit first.");
        cell.profile = profile->value;
    }
    if (cell.profile.empty()) cell.profile = provider.id;
}

void read_opencode(TableReader& in, Provider& provider) {
    OpencodeCell& cell = provider.opencode;
    if (!read_kind(in, cell)) return;
    if (const auto npm = in.text("npm")) {
        if (!is_npm_package(npm->value))
            in.refuse("npm", "is no name of an npm package",
                      "Write \"name\" or \"@scope/name\", such as \"@ai-sdk/openai-compatible\": no version, path or "
                      "URL.");
        cell.npm = npm->value;
    }
    if (cell.npm.empty())
        in.refuse_table("npm is missing",
                        "It is the SDK, such as \"@ai-sdk/openai-compatible\" or "
                        "\"@ai-sdk/anthropic\".");
    read_base_url(in, cell.base_url);
    read_model(in, "model", cell.model);
    // On Anthropic OpenCode knows the models itself; of another provider it knows nothing.
    if (cell.model.value.empty() && provider.alternative()) in.refuse_table("model is missing");
}

void read_key_variable(TableReader& in, Provider& provider) {
    const auto name = in.text("key_env");
    if (!name) {
        if (provider.key_env.empty())
            in.refuse_table("key_env is missing", "It is the variable that holds this provider's key.");
        return;
    }
    // Not shown: people paste the key itself here.
    if (!is_variable_name(name->value)) in.refuse_hidden("key_env", "this is no variable name", variable_name_hint);
    if (!in.built_in() && !provider.alternative() && !provider.key_env.empty() && name->value != provider.key_env)
        in.refuse("key_env", "the agent itself reads " + provider.key_env + ", no other variable will do",
                  "Remove it.");
    if (const auto problem = why_not_in_env(name->value)) in.refuse("key_env", *problem, "Choose another name.");
    const auto passes = default_passthrough();
    if (std::any_of(passes.begin(), passes.end(), [&](std::string_view p) { return matches(p, name->value); }))
        in.refuse("key_env", name->value + " passes into every session, a key must not", "Choose another name.");
    provider.key_env = name->value;
}

void read_line(TableReader& in, std::string_view key, std::string& out) {
    const auto given = in.text(key);
    if (!given) return;
    if (!is_label(given->value)) in.refuse(key, "must be one line of text without braces");
    out = given->value;
}

void read_page(TableReader& in, std::string_view key, std::string& out) {
    read_line(in, key, out);
    if (!out.empty() && (!out.starts_with("https://") || has_white_space(out)))
        in.refuse(key, "must be the https:// address of a page");
}

void read_facts(TableReader& in, Provider& provider) {
    read_line(in, "label", provider.label);
    if (provider.label.empty()) provider.label = provider.id;
    read_line(in, "key_prefix", provider.key_prefix);
    read_page(in, "subscribe_url", provider.subscribe_url);
    read_page(in, "key_url", provider.key_url);
    read_line(in, "notes", provider.notes);
    if (const auto timeout = in.integer("timeout_ms", 1, longest_timeout_ms)) provider.timeout_ms = *timeout;
    if (provider.timeout_ms == 0) provider.timeout_ms = default_timeout_ms;
    if (const auto models = in.texts("models")) {
        for (std::size_t i = 0; i < models->value.size(); ++i)
            if (!is_model_name(models->value[i]))
                in.refuse_element("models", i, "cannot be a model's name", model_hint);
        provider.models = models->value;
    }
}

void read_provider(TableReader& in, Provider& provider) {
    provider.origin = in.origin();
    // The cells first: whether this is an agent's own account decides what its key may be called.
    if (auto cell = in.table("claude")) read_claude(*cell, provider), cell->finish();
    if (auto cell = in.table("codex")) read_codex(*cell, provider), cell->finish();
    if (auto cell = in.table("opencode")) read_opencode(*cell, provider), cell->finish();
    read_key_variable(in, provider);
    read_facts(in, provider);
    in.finish();
}

/// What one provider's table says that only all of them together can make wrong.
void check_among_others(TableReader& in, Provider& provider, const Catalog& catalog) {
    for (const Provider& other : catalog.providers) {
        if (other.id == provider.id) continue;
        if (in.has("key_env") && other.key_env == provider.key_env)
            in.refuse("key_env", provider.key_env + " is the key variable of " + other.id,
                      "Each provider's key has a variable of its own.");
        auto codex = in.table("codex");
        if (codex && provider.codex.kind == CellKind::routed && other.codex.kind == CellKind::routed &&
            other.codex.profile == provider.codex.profile)
            codex->refuse("profile", in_quotes(provider.codex.profile) + " is the profile of " + other.id,
                          "Leave it out: the provider's id is used.");
    }
    if (auto claude = in.table("claude"))
        if (auto env = claude->table("env"))
            for (const TableReader::Entry& entry : env->hide_values().entries())
                if (const Provider* owner = catalog.by_key_variable(entry.name))
                    env->refuse(entry, entry.name + " is the key variable of " + owner->id, "Remove it.");
    auto opencode = in.table("opencode");
    if (!opencode || provider.opencode.model.value.empty()) return;
    if (const auto conflict = model_conflict(catalog, Agent::opencode, provider, provider.opencode.model.value))
        opencode->refuse("model", conflict->message, conflict->hint);
    provider.opencode.model.value = without_provider(provider.opencode.model.value, provider);
}

}  // namespace

void read_providers(TableReader& providers, Catalog& catalog) {
    std::vector<std::pair<std::string, TableReader>> read;
    for (auto& [entry, in] : providers.tables()) {
        if (!is_provider_id(entry.name))
            providers.refuse(entry, "cannot be a provider's id",
                             "Use a lower-case letter, then lower-case letters, digits and '-', at most 32.");
        const auto known = std::find_if(catalog.providers.begin(), catalog.providers.end(),
                                        [&](const Provider& p) { return p.id == entry.name; });
        Provider& provider = known == catalog.providers.end() ? catalog.providers.emplace_back() : *known;
        provider.id = entry.name;
        read.emplace_back(entry.name, in);
        read_provider(in, provider);
    }
    for (auto& [id, in] : read)
        for (Provider& provider : catalog.providers)
            if (provider.id == id) check_among_others(in, provider, catalog);
}

}  // namespace capsule
