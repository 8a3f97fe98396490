// opencode.json: the user's members are kept, in their order and as they were written; the result is JSON; a second
// edit changes nothing.
#include <algorithm>
#include <boost/json/parse.hpp>
#include <cmath>
#include <cstdint>
#include <string>

#include "daemon/agents/opencode/opencode_json.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using capsule::fuzz::require;
namespace json = boost::json;

/// Fractions nearly so: Boost.JSON reads one at the end of a text in another way than one with more behind it, with a
/// last digit of its own, and 0e3222 as NaN, which equals nothing, itself included.
bool same(const json::value& a, const json::value& b) {
    if (a.is_double() && b.is_double()) {
        const double x = a.get_double(), y = b.get_double();
        return (std::isnan(x) && std::isnan(y)) || x == y || std::abs(x - y) <= 1e-12 * std::abs(x);
    }
    if (a.is_array() && b.is_array()) return std::ranges::equal(a.get_array(), b.get_array(), same);
    if (!a.is_object() || !b.is_object()) return a == b;
    const json::object &mine = a.get_object(), &other = b.get_object();
    return mine.size() == other.size() && std::ranges::all_of(mine, [&](const auto& member) {
               return other.contains(member.key()) && same(member.value(), other.at(member.key()));
           });
}

/// Whether all of `part` but its white space is in `whole`, in that order: what is missing of it was taken away.
bool only_added_to(std::string_view part, std::string_view whole) {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    auto at = whole.begin();
    for (const char c : part) {
        if (is_blank(c)) continue;
        at = std::find(at, whole.end(), c);
        if (at == whole.end()) return false;
        ++at;
    }
    return true;
}

capsule::OpencodeJsonIntent intent() {
    capsule::OpencodeJsonIntent out;
    out.path = "/home/agent/.config/opencode/opencode.json";
    out.blocks.push_back({"zai", "Z.AI", "@ai-sdk/openai-compatible", "https://api.z.ai/api/coding/paas/v4",
                          std::string("{env:ZAI_API_KEY}"), "glm-5.3"});
    out.known = out.blocks;
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string before(reinterpret_cast<const char*>(data), size);
    const auto first = capsule::merge_opencode_json(before, intent());
    if (!first) return 0;
    require(first->text.has_value(), "a file that was there stays");
    const auto second = capsule::merge_opencode_json(first->text, intent());
    require(second && second->text == first->text, "a second edit changes nothing");
    json::error_code error;
    json::parse_options options;
    options.max_depth = 256;  // as the merge itself allows
    const json::value user = json::parse(before, error, {}, options);
    if (error || !user.is_object()) {
        require(*first->text == before || before.find_first_not_of(" \t\r\n") == std::string::npos ||
                    before.starts_with("\xEF\xBB\xBF"),
                "what is not plain JSON is left alone");
        return 0;
    }
    const json::value after = json::parse(*first->text, error, {}, options);
    require(!error && after.is_object(), "the result is JSON");
    if (!user.get_object().contains("provider"))
        require(only_added_to(before, *first->text), "what the user wrote is there as it was written");
    for (const auto& [name, value] : user.get_object()) {
        if (name == "provider" && value.is_object()) {
            const json::object& providers = after.as_object().at("provider").as_object();
            for (const auto& [id, block] : value.get_object())
                require(id == "zai" || (providers.contains(id) && same(providers.at(id), block)),
                        "other providers are kept");
        } else if (name != "permission" || value != "allow") {  // which, beside a block of ours, is ours
            require(after.as_object().contains(name) && same(after.as_object().at(name), value), "members are kept");
        }
    }
    return 0;
}
