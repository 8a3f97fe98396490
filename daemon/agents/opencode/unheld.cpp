#include "daemon/agents/opencode/unheld.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/agents/survey_parts.hpp"

namespace capsule {
namespace {

/// The module that runs at each start.
constexpr std::string_view module = "esprima";
/// What is told of a file that may say which module that is.
constexpr std::string_view may_be = "(may name the module esprima)";
constexpr std::string_view may_run_code =
    "may name a module that runs with the session's environment, the key included";
/// JSON's, and what OpenCode takes for it.
constexpr std::string_view quotes = "\"'`", spaces = " \t\r\n";

bool has(std::string_view text, std::string_view word) {
    return text.find(word) != text.npos;
}

/// A package.json: is that module the package's own name? An escape may stand in it.
std::optional<LedTo> package_json(std::string_view text) {
    if (has(text, module) || has(text, "\\u") || has(text, "\\x")) return std::nullopt;
    return LedTo();
}

/// Whether what stands between the quote and the star does.
bool begins_module(std::string_view text, std::size_t quote, std::size_t star) {
    return quote != text.npos && star - quote <= module.size() + 1 &&
           module.starts_with(text.substr(quote + 1, star - quote - 1));
}

/// Whether a name may be a member that leads to another file: one that begins like the module before a `*`, as `"e*"`
/// does, or with a `/`, as the user's own plugins are fetched by their paths. A value has a comma or the end of a list
/// behind it. One walk: the text is a stranger's.
bool has_name_that_leads(std::string_view text) {
    constexpr std::string_view looked_for = "*\"'`";
    std::size_t quote = text.npos;  // the last one
    for (std::size_t at = text.find_first_of(looked_for); at != text.npos;
         at = text.find_first_of(looked_for, at + 1)) {
        const bool is_path = text[at] != '*' && text.substr(at + 1).starts_with('/');
        if (text[at] != '*') quote = at;
        if (!is_path && (text[at] != '*' || !begins_module(text, quote, at))) continue;
        const std::size_t end = text.find(text[quote], is_path ? at + 1 : at);
        const std::size_t next = end == text.npos ? end : text.find_first_not_of(spaces, end + 1);
        if (next == text.npos || !has(",]}", text.substr(next, 1))) return true;
    }
    return false;
}

/// The value of each member `name`. None: what stands there is no plain path, so OpenCode might read another one.
std::optional<std::vector<std::string>> paths_of_member(std::string_view text, std::string_view name) {
    std::vector<std::string> out;
    for (std::size_t at = text.find(name); at != text.npos; at = text.find(name, at)) {
        at += name.size();
        if (at < text.size() && has(quotes, text.substr(at, 1))) ++at;
        at = text.find_first_not_of(spaces, at);
        if (at == text.npos || text[at] != ':') return std::nullopt;
        at = text.find_first_not_of(spaces, at + 1);
        if (at == text.npos || !has(quotes, text.substr(at, 1))) return std::nullopt;
        const std::string_view value = text.substr(at + 1, text.find(text[at], at + 1) - at - 1);
        at += value.size() + 1;
        if (at >= text.size() || has(value, "\n") || has(value, "${")) return std::nullopt;
        // Behind a link, ".." is not what stands before it.
        bool goes_down = false;
        for (const auto& part : std::filesystem::path(value)) {
            if (part == ".." && goes_down) return std::nullopt;
            goes_down = goes_down || (part != ".." && part != "." && part != "/");
        }
        out.emplace_back(value);
    }
    return out;
}

/// A tsconfig.json may name another file for that module in `paths`, where `"@/*"` does not; in the directory that is
/// its `baseUrl`; and in a file that it `extends`.
std::optional<LedTo> tsconfig_json(std::string_view text) {
    if (has(text, module) || has(text, "\\") || has_name_that_leads(text)) return std::nullopt;
    const auto directories = paths_of_member(text, "baseUrl");
    auto files = paths_of_member(text, "extends");
    if (!directories || !files) return std::nullopt;
    LedTo out;
    for (const std::string& each : *directories)
        out.modules.push_back((std::filesystem::path(each) / module).string());
    out.files = std::move(*files);
    return out;
}

}  // namespace

/// A second reader of its takes the first three, and has no switch: plugins of theirs run, `references` are fetched.
/// The others say what that module is: in the nearest node_modules up to `/` it is a directory, a file whatever its
/// letters (ESPRIMA), or a file with one of eight endings.
const std::array<UnheldName, 7> opencode_unheld{
    {{.name = ".opencode"},
     {.name = "opencode.json"},
     {.name = "opencode.jsonc"},
     {.name = "node_modules/esprima", .any_ending = true, .member = module, .effect = runs_code},
     {.name = "package.json", .leads_to = package_json, .member = may_be, .effect = may_run_code},
     {.name = "tsconfig.json", .leads_to = tsconfig_json, .member = may_be, .effect = may_run_code},
     {.name = "jsconfig.json", .leads_to = tsconfig_json, .member = may_be, .effect = may_run_code}}};

}  // namespace capsule
