// Times as people and providers write them, as "2026-11-26T05:44:44Z". Pure, but for utc_now().
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace capsule {

using UtcTime = std::chrono::sys_seconds;

/// RFC 3339, UTC, whole seconds.
std::string utc_text(UtcTime time);

/// The same, of now.
std::string utc_now();

/// Of an RFC 3339 time, with a fraction or without; a space may stand for its T. None: it is none, has no zone, or is
/// not of this century.
std::optional<UtcTime> utc_time(std::string_view text);

/// The same as text.
std::optional<std::string> utc_of_text(std::string_view text);

/// Of milliseconds since 1970. None: no time of this century.
std::optional<std::string> utc_of_milliseconds(std::optional<double> milliseconds);

/// What HTTP's Retry-After says, as seconds or as a date. None: it is neither, or not of this century.
std::optional<UtcTime> retry_time(std::string_view text, UtcTime now);

}  // namespace capsule
