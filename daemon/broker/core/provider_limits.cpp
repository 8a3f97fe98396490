#include "daemon/broker/core/provider_limits.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

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

constexpr std::string_view time_shape = "0000-00-00 00:00:00";

struct TimeInText {
    std::string text;       ///< in UTC where its zone is known, else as it stands there
    bool is_ahead = true;   ///< or nobody knows
    bool is_reset = false;  ///< it stands with a word that says so
};

/// Of a text that begins with one.
TimeInText first_time(std::string_view text, const std::optional<std::string>& zone, UtcTime now) {
    const std::string time(text.substr(0, time_shape.size()));
    if (const std::string own = zone_of(text.substr(time_shape.size())); !own.empty()) {
        const auto meant = utc_time(time + own);
        return {meant ? utc_text(*meant) : time + own, !meant || *meant > now};
    }
    // No reset is over before it is told of: then the zone is another one.
    const auto meant = zone ? utc_time(time + *zone) : std::nullopt;
    return {meant && *meant > now ? utc_text(*meant) : time};
}

std::vector<TimeInText> times_in(std::string_view message, const std::optional<std::string>& zone, UtcTime now) {
    constexpr std::size_t near_before = 40, near_behind = 20;
    std::vector<TimeInText> out;
    std::size_t last_end = 0;
    for (std::size_t at = 0; at < message.size(); ++at) {
        const std::string_view rest = message.substr(at);
        if (!begins_like(rest, time_shape)) continue;
        TimeInText& found = out.emplace_back(first_time(rest, zone, now));
        const std::size_t begin = std::max(last_end, at - std::min(at, near_before));
        const std::string_view before = message.substr(begin, at - begin);
        last_end = at + time_shape.size();
        const std::string_view behind = message.substr(last_end, near_behind);
        found.is_reset = has_part(before, "reset") || has_part(before, "again") || has_part(before, "until") ||
                         behind.find("\u91cd\u7f6e") != behind.npos;
        at = last_end - 1;
    }
    return out;
}

/// Of a member that holds nothing but a time: text, or seconds or milliseconds since 1970.
std::optional<std::string> time_of_field(std::string_view field, const std::optional<std::string>& zone, UtcTime now) {
    constexpr std::int64_t most_seconds = 100'000'000'000;  // beyond it they are milliseconds
    if (begins_like(field, time_shape)) {
        const TimeInText time = first_time(field, zone, now);
        return time.is_ahead ? std::optional(time.text) : std::nullopt;
    }
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), number);
    if (error != std::errc() || end != field.data() + field.size() || number <= 0) return std::nullopt;
    const double milliseconds = static_cast<double>(number) * (number > most_seconds ? 1.0 : 1000.0);
    const auto text = utc_of_milliseconds(milliseconds);
    return text && *utc_time(*text) > now ? text : std::nullopt;
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

std::optional<std::string> reset_time(const ResetClues& clues, const std::optional<std::string>& zone, UtcTime now) {
    if (auto time = time_of_field(clues.field, zone, now)) return time;
    const std::vector<TimeInText> times = times_in(clues.message, zone, now);
    const auto of_a_reset =
        std::ranges::find_if(times, [](const TimeInText& each) { return each.is_reset && each.is_ahead; });
    if (of_a_reset != times.end()) return of_a_reset->text;
    if (clues.retry_at) return clues.retry_at;
    const auto ahead = std::ranges::find_if(times, &TimeInText::is_ahead);
    if (ahead != times.end()) return ahead->text;
    return times.empty() ? std::nullopt : std::optional(times.front().text);
}

}  // namespace capsule::broker
