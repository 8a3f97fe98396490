#include "daemon/agents/opencode/left_keys.hpp"

#include <boost/json/serialize.hpp>

#include "daemon/edit/json_edit.hpp"

namespace capsule {
namespace {

namespace json = boost::json;

/// Where `key` stands in the text. Short ones are looked for as whole strings: any text may have such a word.
std::size_t find_key(std::string_view text, const Secret& key) {
    constexpr std::size_t telling = 8;  // bytes
    const std::string string = json::serialize(json::string(key.reveal()));
    const std::string_view inside = std::string_view(string).substr(1, string.size() - 2);
    return text.find(inside.size() < telling ? std::string_view(string) : inside);
}

}  // namespace

Warning key_left_behind(const std::string& path, std::size_t line, const std::string& key) {
    return {"opencode.key", path + ":" + std::to_string(line) + " has " + key +
                                ", which every process of this user can read, the agent of a session with a token in "
                                "its place, too. capsuled leaves it, as it may be your own: remove it, or write "
                                "{env:NAME} there with the name of its variable"};
}

void warn_of_keys(Merged& merged, const OpencodeJsonIntent& intent) {
    if (!merged.text || any_inline(intent.blocks)) return;
    for (const Secret& key : intent.keys) {
        const std::size_t at = key.empty() ? std::string::npos : find_key(*merged.text, key);
        if (at == std::string::npos) continue;
        merged.warnings.push_back(
            key_left_behind(intent.path, line_of(*merged.text, at), "a provider's key (" + mask(key) + ")"));
    }
}

}  // namespace capsule
