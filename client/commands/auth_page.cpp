#include "client/commands/auth_page.hpp"

#include <algorithm>

namespace capsule {
namespace {

bool is_doubtful(const AuthRow& row) {
    return std::any_of(row.warnings.begin(), row.warnings.end(),
                       [](const Warning& warning) { return warning.code == "key.shape"; });
}

Cell key_of(const AuthRow& row) {
    if (row.state == "present") return {row.masked.value_or("present"), is_doubtful(row) ? Tone::warning : Tone::good};
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

/// For a capsule without any key, the whole way from here to a session.
std::string first_steps(const Style& style) {
    Table table;
    table.add({{"1."}, {"the page of a provider"}, {"has your key: copy it"}});
    table.add({{"2."}, {"capsulectl auth set PROVIDER", Tone::strong}, {"such as zai: asks for the key, unseen"}});
    table.add({{"3."}, {"capsulectl exec", Tone::strong}, {"asks which agent on which provider, and starts it"}});
    return paint(wrapped("From here to a session:", style.width, 0), Tone::strong, style) + "\n" + table.text(style, 2);
}

bool has_any_key(const AuthListResult& list) {
    return std::any_of(list.rows.begin(), list.rows.end(),
                       [](const AuthRow& row) { return row.state != "absent" && row.state != "ignored"; });
}

/// Which other source still has the key, and how to remove it there; else nothing.
std::string still_there(const AuthRow& row, const Style& style) {
    if (row.state == "absent" || !row.source) return {};
    const std::string& source = *row.source;
    std::string how = "remove it from " + source;
    if (source == "environment")
        how = "remove " + row.variable + " from the environment that capsuled is started with, and restart capsuled";
    else if (source == "auth.toml")
        how = "it is stored for a wider scope: capsulectl auth unset " + row.provider +
              " without --role, then without --workspace";
    else if (source.find(".toml") != std::string::npos)
        how = "remove that line, then run capsulectl reload";
    else if (source == row.variable + "_FILE")
        how = "remove the file that " + source + " names";
    const std::string verb = row.state == "ignored" ? " is ignored because of " : " still comes from ";
    return wrapped(printable("The key of " + row.label + verb + source + ". To remove it: " + how + "."), style.width,
                   0) +
           "\n";
}

Table table_of(const std::vector<AuthRow>& rows) {
    Table table({"PROVIDER", "KEY", "FROM", "SCOPE", "VARIABLE"});
    for (const AuthRow& row : rows)
        table.add({{row.provider},
                   key_of(row),
                   {row.source.value_or("-"), Tone::dim},
                   {row.scope.value_or("-"), Tone::dim},
                   {row.variable, Tone::dim}});
    return table;
}

std::string warnings_of(const std::vector<AuthRow>& rows, const Style& style) {
    std::vector<Warning> warnings;
    for (const AuthRow& row : rows)
        for (const Warning& warning : row.warnings)
            warnings.push_back({warning.code, row.label + ": " + warning.message});
    return warnings.empty() ? "" : "\n" + warnings_text(warnings, style);
}

}  // namespace

std::string set_page(const AuthRow& row, const std::optional<AuthScope>& scope, const Style& style) {
    std::string command = "capsulectl exec AGENT --provider " + row.provider;
    if (scope && scope->workspace) command += " --workspace " + *scope->workspace;
    if (scope && scope->role) command += " --role " + *scope->role;
    // Good news is no warning.
    AuthRow shown = row;
    const auto is_news = [](const Warning& each) { return each.code == "session.new_key"; };
    std::erase_if(shown.warnings, is_news);
    std::string page = table_of({shown}).text(style) + warnings_of({shown}, style) + "\n" +
                       paragraph("New sessions use it: " + command, style);
    for (const Warning& each : row.warnings)
        if (is_news(each)) page += paragraph("Also " + each.message, style);
    return page;
}

std::string unset_page(const AuthRow& row, const Style& style) {
    const bool was_stored =
        std::ranges::none_of(row.warnings, [](const Warning& each) { return each.code == "auth.not_stored"; });
    const std::string still = still_there(row, style);
    return table_of({row}).text(style) + warnings_of({row}, style) + (was_stored || !still.empty() ? "\n" : "") +
           (was_stored ? paragraph("Removed the stored key of " + row.label + ".", style) : "") + still;
}

std::string auth_page(const AuthListResult& list, const Style& style) {
    std::string missing;
    for (const AuthRow& row : list.rows)
        if (row.state == "absent") missing += "\n" + how_to_get(row, style);
    std::string page = table_of(list.rows).text(style);
    if (!missing.empty()) page += "\n" + paragraph("How to get the keys that are missing:", style) + missing;
    page += warnings_of(list.rows, style);
    if (!missing.empty() && list.rows.size() > 1 && !has_any_key(list)) page += "\n" + first_steps(style);
    return page;
}

}  // namespace capsule
