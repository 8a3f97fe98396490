#include "daemon/broker/core/limits.hpp"

#include <algorithm>

namespace capsule::broker {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Whether `text` begins like `shape`, where '0' stands for any digit and ' ' for a space or a T.
bool begins_like(std::string_view text, std::string_view shape) {
    if (text.size() < shape.size()) return false;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        const bool fits = shape[i] == '0'   ? is_digit(text[i])
                          : shape[i] == ' ' ? text[i] == ' ' || text[i] == 'T'
                                            : text[i] == shape[i];
        if (!fits) return false;
    }
    return true;
}

bool has_part(std::string_view text, std::string_view part) {
    return std::search(text.begin(), text.end(), part.begin(), part.end(),
                       [](char a, char b) { return (a | 32) == (b | 32); }) != text.end();
}

bool matches(const LimitRule& rule, const LimitAnswer& answer) {
    return (!rule.status || *rule.status == answer.status) &&
           (!rule.code || *rule.code == answer.code || *rule.code == answer.type) &&
           (!rule.text || has_part(answer.message, *rule.text));
}

/// Of what follows a time of day: its zone as RFC 3339 has it; empty: it has none.
std::string zone_of(std::string_view rest) {
    if (begins_like(rest, ".0")) {
        rest.remove_prefix(1);
        rest.remove_prefix(std::min(rest.find_first_not_of("0123456789"), rest.size()));
    }
    if (rest.starts_with('Z') || rest.starts_with('z') || rest.starts_with(" UTC") || rest.starts_with(" GMT"))
        return "Z";
    for (const std::string_view shape : {"+00:00", "-00:00"})
        if (begins_like(rest, shape)) return std::string(rest.substr(0, shape.size()));
    for (const std::string_view shape : {"+0000", "-0000"})
        if (begins_like(rest, shape)) return std::string(rest.substr(0, 3)) + ":" + std::string(rest.substr(3, 2));
    return {};
}

}  // namespace

std::optional<std::string> limit_kind(const std::vector<LimitRule>& rules, const LimitAnswer& answer) {
    const auto names_the_error = [](const LimitRule& rule) { return rule.code || rule.text; };
    auto found = std::ranges::find_if(
        rules, [&](const LimitRule& rule) { return names_the_error(rule) && matches(rule, answer); });
    // A row that names nothing would match every answer.
    if (found == rules.end())
        found =
            std::ranges::find_if(rules, [&](const LimitRule& rule) { return rule.status && matches(rule, answer); });
    if (found == rules.end() || found->kind == "none") return std::nullopt;
    return found->kind;
}

std::optional<std::string> reset_time(std::string_view message, const std::optional<std::string>& zone, UtcTime now) {
    constexpr std::string_view shape = "0000-00-00 00:00:00";
    for (std::size_t at = 0; at < message.size(); ++at) {
        const std::string_view rest = message.substr(at);
        if (!begins_like(rest, shape)) continue;
        const std::string time(rest.substr(0, shape.size()));
        if (const std::string own = zone_of(rest.substr(shape.size())); !own.empty())
            return utc_of_text(time + own).value_or(time + own);
        const auto meant = zone ? utc_time(time + *zone) : std::nullopt;
        return meant && *meant > now ? utc_text(*meant) : time;
    }
    return std::nullopt;
}

}  // namespace capsule::broker
