#include "daemon/config/excerpt.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "daemon/config/quotable.hpp"

namespace capsule {
namespace {

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

/// The text in quotes at the beginning of `rest`, with what is to be seen of it; to the end if it is not closed.
struct Quoted {
    std::string shown;
    std::size_t size;
};

Quoted quoted_at(std::string_view rest) {
    const char quote = rest.front();
    std::size_t end = 1;
    while (end < rest.size() && rest[end] != quote)
        end += quote == '"' && rest[end] == '\\' ? 2 : 1;
    end = std::min(end, rest.size());
    const bool closed = end < rest.size();
    return {quote + quotable(rest.substr(1, end - 1)) + (closed ? std::string(1, quote) : ""), end + (closed ? 1 : 0)};
}

/// What stands outside of quotes: a value is one text, a name has dots.
std::string harmless_words(std::string_view words, bool is_value) {
    const std::string_view word = trimmed(words);
    const std::size_t before = word.empty() ? words.size() : static_cast<std::size_t>(word.data() - words.data());
    std::string out(words.substr(0, before));
    for (std::string_view left = word; !left.empty();) {
        const std::size_t end = is_value ? left.size() : std::min(left.find_first_of(". \t"), left.size());
        out += quotable(left.substr(0, end));
        if (end < left.size()) out += left[end];
        left.remove_prefix(std::min(end + 1, left.size()));
    }
    return out.append(words.substr(before + word.size()));
}

/// `line` up to an inline table, a comment or a second '=' outside of its strings; of each text on it what is quotable.
std::string harmless_part(std::string_view line) {
    std::string out;
    bool is_value = false;
    const auto without_blanks = [&] { return out.substr(0, out.find_last_not_of(" \t\r") + 1); };
    while (!line.empty()) {
        const char c = line.front();
        std::size_t size = 1;
        if (c == '"' || c == '\'') {
            const Quoted text = quoted_at(line);
            out += text.shown;
            size = text.size;
        } else if (c == '#') {
            break;
        } else if (c == '{' || (c == '=' && is_value)) {
            return without_blanks() + (c == '{' ? " {" : " =") + std::string(not_quoted);
        } else if (c == '=' || c == '[' || c == ']' || c == ',') {
            is_value = is_value || c == '=';
            out += c;
        } else {
            size = std::min(line.find_first_of("\"'#{=[],"), line.size());
            out += harmless_words(line.substr(0, size), is_value);
        }
        line.remove_prefix(size);
    }
    return without_blanks();
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
    return part == "env" || contains(sections, part) || contains(harmless_names, part) ||
           (part.find('_') != part.npos && part.find_first_not_of(of_variables) == part.npos && quotable(part) == part);
}

}  // namespace

std::string without_value(std::string_view name) {
    return std::string(name) + " = " + std::string(not_quoted);
}

std::string excerpt_of_value(std::string_view text, std::size_t line) {
    const auto lines = lines_up_to(text, line);
    return multi_line_string_near(lines) ? std::string(not_quoted) : harmless_part(lines.back());
}

std::string excerpt_of_table(std::string_view text, std::size_t line, std::string_view name) {
    const auto lines = lines_up_to(text, line);
    const std::string_view whole = trimmed(lines.back());
    const std::size_t inner = whole.find_first_of("\"'#{");
    const bool is_inline = inner != whole.npos && whole[inner] == '{';
    return !multi_line_string_near(lines) && (is_header(whole) || is_inline) ? harmless_part(whole)
                                                                             : without_value(name);
}

std::string excerpt_of_broken(std::string_view text, std::size_t line) {
    const auto lines = lines_up_to(text, line);
    const std::string_view broken = lines.back();
    if (multi_line_string_near(lines)) return std::string(not_quoted);
    if (is_header(broken)) {
        if (!is_harmless_header(broken)) return std::string(not_quoted);
        return harmless_part(broken.substr(0, std::min(broken.find_first_of("]#"), broken.size() - 1) + 1));
    }
    const std::size_t equals = broken.find('=');
    if (equals == broken.npos) return std::string(not_quoted);
    const auto parts = parts_of(broken.substr(0, equals));
    if (!parts || !std::all_of(parts->begin(), parts->end(), is_surely_a_name)) return std::string(not_quoted);
    const bool harmless = contains(harmless_names, parts->back()) && in_harmless_section(lines) &&
                          std::find(parts->begin(), parts->end(), "env") == parts->end();
    return harmless ? harmless_part(broken) : without_value(trimmed(broken.substr(0, equals)));
}

}  // namespace capsule
