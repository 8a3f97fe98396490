#include "daemon/config/excerpt.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace capsule {
namespace {

constexpr std::string_view hidden = "…";

/// Sections that hold no keys (but for what is called "env" in them).
constexpr auto sections = std::to_array<std::string_view>(
    {"daemon", "access", "limits", "session", "workspaces", "agents", "claude", "codex", "opencode", "providers"});

/// Settings whose values are no secrets. One that is missing here is merely shown without its value.
constexpr auto harmless_names = std::to_array<std::string_view>({"socket",
                                                                 "socket_group",
                                                                 "log_level",
                                                                 "log_format",
                                                                 "status",
                                                                 "spawn",
                                                                 "admin",
                                                                 "connections",
                                                                 "connections_per_user",
                                                                 "requests_per_user",
                                                                 "memory_per_user",
                                                                 "sessions_per_user",
                                                                 "request_bytes",
                                                                 "output_bytes",
                                                                 "request_timeout_ms",
                                                                 "write_timeout_ms",
                                                                 "idle_timeout_ms",
                                                                 "user",
                                                                 "passthrough",
                                                                 "project_settings",
                                                                 "privileges",
                                                                 "codex_home",
                                                                 "xdg_config_home",
                                                                 "claude_config_dir",
                                                                 "provider",
                                                                 "native",
                                                                 "model",
                                                                 "opus_model",
                                                                 "sonnet_model",
                                                                 "haiku_model",
                                                                 "label",
                                                                 "subscribe_url",
                                                                 "key_url",
                                                                 "notes",
                                                                 "timeout_ms",
                                                                 "models",
                                                                 "base_url",
                                                                 "auth",
                                                                 "wire_api",
                                                                 "context_window",
                                                                 "profile",
                                                                 "npm",
                                                                 "blocked"});

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blank = " \t\r";
    const std::size_t first = text.find_first_not_of(blank);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::vector<std::string_view> lines_up_to(std::string_view text, std::size_t line) {
    std::vector<std::string_view> lines;
    while (lines.size() < line) {
        const std::size_t end = text.find('\n');
        lines.push_back(text.substr(0, end));
        if (end == text.npos) break;
        text.remove_prefix(end + 1);
    }
    lines.resize(line);  // an error at the end of the file is one line further
    return lines;
}

/// A line that could lie inside a multi-line string can be anything.
bool multi_line_string_near(const std::vector<std::string_view>& lines) {
    return std::any_of(lines.begin(), lines.end(), [](std::string_view line) {
        return line.find("\"\"\"") != line.npos || line.find("'''") != line.npos;
    });
}

/// `line` up to an inline table or a comment outside of its strings.
std::string harmless_part(std::string_view line) {
    char quote = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quote != 0) {
            if (quote == '"' && c == '\\') ++i;
            if (c == quote) quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '{' || c == '#') {
            std::string out(line.substr(0, i));
            while (!out.empty() && (out.back() == ' ' || out.back() == '\t'))
                out.pop_back();
            return c == '{' ? out + " {" + std::string(hidden) : out;
        }
    }
    while (line.ends_with('\r'))
        line.remove_suffix(1);
    return std::string(line);
}

/// The parts of a dotted name written without quotes; none where it is anything else.
std::optional<std::vector<std::string_view>> parts_of(std::string_view name) {
    constexpr std::string_view bare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t dot = name.find('.');
        const std::string_view part = trimmed(name.substr(0, dot));
        if (part.empty() || part.find_first_not_of(bare) != part.npos) return std::nullopt;
        parts.push_back(part);
        if (dot == name.npos) return parts;
        name.remove_prefix(dot + 1);
    }
}

bool is_header(std::string_view line) {
    return trimmed(line).starts_with('[');
}

/// "[providers.zai.codex]" of a section that holds no keys.
bool is_harmless_header(std::string_view line) {
    std::string_view name = trimmed(line);
    while (name.starts_with('['))
        name.remove_prefix(1);
    const auto parts = parts_of(name.substr(0, name.find_first_of("]#")));
    return parts && contains(sections, parts->front()) &&
           std::find(parts->begin(), parts->end(), "env") == parts->end();
}

/// The nearest header above says so; a line of which that is not certain counts as one that does not.
bool in_harmless_section(const std::vector<std::string_view>& lines) {
    for (std::size_t i = lines.size() - 1; i-- > 0;)
        if (is_header(lines[i])) return is_harmless_header(lines[i]) && lines[i].find(']') != std::string_view::npos;
    return true;
}

/// A key can end in '=' and stand where a name would: only what looks like a variable or is known is one.
bool is_surely_a_name(std::string_view part) {
    constexpr std::string_view of_variables = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    constexpr std::size_t longest = 64;
    return part == "env" || contains(sections, part) || contains(harmless_names, part) ||
           (part.size() <= longest && part.find('_') != part.npos && part.find_first_not_of(of_variables) == part.npos);
}

std::string without_value(std::string_view name) {
    return std::string(name) + " = " + std::string(hidden);
}

}  // namespace

std::string excerpt_of_value(std::string_view text, std::size_t line) {
    const auto lines = lines_up_to(text, line);
    return multi_line_string_near(lines) ? std::string(hidden) : harmless_part(lines.back());
}

std::string excerpt_of_name(std::string_view text, std::size_t line, std::string_view name) {
    const auto lines = lines_up_to(text, line);
    const std::string_view header = trimmed(lines.back());
    const std::size_t end = header.find(']');
    if (!multi_line_string_near(lines) && end != header.npos && header.starts_with('[') &&
        parts_of(header.substr(1, end - 1)))
        return std::string(header.substr(0, end + 1));
    return without_value(name);
}

std::string excerpt_of_broken(std::string_view text, std::size_t line) {
    const auto lines = lines_up_to(text, line);
    const std::string_view broken = lines.back();
    if (multi_line_string_near(lines)) return std::string(hidden);
    if (is_header(broken)) {
        if (!is_harmless_header(broken)) return std::string(hidden);
        return std::string(broken.substr(0, std::min(broken.find_first_of("]#"), broken.size() - 1) + 1));
    }
    const std::size_t equals = broken.find('=');
    if (equals == broken.npos) return std::string(hidden);
    const auto parts = parts_of(broken.substr(0, equals));
    if (!parts || !std::all_of(parts->begin(), parts->end(), is_surely_a_name)) return std::string(hidden);
    const bool harmless = contains(harmless_names, parts->back()) && in_harmless_section(lines) &&
                          std::find(parts->begin(), parts->end(), "env") == parts->end();
    return harmless ? harmless_part(broken) : without_value(trimmed(broken.substr(0, equals)));
}

}  // namespace capsule
