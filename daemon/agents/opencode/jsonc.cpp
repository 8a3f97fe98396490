#include "daemon/agents/opencode/jsonc.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <optional>
#include <vector>

#include "daemon/agents/opencode/left_keys.hpp"
#include "daemon/base/time_limit.hpp"
#include "daemon/edit/json_edit.hpp"
#include "protocol/json_tree.hpp"

namespace capsule {
namespace json = boost::json;
namespace {

bool has_already(const json::value& document, const OpencodeBlock& block) {
    json::error_code problem;
    const auto at = [&](const std::string& pointer, std::string_view text) {
        const json::value* found = document.find_pointer("/provider/" + block.id + pointer, problem);
        return found != nullptr && found->is_string() && std::string_view(found->get_string()) == text;
    };
    return at("/npm", block.npm) && at("/options/baseURL", block.base_url);
}

/// A key in a block of ours, where none is to stand.
struct KeyInBlock {
    JsonItem string;
    std::string provider;
    /// What capsuled writes in its place. None: the key is not one that capsuled knows, or there is nothing to write.
    std::optional<std::string> reference{};
};

std::optional<std::string> reference_of(std::string_view id, std::string_view key, const OpencodeJsonIntent& intent) {
    const auto block = std::ranges::find(intent.blocks, id, &OpencodeBlock::id);
    const bool known = std::ranges::any_of(intent.keys, [&](const Secret& each) { return each.reveal() == key; });
    if (block == intent.blocks.end() || !known) return std::nullopt;
    return std::get<std::string>(block->api_key);
}

bool is_to_have_a_key(std::string_view id, const OpencodeJsonIntent& intent) {
    const auto block = std::ranges::find(intent.blocks, id, &OpencodeBlock::id);
    return block != intent.blocks.end() && std::holds_alternative<Secret>(block->api_key);
}

void find_keys_in(std::string_view plain, const JsonItem& provider, const OpencodeJsonIntent& intent,
                  std::vector<KeyInBlock>& out) {
    if (plain[provider.value] != '{') return;
    for (const JsonItem& item : read_container(plain, provider.value).items) {
        const auto is_same = [&](const OpencodeBlock& block) { return block.id == item.name; };
        if (std::ranges::none_of(intent.known, is_same) || is_to_have_a_key(item.name, intent)) continue;
        const auto found = find_our_members(plain.substr(item.value, item.end - item.value));
        const auto is_ours = [&](const OpencodeBlock& block) { return is_same(block) && found->is_of(block); };
        if (!found || found->key().starts_with('{') || std::ranges::none_of(intent.known, is_ours)) continue;
        const JsonContainer members = read_container(plain, item.value);
        const JsonContainer options = read_container(plain, members.find("options")->value);
        out.push_back({*options.find("apiKey"), item.name, reference_of(item.name, found->key(), intent)});
    }
}

std::vector<KeyInBlock> keys_in_blocks_of_ours(const std::string& text, const OpencodeJsonIntent& intent) {
    // Of the same length, so that what is found has its place in `text`, too.
    const std::string plain = without_comments(text);
    // Boost.JSON, which has called the text JSONC, ends a comment elsewhere.
    if (examine_json(plain).kind == JsonVerdict::Kind::broken) return {};
    const std::size_t root = json_root(plain);
    std::vector<KeyInBlock> found;
    if (plain[root] != '{') return found;
    for (const JsonItem& item : read_container(plain, root).items)
        if (item.name == "provider") find_keys_in(plain, item, intent, found);
    return found;
}

/// With "inline" capsuled wrote the key, and since then the user has written a comment beside it. Now the key is not to
/// stand there. Nothing else of the text changes.
Merged without_keys_of_ours(const std::string& existing, const OpencodeJsonIntent& intent) {
    std::string text = existing;
    std::vector<Warning> warnings;
    const std::vector<KeyInBlock> keys = keys_in_blocks_of_ours(existing, intent);
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
        const std::size_t line = line_of(existing, key->string.value);
        if (key->reference)
            text.replace(key->string.value, key->string.end - key->string.value,
                         json::serialize(json::string(*key->reference)));
        else
            warnings.push_back(key_left_behind(intent.path, line, "a key of provider \"" + key->provider + "\""));
    }
    return {std::move(text), false, std::move(warnings)};
}

}  // namespace

Merged merge_jsonc(const std::string& existing, const OpencodeJsonIntent& intent) {
    Merged merged = without_keys_of_ours(existing, intent);
    if (intent.only_remove) return merged;
    const JsonRules rules{.comments = true, .max_depth = 256, .is_too_late = time_is_up};
    const std::size_t start = existing.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    const auto document = parse_json(std::string_view(existing).substr(start), rules);
    std::vector<OpencodeBlock> missing;
    for (const OpencodeBlock& block : intent.blocks)
        if (!document || !has_already(*document, block)) missing.push_back(block);
    const bool says_permission =
        existing.find("\"permission\"") != std::string::npos || existing.find("\"tools\"") != std::string::npos;
    const json::object paste =
        opencode_document(missing, says_permission ? std::string() : intent.permission, Keys::masked);
    if (paste.empty()) return merged;
    std::string message = intent.path + " has comments or trailing commas and is left as it is. Paste into it";
    if (any_inline(missing)) message += " (with your keys in place of those beginning with …)";
    merged.warnings.push_back({"opencode.jsonc", message + ":\n" + format_json(paste)});
    return merged;
}

}  // namespace capsule
