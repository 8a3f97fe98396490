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

}  // namespace

std::optional<std::string> limit_kind(const std::vector<LimitRule>& rules, const LimitAnswer& answer) {
    for (const LimitRule& rule : rules) {
        if (rule.status && *rule.status != answer.status) continue;
        if (rule.code && *rule.code != answer.code && *rule.code != answer.type) continue;
        if (rule.text && !has_part(answer.message, *rule.text)) continue;
        // A row that names nothing would match every answer.
        if (rule.status || rule.code || rule.text) return rule.kind;
    }
    return std::nullopt;
}

std::optional<std::string> reset_time(std::string_view message) {
    constexpr std::string_view shape = "0000-00-00 00:00:00";
    for (std::size_t at = 0; at < message.size(); ++at) {
        const std::string_view rest = message.substr(at);
        if (!begins_like(rest, shape)) continue;
        std::size_t size = shape.size();
        if (rest.substr(size).starts_with('Z'))
            ++size;
        else if (begins_like(rest.substr(size), "+00:00") || begins_like(rest.substr(size), "-00:00"))
            size += 6;
        return std::string(rest.substr(0, size));
    }
    return std::nullopt;
}

}  // namespace capsule::broker
