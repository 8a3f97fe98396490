#include "daemon/agents/opencode/block.hpp"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>

#include "daemon/base/time_limit.hpp"
#include "daemon/edit/json_edit.hpp"
#include "protocol/json_tree.hpp"

namespace capsule {
namespace json = boost::json;
namespace {

constexpr std::string_view plain_permission = "\"permission\": ";

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    const std::size_t at = text.find(what);
    return at == text.npos ? text : text.replace(at, what.size(), by);
}

std::string key_text(const OpencodeBlock& block, Keys keys) {
    const Secret* secret = std::get_if<Secret>(&block.api_key);
    if (secret == nullptr) return std::get<std::string>(block.api_key);
    return keys == Keys::masked ? mask(*secret) : std::string(secret->reveal());
}

bool says(const json::object& object, std::string_view name, std::string_view text) {
    const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
    return value != nullptr && value->is_string() && std::string_view(value->get_string()) == text;
}

const json::object* object_in(const json::object& object, const char* name) {
    const json::value* value = object.if_contains(name);
    return value == nullptr ? nullptr : value->if_object();
}

bool has_string(const json::object& object, const char* name) {
    const json::value* value = object.if_contains(name);
    return value != nullptr && value->is_string();
}

// One model: its name, and what an earlier catalog or this one knew of it.
bool has_our_models(const json::object& models) {
    if (models.size() != 1) return false;
    const auto& [id, entry] = *models.begin();
    const json::object* fields = entry.if_object();
    if (fields == nullptr || !says(*fields, "name", std::string_view(id.data(), id.size()))) return false;
    return std::ranges::all_of(*fields, [](const auto& field) {
        constexpr std::array<std::string_view, 5> ours{"name", "limit", "reasoning", "attachment", "modalities"};
        return std::ranges::find(ours, std::string_view(field.key())) != ours.end();
    });
}

std::size_t strings_in(std::string_view json) {
    std::size_t count = 0;
    for (std::size_t at = json.find('"'); at != json.npos; at = json.find('"', at + 1), ++count)
        for (++at; json[at] != '"'; ++at)
            if (json[at] == '\\') ++at;
    return count;
}

std::size_t strings_of(const json::value& value) {
    if (value.is_string()) return 1;
    std::size_t count = 0;
    if (const json::array* elements = value.if_array())
        for (const json::value& element : *elements)
            count += strings_of(element);
    if (const json::object* members = value.if_object())
        for (const auto& member : *members)
            count += 1 + strings_of(member.value());
    return count;
}

/// Of a member that is there twice Boost.JSON takes the last alone: its text then has more strings than its value.
bool has_duplicates(std::string_view text, const json::value& value) {
    return strings_in(text) != strings_of(value);
}

}  // namespace

bool any_inline(const std::vector<OpencodeBlock>& blocks) {
    return std::ranges::any_of(blocks,
                               [](const OpencodeBlock& b) { return std::holds_alternative<Secret>(b.api_key); });
}

json::object opencode_block(const OpencodeBlock& block, Keys keys, bool with_permission) {
    json::object options;
    if (with_permission) options["baseURL"] = block.base_url;
    options["apiKey"] = key_text(block, keys);
    options["baseURL"] = block.base_url;
    return {{"name", block.name},
            {"npm", block.npm},
            {"options", std::move(options)},
            {"models", {{block.model, block.entry.empty() ? json::object{{"name", block.model}} : block.entry}}}};
}

json::object opencode_document(const std::vector<OpencodeBlock>& blocks, const std::string& permission, Keys keys) {
    json::object document;
    if (!permission.empty()) document["permission"] = permission;
    json::object provider;
    for (const OpencodeBlock& block : blocks)
        provider[block.id] = opencode_block(block, keys, !permission.empty());
    if (!provider.empty()) document["provider"] = std::move(provider);
    return document;
}

std::string opencode_text(const json::object& document) {
    const std::string text = format_json(document);
    return document.contains("provider") ? text : replaced(text, plain_permission, permission_alone);
}

std::string with_plain_permission(std::string text) {
    return replaced(std::move(text), permission_alone, plain_permission);
}

std::string with_masked_strings(std::string json, const std::vector<Secret>& keys) {
    for (const Secret& key : keys) {
        const std::string string = json::serialize(json::string(key.reveal()));
        const std::string masked = '"' + mask(key) + '"';
        for (std::size_t at = json.find(string); at != json.npos; at = json.find(string, at + masked.size()))
            json.replace(at, string.size(), masked);
    }
    return json;
}

std::optional<FoundBlock> find_our_members(std::string_view text) {
    auto value = parse_json(text, {.comments = true, .is_too_late = time_is_up});
    const json::object* found = value ? value->if_object() : nullptr;
    if (found == nullptr || found->size() != 4) return std::nullopt;
    const json::object* options = object_in(*found, "options");
    const json::object* models = object_in(*found, "models");
    if (options == nullptr || models == nullptr || options->size() != 2 || !has_string(*found, "name") ||
        !has_string(*options, "apiKey") || !has_our_models(*models) || has_duplicates(text, *value))
        return std::nullopt;
    const bool with_permission = options->begin()->key() == "baseURL";
    return FoundBlock{std::move(value->get_object()), with_permission};
}

bool FoundBlock::is_of(const OpencodeBlock& block) const {
    const json::object* options = object_in(value, "options");
    return says(value, "npm", block.npm) && says(*options, "baseURL", block.base_url);
}

std::string_view FoundBlock::key() const {
    return object_in(value, "options")->at("apiKey").get_string();
}

bool FoundBlock::is_named_as(const OpencodeBlock& block) const {
    return says(value, "name", block.name);
}

}  // namespace capsule
