// Times as providers write them, as "2026-11-26T05:44:44Z".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace capsule::broker {

/// Of milliseconds since 1970. None: no time of this century.
std::optional<std::string> utc_of_milliseconds(std::optional<double> milliseconds);

/// Of an RFC 3339 time, with a fraction or without. None: it is none, or has no zone.
std::optional<std::string> utc_of_text(std::string_view text);

}  // namespace capsule::broker
