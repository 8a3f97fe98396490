#include "daemon/broker/core/utc_time.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace capsule::broker {
namespace {

namespace chrono = std::chrono;

std::optional<std::string> written(chrono::sys_seconds time) {
    constexpr chrono::sys_seconds first = chrono::sys_days(chrono::year{2000} / chrono::January / 1),
                                  last = chrono::sys_days(chrono::year{2100} / chrono::January / 1);
    if (time < first || time >= last) return std::nullopt;
    const auto day = chrono::floor<chrono::days>(time);
    const chrono::year_month_day date(day);
    const chrono::hh_mm_ss clock(time - day);
    std::array<char, 32> text{};
    const int size = std::snprintf(
        text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
        static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
    return std::string(text.data(), static_cast<std::size_t>(size));
}

/// The next `count` digits, which it takes away.
std::optional<int> digits(std::string_view& text, std::size_t count) {
    if (text.size() < count) return std::nullopt;
    int out = 0;
    for (const char c : text.substr(0, count)) {
        if (c < '0' || c > '9') return std::nullopt;
        out = out * 10 + (c - '0');
    }
    text.remove_prefix(count);
    return out;
}

bool skip(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == any_of.npos) return false;
    text.remove_prefix(1);
    return true;
}

/// "Z", "+08:00", "-05:30"
std::optional<chrono::minutes> zone(std::string_view text) {
    if (text == "Z" || text == "z") return chrono::minutes(0);
    const bool west = text.starts_with('-');
    if (!skip(text, "+-")) return std::nullopt;
    const auto hour = digits(text, 2);
    const bool colon = skip(text, ":");
    const auto minute = digits(text, 2);
    if (!hour || !colon || !minute || !text.empty() || *hour > 23 || *minute > 59) return std::nullopt;
    const chrono::minutes offset = chrono::hours(*hour) + chrono::minutes(*minute);
    return west ? -offset : offset;
}

}  // namespace

std::optional<std::string> utc_of_milliseconds(std::optional<double> milliseconds) {
    constexpr double thousand = 1000, far_away = 1e13;
    if (!milliseconds || !(*milliseconds > 0) || *milliseconds > far_away) return std::nullopt;
    return written(chrono::sys_seconds(chrono::seconds(static_cast<long long>(*milliseconds / thousand))));
}

std::optional<std::string> utc_of_text(std::string_view text) {
    const auto year_of = digits(text, 4);
    const bool first_dash = skip(text, "-");
    const auto month_of = digits(text, 2);
    const bool second_dash = skip(text, "-");
    const auto day_of = digits(text, 2);
    const bool separated = skip(text, "Tt ");
    const auto hour = digits(text, 2);
    const bool first_colon = skip(text, ":");
    const auto minute = digits(text, 2);
    const bool second_colon = skip(text, ":");
    const auto second = digits(text, 2);
    if (!year_of || !first_dash || !month_of || !second_dash || !day_of || !separated || !hour || !first_colon ||
        !minute || !second_colon || !second || *hour > 23 || *minute > 59 || *second > 60)
        return std::nullopt;
    if (skip(text, "."))
        while (digits(text, 1)) {
        }
    const auto offset = zone(text);
    const chrono::year_month_day date{chrono::year(*year_of), chrono::month(static_cast<unsigned>(*month_of)),
                                      chrono::day(static_cast<unsigned>(*day_of))};
    if (!offset || !date.ok()) return std::nullopt;
    return written(chrono::sys_days(date) + chrono::hours(*hour) + chrono::minutes(*minute) + chrono::seconds(*second) -
                   *offset);
}

}  // namespace capsule::broker
