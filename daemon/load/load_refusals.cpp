#include "daemon/load/load_refusals.hpp"

#include "daemon/catalog/names.hpp"
#include "protocol/utc_time.hpp"

namespace capsule {
namespace {

constexpr std::int64_t first_status = 200, last_status = 599;
/// The list goes to capsule-broker with every session's grant.
constexpr std::size_t most_rules = 64, longest_text = 200;

void read_part(TableReader& in, std::string_view key, std::optional<std::string>& out) {
    const auto given = in.text(key);
    if (!given) return;
    if (!is_label(given->value) || given->value.size() > longest_text)
        in.refuse(key, "must be one line of at most 200 bytes, without braces");
    out = given->value;
}

RefusalRule read_rule(TableReader& in) {
    std::vector<std::pair<std::string_view, std::string_view>> kinds;
    for (const std::string_view kind : limit_kinds)
        kinds.emplace_back(kind, kind);
    RefusalRule rule;
    const auto kind = in.word<std::string_view>("kind", kinds);
    if (!kind) in.refuse_table("kind is missing", "It says what such an answer means: \"window\", \"key\" or another.");
    rule.kind = *kind;
    if (const auto status = in.integer("status", first_status, last_status)) rule.status = static_cast<int>(*status);
    read_part(in, "code", rule.code);
    read_part(in, "text", rule.text);
    if (!rule.status && !rule.code && !rule.text)
        in.refuse_table("this would be every answer", "Name a status, a code or a text.");
    in.finish();
    return rule;
}

}  // namespace

void read_refusals(TableReader& in, Provider& provider) {
    if (const auto zone = in.text("reset_zone")) {
        if (!zone->value.empty() && !utc_time("2026-01-01T00:00:00" + zone->value))
            in.refuse("reset_zone", "must be a distance from UTC, such as \"+08:00\"");
        provider.reset_zone = zone->value;
    }
    auto list = in.list("refusals");
    if (!list) return;
    if (list->size() > most_rules) in.refuse("refusals", "has more than 64 rows", "Leave out what another row covers.");
    provider.refusals.clear();
    for (TableReader& each : *list)
        provider.refusals.push_back(read_rule(each));
}

}  // namespace capsule
