#include "protocol/utc_time.hpp"

#include <time.h>

#include <array>
#include <charconv>
#include <cstdio>

namespace capsule {
namespace {

namespace chrono = std::chrono;

std::optional<UtcTime> of_this_century(UtcTime time) {
    constexpr UtcTime first = chrono::sys_days(chrono::year{2000} / chrono::January / 1),
                      last = chrono::sys_days(chrono::year{2100} / chrono::January / 1);
    return time < first || time >= last ? std::nullopt : std::optional(time);
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

/// The three forms of RFC 9110, section 5.6.7. strptime() is in the locale "C": nothing here sets another one.
std::optional<UtcTime> http_date(const std::string& text) {
    for (const char* form : {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
        tm parts{};
        const char* end = ::strptime(text.c_str(), form, &parts);
        if (end != nullptr && *end == '\0') return UtcTime(chrono::seconds(::timegm(&parts)));
    }
    return std::nullopt;
}

}  // namespace

std::string utc_text(UtcTime time) {
    const auto day = chrono::floor<chrono::days>(time);
    const chrono::year_month_day date(day);
    const chrono::hh_mm_ss clock(time - day);
    std::array<char, 64> text{};
    const int size = std::snprintf(
        text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
        static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
    return {text.data(), static_cast<std::size_t>(size)};
}

std::string utc_now() {
    return utc_text(chrono::floor<chrono::seconds>(chrono::system_clock::now()));
}

std::optional<std::string> utc_of_milliseconds(std::optional<double> milliseconds) {
    constexpr double thousand = 1000, far_away = 1e13;
    if (!milliseconds || !(*milliseconds > 0) || *milliseconds > far_away) return std::nullopt;
    const auto time = of_this_century(UtcTime(chrono::seconds(static_cast<long long>(*milliseconds / thousand))));
    return time ? std::optional(utc_text(*time)) : std::nullopt;
}

std::optional<UtcTime> utc_time(std::string_view text) {
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
    return of_this_century(chrono::sys_days(date) + chrono::hours(*hour) + chrono::minutes(*minute) +
                           chrono::seconds(*second) - *offset);
}

std::optional<std::string> utc_of_text(std::string_view text) {
    const auto time = utc_time(text);
    return time ? std::optional(utc_text(*time)) : std::nullopt;
}

std::optional<UtcTime> retry_time(std::string_view text, UtcTime now) {
    std::uint32_t seconds = 0;
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, seconds);
    if (read.ptr == end && read.ec == std::errc() && !text.empty())
        return of_this_century(now + chrono::seconds(seconds));
    const auto date = http_date(std::string(text));
    return date ? of_this_century(*date) : std::nullopt;
}

}  // namespace capsule
