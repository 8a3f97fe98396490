// What `capsulectl sessions` shows.
#pragma once

#include <string>

#include "client/output.hpp"
#include "protocol/session_messages.hpp"

namespace capsule {

/// A line for each session, and what a person should know of it below. On a terminal a column that says nothing is left
/// out, and so are the less important ones where there is no room for all; elsewhere every column is there.
std::string sessions_page(const SessionsListResult& list, const Style& style);

/// The same for a screen of so many lines: those whose requests run, began or ended last come first, and a last line
/// says how many sessions have no room.
std::string watch_page(SessionsListResult list, const Style& style, std::size_t rows);

/// One session in six lines: agent, provider and why that one, host, model asked for and answered, key and its source,
/// what was held; then what is out of the ordinary.
std::string session_answer(const SessionRow& session, const Style& style);

/// What its end means: a token is worth nothing any more, a key that the agent has itself still is.
std::string session_end_text(const SessionRow& session);

/// 1234 → "1234", 45678 → "45.7k", 1234567 → "1.2M".
std::string count_text(std::uint64_t count);

}  // namespace capsule
