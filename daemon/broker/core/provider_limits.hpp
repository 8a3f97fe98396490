// What a provider's refusal means, by data of the catalog.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/utc_time.hpp"

namespace capsule::broker {

/// One row of the catalog. Of what it names all must hold.
struct LimitRule {
    std::string kind;                 ///< window, week, plan, model, balance, key, busy; none: it is no limit
    std::optional<int> status;        ///< the answer's
    std::optional<std::string> code;  ///< the error's own code or type: "1308", "rate_limit_error"
    std::optional<std::string> text;  ///< a part of the error's message, whatever the case
};

struct LimitAnswer {
    int status = 0;
    std::string_view code, type, message;  ///< as AnswerReader has them
};

/// The kind; none: the answer is no refusal that the catalog knows, or one for what was asked. What the error itself
/// says counts before the answer's status: the first row with a code or a text that matches, else the first that
/// matches.
std::optional<std::string> limit_kind(const std::vector<LimitRule>& rules, const LimitAnswer& answer);

/// Where an answer may say when a limit ends.
struct ResetClues {
    std::string_view message;                  ///< the error's
    std::string_view field = {};               ///< a member of the error that is such a time; empty: it has none
    std::optional<std::string> retry_at = {};  ///< what Retry-After says
};

/// When a limit ends, as RFC 3339 in UTC: what the field says; else a date with a time of day in the message
/// ("2026-11-26 05:44:44", also with a T, a fraction and a zone) beside which a word says that it is a reset; else
/// Retry-After; else the first time of the message that is ahead, or the first. `zone` ("+08:00") is that of a time
/// without one; where that is not known either, or a reset would then be over before it was told, the time as it stands
/// there.
std::optional<std::string> reset_time(const ResetClues& clues, const std::optional<std::string>& zone, UtcTime now);

}  // namespace capsule::broker
