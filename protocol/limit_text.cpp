#include "protocol/limit_text.hpp"

#include <array>
#include <string_view>

namespace capsule {
namespace {

struct Words {
    std::string_view kind, whole, brief;
};

constexpr std::array<Words, 7> kinds{{
    {"window", "the quota of these hours is used up", "hours used up"},
    {"week", "the quota of this week or month is used up", "week used up"},
    {"plan", "the plan has expired, or there is none", "no plan"},
    {"model", "the plan lacks this model", "not in the plan"},
    {"balance", "there is no balance", "no balance"},
    {"key", "the key was refused", "key refused"},
    {"busy", "the provider is busy, or there were too many requests at once", "busy"},
}};

std::string words_of(const SessionLimit& limit, std::string_view Words::*form) {
    for (const Words& each : kinds)
        if (each.kind == limit.kind) return std::string(each.*form);
    return limit.kind;
}

std::string until_text(const SessionLimit& limit) {
    return limit.resets_at ? ", until " + *limit.resets_at : std::string();
}

}  // namespace

std::string limit_text(const SessionLimit& limit) {
    std::string text = words_of(limit, &Words::whole);
    if (limit.model) text += ", " + *limit.model;
    if (!limit.message.empty()) text += " (\"" + limit.message + "\")";
    return text + until_text(limit);
}

std::string limit_in_brief(const SessionLimit& limit) {
    return words_of(limit, &Words::brief);
}

}  // namespace capsule
