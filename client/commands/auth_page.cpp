#include "client/commands/auth_page.hpp"

namespace capsule {
namespace {

Cell key_of(const AuthRow& row) {
    if (row.state == "present") return {row.masked.value_or("present"), Tone::good};
    if (row.state == "error") return {"error", Tone::bad};
    if (row.state == "unresolved") return {"not read yet"};
    return {row.state, Tone::dim};
}

std::string how_to_get(const AuthRow& row, const Style& style) {
    Table table;
    if (row.subscribe_url) table.add({{"subscribe", Tone::dim}, {*row.subscribe_url}});
    if (row.key_url) table.add({{"get the key", Tone::dim}, {*row.key_url}});
    table.add({{"store it", Tone::dim}, {"capsulectl auth set " + row.provider}});
    table.add(
        {{"or", Tone::dim}, {"set " + row.variable + " in the daemon's environment, or in [env] of capsule.toml"}});
    if (row.notes) table.add({{"note", Tone::dim}, {*row.notes}});
    return paint(printable(row.label), Tone::strong, style) + "\n" + table.text(style, 2);
}

}  // namespace

std::string auth_page(const AuthListResult& list, const Style& style) {
    Table table({"PROVIDER", "MODE", "KEY", "FROM", "SCOPE", "VARIABLE"});
    std::string missing;
    std::vector<Warning> warnings;
    for (const AuthRow& row : list.rows) {
        table.add({{row.provider},
                   {row.mode},
                   key_of(row),
                   {row.source.value_or("-"), Tone::dim},
                   {row.scope.value_or("-"), Tone::dim},
                   {row.variable, Tone::dim}});
        if (row.state == "absent") missing += "\n" + how_to_get(row, style);
        for (const Warning& warning : row.warnings)
            warnings.push_back({warning.code, row.label + ": " + warning.message});
    }
    std::string page = table.text(style);
    if (!missing.empty()) page += "\nHow to get the keys that are missing:\n" + missing;
    if (!warnings.empty()) page += "\n" + warnings_text(warnings, style);
    return page;
}

}  // namespace capsule
