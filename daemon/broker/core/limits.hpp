// What a provider's refusal means, by data of the catalog.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capsule::broker {

/// One row of the catalog. Of what it names all must hold; the first row that matches counts.
struct LimitRule {
    std::string kind;                 ///< window, week, plan, model, balance, key, busy
    std::optional<int> status;        ///< the answer's
    std::optional<std::string> code;  ///< the error's own code or type: "1308", "rate_limit_error"
    std::optional<std::string> text;  ///< a part of the error's message, whatever the case
};

struct LimitAnswer {
    int status = 0;
    std::string_view code, type, message;  ///< as AnswerReader has them
};

/// The kind; none: the answer is no refusal that the catalog knows.
std::optional<std::string> limit_kind(const std::vector<LimitRule>& rules, const LimitAnswer& answer);

/// The first date with a time of day in a message ("2026-11-26 05:44:44", also with a T and a zone), as it stands
/// there.
std::optional<std::string> reset_time(std::string_view message);

}  // namespace capsule::broker
