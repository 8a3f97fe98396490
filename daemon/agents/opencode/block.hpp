// One provider block of opencode.json: what it says, and whether one that is found is ours.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/agents/plan.hpp"

namespace capsule {

/// One provider block of opencode.json.
struct OpencodeBlock {
    std::string id;
    std::string name;
    std::string npm;
    std::string base_url;
    std::variant<std::string, Secret> api_key;  ///< a plain string is a reference, "{env:ZAI_API_KEY}"
    std::string model;
    boost::json::object entry{};  ///< of that model: its name, and what is known of it
};

/// Whether one of them has its key as it is.
bool any_inline(const std::vector<OpencodeBlock>& blocks);

enum class Keys { revealed, masked };

/// Of the options, baseURL comes first where our "permission" stands in the file too, else apiKey: nothing else says
/// later whose the permission is.
boost::json::object opencode_block(const OpencodeBlock& block, Keys keys, bool with_permission);

/// permission (none where it is empty) and provider, as in a file that is wholly ours.
boost::json::object opencode_document(const std::vector<OpencodeBlock>& blocks, const std::string& permission,
                                      Keys keys);

/// How the name of a permission of ours is written in a file without a block of ours, which else would say whose it is:
/// nobody types it so. OpenCode, which adds a $schema to such a file, leaves it.
inline constexpr std::string_view permission_alone = "\"permission\" \t: ";

/// The text of such a document, as a whole file.
std::string opencode_text(const boost::json::object& document);

/// `text` with the permission as it is written beside a block.
std::string with_plain_permission(std::string text);

/// A JSON text in which each string that is one of the keys has its mask in its place.
std::string with_masked_strings(std::string json, const std::vector<Secret>& keys);

/// A block with just our members. Whatever else stands in one (a second model say) makes it the user's own.
struct FoundBlock {
    boost::json::object value;
    bool with_permission = false;  ///< it came with our "permission": see opencode_block()

    /// Whether it leads to that provider: with `block`'s npm and base_url.
    bool is_of(const OpencodeBlock& block) const;
    bool is_named_as(const OpencodeBlock& block) const;
    std::string_view key() const;
};

/// None where it has other members. Trailing commas are taken. Comments are blanks by now: see without_comments().
std::optional<FoundBlock> find_our_members(std::string_view text);

}  // namespace capsule
