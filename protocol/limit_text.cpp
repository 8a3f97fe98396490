#include "protocol/limit_text.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace capsule {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kinds{{
    {"window", "the quota of these hours is used up"},
    {"week", "the quota of this week or month is used up"},
    {"plan", "the plan has expired, or there is none"},
    {"model", "the plan lacks this model"},
    {"balance", "there is no balance"},
    {"key", "the key was refused"},
    {"busy", "the provider is busy, or there were too many requests at once"},
}};

}  // namespace

std::string limit_text(const SessionLimit& limit) {
    std::string text = limit.kind;
    for (const auto& [kind, words] : kinds)
        if (kind == limit.kind) text = words;
    if (!limit.message.empty()) text += " (\"" + limit.message + "\")";
    if (limit.resets_at) text += ", until " + *limit.resets_at;
    return text;
}

}  // namespace capsule
