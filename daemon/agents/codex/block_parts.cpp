#include "daemon/agents/codex/block_parts.hpp"

#include <algorithm>

#include "daemon/agents/codex/config_file.hpp"
#include "daemon/edit/toml_text.hpp"

namespace capsule {

std::optional<std::string> our_id(std::string_view part, const TomlBlockIntent& intent) {
    if (has_toml_comment(part)) return std::nullopt;  // somebody's own words
    const toml::parse_result parsed = parse_codex_toml(part);
    if (!parsed || parsed.table().size() != 1) return std::nullopt;
    const toml::table* providers = parsed.table()["model_providers"].as_table();
    if (providers == nullptr || providers->size() != 1) return std::nullopt;
    const std::string_view id = providers->begin()->first.str();
    const toml::table* table = providers->begin()->second.as_table();
    const bool known = std::ranges::find(intent.known, id) != intent.known.end() ||
                       std::ranges::find(intent.tables, id, &TomlBlockIntent::Table::id) != intent.tables.end();
    const bool ours =
        known && table != nullptr && std::ranges::all_of(*table, [&](const auto& entry) {
            return entry.second.is_string() && std::ranges::find(our_settings, entry.first.str()) != our_settings.end();
        });
    return ours ? std::optional<std::string>(id) : std::nullopt;
}

bool has_our_values(std::string_view part, const TomlBlockIntent& intent) {
    if (!intent.is_our_value) return false;
    const toml::parse_result parsed = parse_codex_toml(part);
    const toml::table& providers = *parsed.table()["model_providers"].as_table();
    const std::string_view id = providers.begin()->first.str();
    return std::ranges::all_of(*providers.begin()->second.as_table(), [&](const auto& entry) {
        return intent.is_our_value(id, entry.first.str(), entry.second.as_string()->get());
    });
}

bool is_written_by_codex(std::string_view part) {
    if (has_toml_comment(part)) return false;
    const toml::parse_result parsed = parse_codex_toml(part);
    constexpr std::array<std::string_view, 4> tables{"notice", "projects", "tui", "mcp_servers"};
    return parsed && std::ranges::all_of(parsed.table(), [&](const auto& entry) {
               return entry.second.is_table() && std::ranges::find(tables, entry.first.str()) != tables.end();
           });
}

bool has_header(std::string_view part) {
    return std::ranges::any_of(read_toml_lines(part),
                               [](const TomlLine& line) { return line.kind == TomlLine::Kind::header; });
}

}  // namespace capsule
