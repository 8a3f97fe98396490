#include "daemon/load/load_catalog.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "daemon/agents/agent.hpp"
#include "daemon/base/http_url.hpp"
#include "daemon/catalog/names.hpp"
#include "daemon/catalog/variables.hpp"
#include "daemon/config/checks.hpp"
#include "daemon/config/quotable.hpp"
#include "daemon/load/load_models.hpp"
#include "daemon/load/load_refusals.hpp"

namespace capsule {
namespace {

constexpr std::int64_t default_timeout_ms = 3'000'000;
constexpr std::int64_t longest_timeout_ms = std::numeric_limits<std::int32_t>::max();  // of the agents' timers

/// `native` and `blocked`, which stand in place of a cell's fields. True: the cell is wired, read its fields.
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

/// Some providers' keys are spelt as variables are, but for their small letters.
bool may_be_a_key(const std::string& name) {
    return std::ranges::any_of(name, [](char c) { return c >= 'a' && c <= 'z'; }) && quotable(name) != name;
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
    if (may_be_a_key(name->value))
        in.refuse_hidden("key_env", "this may be the key itself",
                         "Write the name of the variable that holds it, in capitals.");
    if (!in.built_in() && !provider.alternative() && !provider.key_env.empty() && name->value != provider.key_env)
        in.refuse("key_env", "the agent itself reads " + provider.key_env + ", no other variable will do",
                  "Remove it.");
    if (const auto problem = why_not_in_env(name->value)) in.refuse("key_env", *problem, "Choose another name.");
    const auto passes = default_passthrough();
    if (std::any_of(passes.begin(), passes.end(), [&](std::string_view p) { return matches(p, name->value); }))
        in.refuse("key_env", quotable(name->value) + " passes into every session, a key must not",
                  "Choose another name.");
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

void read_usage(TableReader& in, Provider& provider) {
    auto table = in.table("usage");
    if (!table) return;
    UsageSource& usage = provider.usage;
    std::vector<std::pair<std::string_view, std::string_view>> shapes;
    for (const std::string_view shape : usage_shapes)
        shapes.emplace_back(shape, shape);
    if (const auto shape = table->word<std::string_view>("shape", shapes)) usage.shape = *shape;
    if (const auto url = table->text("url")) {
        const auto problem = url->value.empty() ? std::nullopt : base_url_problem(url->value);
        if (problem) table->refuse_hidden("url", *problem, "Write the address of a page, or \"\" for none.");
        usage.url = url->value;
    }
    if (const auto documented = table->boolean("documented")) usage.documented = *documented;
    if (!usage.url.empty() && usage.shape.empty())
        table->refuse_table("shape is missing",
                            "It says whose answers this one's are like: \"zai\", \"minimax\" or \"kimi\".");
    table->finish();
}

void read_facts(TableReader& in, Provider& provider) {
    read_line(in, "label", provider.label);
    if (provider.label.empty()) provider.label = provider.id;
    read_line(in, "key_prefix", provider.key_prefix);
    if (auto names = in.texts("other_names")) provider.other_names = std::move(names->value);
    if (auto names = in.texts("other_key_names")) {
        for (std::size_t i = 0; i < names->value.size(); ++i)
            if (!is_variable_name(names->value[i]))
                in.refuse_element("other_key_names", i, quote(names->value[i]) + " is no variable name",
                                  variable_name_hint);
        provider.other_key_names = std::move(names->value);
    }
    read_page(in, "subscribe_url", provider.subscribe_url);
    read_page(in, "key_url", provider.key_url);
    read_line(in, "notes", provider.notes);
    if (const auto timeout = in.integer("timeout_ms", 1, longest_timeout_ms)) provider.timeout_ms = *timeout;
    if (provider.timeout_ms == 0) provider.timeout_ms = default_timeout_ms;
    read_usage(in, provider);
    read_refusals(in, provider);
    read_models(in, provider);
}

void read_cell(TableReader& in, const AgentDescriptor& agent, Provider& provider) {
    Cell& cell = provider.cell(agent.agent);
    if (read_kind(in, cell)) agent.read_cell(in, provider, cell);
    in.finish();
}

bool gives_usage_url(TableReader& in) {
    const auto table = in.table("usage");
    return table && table->has("url");
}

/// Where an operator's base URL leads elsewhere, the key is that place's, and the built-in page must not be sent it.
void leave_built_in_usage(Provider& provider) {
    UsageSource& usage = provider.usage;
    const auto asked = read_http_url(usage.url);
    if (!asked) return;
    for (const Cell& cell : provider.cells) {
        if (cell.kind != CellKind::routed) continue;
        const auto used = read_http_url(cell.base_url);
        if (!used || used->authority == asked->authority) continue;
        usage.elsewhere = used->authority;
        usage.url.clear();
        return;
    }
}

void read_provider(TableReader& in, Provider& provider) {
    provider.origin = in.origin();
    // Cells are read first: the key variable of an agent's own account cannot be renamed.
    for (const AgentDescriptor* agent : all_descriptors())
        if (auto table = in.table(id_of(agent->agent))) read_cell(*table, *agent, provider);
    read_key_variable(in, provider);
    read_facts(in, provider);
    if (!in.built_in() && !gives_usage_url(in)) leave_built_in_usage(provider);
    in.finish();
}

/// Refuses what is only wrong beside the other providers: a variable or a profile that two of them have.
void check_among_others(TableReader& in, Provider& provider, const Catalog& catalog) {
    for (const Provider& other : catalog.providers) {
        if (other.id == provider.id) continue;
        if (in.has("key_env") && other.key_env == provider.key_env)
            in.refuse("key_env", provider.key_env + " is the key variable of " + other.id,
                      "Each provider's key has a variable of its own.");
    }
    for (const Model& model : provider.models)
        for (const ModelForAgent& own : model.agents)
            for (const auto& [name, value] : own.env)
                if (const Provider* owner = catalog.by_key_variable(name))
                    in.refuse_table(name + " (" + value.origin + ") is the key variable of " + owner->id, "Remove it.");
    for (const AgentDescriptor* agent : all_descriptors())
        if (auto table = in.table(id_of(agent->agent)); table && agent->check_among_others)
            agent->check_among_others(*table, provider, catalog);
}

}  // namespace

std::vector<std::string> read_providers(TableReader& providers, Catalog& catalog, Problems& problems) {
    std::vector<std::pair<std::string, TableReader>> read;
    std::vector<std::string> wrong;
    for (auto& [entry, in] : providers.tables()) {
        const bool right = problems.attempt([&, &entry = entry, &in = in] {
            if (!is_provider_id(entry.name))
                providers.refuse(entry, "cannot be a provider's id",
                                 "Use a lower-case letter, then lower-case letters, digits and '-', at most 32.");
            const auto known = std::find_if(catalog.providers.begin(), catalog.providers.end(),
                                            [&](const Provider& p) { return p.id == entry.name; });
            Provider& provider = known == catalog.providers.end() ? catalog.providers.emplace_back() : *known;
            provider.id = entry.name;
            read_provider(in, provider);
            read.emplace_back(entry.name, in);
        });
        if (!right) wrong.push_back(entry.name);
    }
    for (auto& [id, in] : read)
        for (Provider& provider : catalog.providers)
            if (provider.id == id) problems.attempt([&, &in = in] { check_among_others(in, provider, catalog); });
    return wrong;
}

}  // namespace capsule
