#include "daemon/broker/core/plan_usage_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <span>

#include "protocol/json_tree.hpp"
#include "protocol/utc_time.hpp"

namespace capsule::broker {
namespace {

namespace json = boost::json;

constexpr std::string_view hours = "5 hours", week = "week", month = "month", tools = "tools";
constexpr std::array labels{hours, week, month, tools};

const json::value* member(const json::value* of, std::string_view name) {
    const json::object* object = of ? of->if_object() : nullptr;
    return object ? object->if_contains(name) : nullptr;
}

std::string_view text_of(const json::value* value) {
    const json::string* text = value ? value->if_string() : nullptr;
    return text ? std::string_view(*text) : std::string_view();
}

/// Also of a number that is written as a string.
std::optional<double> number_of(const json::value* value) {
    if (!value) return std::nullopt;
    double out = 0;
    if (const auto* number = value->if_int64())
        out = static_cast<double>(*number);
    else if (const auto* positive = value->if_uint64())
        out = static_cast<double>(*positive);
    else if (const auto* real = value->if_double())
        out = *real;
    else {
        const std::string_view text = text_of(value);
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
        if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    }
    return std::isfinite(out) ? std::optional(out) : std::nullopt;
}

std::span<const json::value> items_of(const json::value* value) {
    const json::array* list = value ? value->if_array() : nullptr;
    return list ? std::span<const json::value>(list->data(), list->size()) : std::span<const json::value>();
}

/// `percent` used. What is negative is none; what is full is full. Rounded down, so that 100 means that nothing is
/// left.
void add(UsageAnswer& out, std::string_view label, std::optional<double> percent,
         std::optional<std::string> resets_at) {
    constexpr double full = 100;
    if (!percent || *percent < 0) return;
    const int used = static_cast<int>(std::min(*percent, full));
    const auto known = std::ranges::find(out.windows, label, &PlanWindow::label);
    if (known == out.windows.end())
        out.windows.push_back({std::string(label), used, std::move(resets_at)});
    else if (used > known->used_percent)
        *known = {std::string(label), used, std::move(resets_at)};
}

std::string refused(std::string_view by) {
    return "the key was refused (" + std::string(by) + ")";
}

std::string code_words(double code) {
    return "code " + std::to_string(static_cast<long long>(std::clamp(code, -1e9, 1e9)));
}

std::string read_zai(UsageAnswer& out, const json::value& body) {
    constexpr double good = 200, unauthorized = 401, first_of_key = 1000, last_of_key = 1004;
    if (const auto code = number_of(member(&body, "code")); code && *code != good && *code != 0) {
        if (*code == unauthorized || (*code >= first_of_key && *code <= last_of_key)) return refused(code_words(*code));
        return "the provider answered with an error (" + code_words(*code) + ")";
    }
    const json::value* data = member(&body, "data");
    for (const json::value& each : items_of(member(data, "limits"))) {
        const std::string_view type = text_of(member(&each, "type"));
        const double unit = number_of(member(&each, "unit")).value_or(0);
        const double count = number_of(member(&each, "number")).value_or(0);
        std::string_view label;
        constexpr double unit_hours = 3, unit_month = 5, unit_week = 6, five = 5;
        if (type == "TIME_LIMIT")
            label = tools;
        else if (type == "TOKENS_LIMIT" && unit == unit_hours && count == five)
            label = hours;
        else if (type == "TOKENS_LIMIT" && unit == unit_week)
            label = week;
        else if (type == "TOKENS_LIMIT" && unit == unit_month)
            label = month;
        else
            continue;
        add(out, label, number_of(member(&each, "percentage")),
            utc_of_milliseconds(number_of(member(&each, "nextResetTime"))));
    }
    out.plan = text_of(member(data, "level"));
    return {};
}

std::string read_minimax(UsageAnswer& out, const json::value& body) {
    constexpr double key = 1004, no_limit = 3, full = 100;
    const double code = number_of(member(member(&body, "base_resp"), "status_code")).value_or(0);
    if (code == key) return refused(code_words(code) + ": no such key, or no plan");
    if (code != 0) return "the provider answered with an error (" + code_words(code) + ")";
    bool unlimited = false, not_in_plan = false;
    for (const json::value& each : items_of(member(&body, "model_remains"))) {
        // The quota for text is called "general", or by its models; the others are speech, pictures and video.
        const std::string_view name = text_of(member(&each, "model_name"));
        if (name != "general" && !name.starts_with("MiniMax-M")) continue;
        const auto is_unlimited = [&](const std::string& begin) {
            return number_of(member(&each, begin + "_status")) == no_limit;
        };
        const auto is_counted = [&](const std::string& begin) {
            return number_of(member(&each, begin + "_total_count")).value_or(0) > 0;
        };
        if (is_unlimited("current_interval") && is_unlimited("current_weekly"))
            (is_counted("current_interval") || is_counted("current_weekly") ? unlimited : not_in_plan) = true;
        const auto window = [&](std::string_view label, const std::string& begin, const std::string& end) {
            if (is_unlimited(begin)) return;
            const auto left = number_of(member(&each, begin + "_remaining_percent"));
            // A boosted quota begins with more than 100 %.
            const auto used = left ? std::optional(full - std::min(*left, full)) : std::nullopt;
            add(out, label, used, utc_of_milliseconds(number_of(member(&each, end))));
        };
        window(hours, "current_interval", "end_time");
        window(week, "current_weekly", "weekly_end_time");
    }
    // As the provider's own command (mmx-cli) reads it.
    if (out.windows.empty() && unlimited) return "the provider says that no window of this plan has a limit";
    if (out.windows.empty() && not_in_plan) return "the provider says that this plan does not include text models";
    return {};
}

std::string read_kimi(UsageAnswer& out, const json::value& body) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> members{
        {{"limit_5h", hours}, {"limit_7d", week}, {"limit_month_total", month}, {"limit_month_code", month}}};
    constexpr double percent = 100;
    const json::value* usages = member(&body, "usages");
    for (const auto& [name, label] : members) {
        const json::value* limit = member(usages, name);
        auto used = number_of(member(limit, "used_ratio"));
        constexpr double rounding = 1e-6;  // 0.29 is a little less in binary
        if (used) *used = *used * percent + rounding;
        add(out, label, used, utc_of_text(text_of(member(limit, "reset_time"))));
    }
    return {};
}

std::string wrong_status(int status) {
    const std::string by = "HTTP " + std::to_string(status);
    constexpr int moved = 300, first_error = 400, unauthorized = 401, forbidden = 403, too_many = 429;
    if (status == unauthorized || status == forbidden) return refused(by);
    if (status == too_many) return "the provider was asked too often (" + by + ")";
    if (status >= moved && status < first_error)
        return "its address leads elsewhere (" + by + "), where no key is sent";
    return "the provider answered with an error (" + by + ")";
}

std::string read_body(UsageAnswer& out, UsageShape shape, std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == text.npos) return "the answer is empty";
    if (text[begin] == '<') return "a web page came in the place of an answer";
    if (text.size() > max_usage_answer) return "the answer is far too long";
    const auto read = parse_json(text);
    if (!read && read.error().code == ErrorCode::parse_error) return "the answer is no JSON";
    if (!read) return "the answer cannot be read: " + read.error().message;
    const json::value& body = *read;
    std::string wrong;
    switch (shape) {
        case UsageShape::zai:
            wrong = read_zai(out, body);
            break;
        case UsageShape::minimax:
            wrong = read_minimax(out, body);
            break;
        case UsageShape::kimi:
            wrong = read_kimi(out, body);
            break;
    }
    if (wrong.empty() && out.windows.empty()) return "the answer has another shape than this version knows";
    return wrong;
}

bool is_plain_word(std::string_view text) {
    constexpr std::size_t longest = 32;
    return !text.empty() && text.size() <= longest && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' || c == '-';
    });
}

}  // namespace

std::optional<UsageShape> usage_shape_named(std::string_view name) noexcept {
    if (name == "zai") return UsageShape::zai;
    if (name == "minimax") return UsageShape::minimax;
    if (name == "kimi") return UsageShape::kimi;
    return std::nullopt;
}

UsageAnswer read_usage(UsageShape shape, int status, std::string_view body) {
    constexpr int good = 200;
    UsageAnswer out;
    const std::string wrong = status == good ? read_body(out, shape, body) : wrong_status(status);
    if (!wrong.empty()) {
        out = {};
        out.error = wrong;
        return out;
    }
    if (!out.plan || !is_plain_word(*out.plan)) out.plan.reset();
    std::ranges::sort(out.windows, {}, [](const PlanWindow& each) { return std::ranges::find(labels, each.label); });
    return out;
}

}  // namespace capsule::broker
