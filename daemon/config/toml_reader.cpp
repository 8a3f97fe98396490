#include "daemon/config/toml_reader.hpp"

#include <algorithm>
#include <array>

#include "daemon/catalog/names.hpp"
#include "daemon/config/broken_toml.hpp"
#include "daemon/config/excerpt.hpp"
#include "daemon/config/quotable.hpp"
#include "protocol/nearest.hpp"

namespace capsule {
namespace {

std::string_view type_name(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table:
            return "a table";
        case toml::node_type::array:
            return "a list";
        case toml::node_type::string:
            return "a string";
        case toml::node_type::integer:
            return "an integer";
        case toml::node_type::floating_point:
            return "a number with a fraction";
        case toml::node_type::boolean:
            return "true or false";
        case toml::node_type::date:
        case toml::node_type::time:
        case toml::node_type::date_time:
            return "a date or time";
        case toml::node_type::none:
            break;
    }
    return "nothing";
}

bool speaks_of_a_key(std::string_view name) {
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    constexpr auto words = std::to_array<std::string_view>({"key", "token", "secret", "password", "auth"});
    return std::any_of(words.begin(), words.end(), [&](std::string_view w) { return lower.find(w) != lower.npos; });
}

std::string list_of(const std::vector<std::string_view>& words) {
    std::string out;
    for (const std::string_view word : words)
        out += (out.empty() ? "" : ", ") + in_quotes(word);
    return out;
}

}  // namespace

TomlDocument::TomlDocument(std::string_view text, DocumentName name) : text_(text), name_(std::move(name)) {
    toml::parse_result result = toml::parse(text);
    if (result.failed()) {
        const toml::parse_error& error = result.error();
        const toml::source_position at = error.source().begin;
        const std::string line = excerpt_of_broken(text_, at.line);
        BrokenToml why = plain_words(error.description());
        throw Failure({ErrorCode::config_conflict, place(at) + "this is not valid TOML: " + why.what + "\n" + line,
                       std::move(why.hint)});
    }
    root_ = std::move(result).table();
}

std::string TomlDocument::place(const toml::source_position& at) const {
    return name_.path + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": ";
}

std::string TomlDocument::origin(const toml::source_region& at) const {
    return name_.built_in ? name_.origin : name_.origin + ":" + std::to_string(at.begin.line);
}

void TomlDocument::refuse(const toml::source_region& at, Show show, std::string_view name, std::string_view what,
                          std::string hint) const {
    const std::string line = show == Show::line     ? excerpt_of_value(text_, at.begin.line)
                             : show == Show::header ? excerpt_of_table(text_, at.begin.line, name)
                                                    : without_value(name);
    if (hint.empty()) hint = "Correct that line; docs/configuration.md has every setting with its type.";
    throw Failure({ErrorCode::config_conflict, place(at.begin) + std::string(what) + "\n" + line, std::move(hint)});
}

TableReader::TableReader(const TomlDocument& document) : document_(&document), table_(&document.root()) {
    at_.begin = at_.end = {1, 1};
}

TableReader::TableReader(const TableReader& parent, const toml::key& key, const toml::table& table)
    : document_(parent.document_),
      table_(&table),
      at_(key.source()),
      path_(parent.path_to(quotable(key.str()))),
      show_(parent.show_) {}

TableReader::TableReader(const TableReader& parent, std::string path, const toml::table& element)
    : document_(parent.document_),
      table_(&element),
      at_(element.source()),
      path_(std::move(path)),
      show_(parent.show_) {}

const toml::node* TableReader::take(std::string_view key) {
    taken_.emplace_back(key);
    return table_->get(key);
}

std::optional<Located<std::string>> TableReader::text(std::string_view key) {
    const toml::node* node = take(key);
    if (!node) return std::nullopt;
    if (!node->is_string()) refuse_type(key, *node, "a string");
    return Located<std::string>{node->as_string()->get(), document_->origin(node->source())};
}

std::optional<std::int64_t> TableReader::integer(std::string_view key, std::int64_t low, std::int64_t high) {
    const toml::node* node = take(key);
    if (!node) return std::nullopt;
    if (!node->is_integer()) refuse_type(key, *node, "an integer");
    const std::int64_t value = node->as_integer()->get();
    if (value < low || value > high)
        refuse(key, quotable(std::to_string(value)) + " is out of range",
               "It must be from " + std::to_string(low) + " to " + std::to_string(high) + ".");
    return value;
}

std::optional<bool> TableReader::boolean(std::string_view key) {
    const toml::node* node = take(key);
    if (!node) return std::nullopt;
    if (!node->is_boolean()) refuse_type(key, *node, "true or false");
    return node->as_boolean()->get();
}

std::optional<Located<std::vector<std::string>>> TableReader::texts(std::string_view key) {
    const toml::node* node = take(key);
    if (!node) return std::nullopt;
    if (!node->is_array()) refuse_type(key, *node, "a list of strings");
    Located<std::vector<std::string>> out{{}, document_->origin(node->source())};
    for (const toml::node& element : *node->as_array()) {
        if (!element.is_string()) refuse_type(key, element, "a string in the list");
        out.value.push_back(element.as_string()->get());
    }
    return out;
}

std::optional<TableReader> TableReader::table(std::string_view key) {
    const toml::node* node = take(key);
    if (!node) return std::nullopt;
    if (!node->is_table()) refuse_type(key, *node, "a table");
    return TableReader(*this, table_->find(key)->first, *node->as_table());
}

std::optional<std::vector<TableReader>> TableReader::list(std::string_view key) {
    const toml::node* node = take(key);
    if (!node) return std::nullopt;
    if (!node->is_array()) refuse_type(key, *node, "a list of tables");
    std::vector<TableReader> out;
    for (const toml::node& element : *node->as_array()) {
        if (!element.is_table()) refuse_type(key, element, "a table in the list");
        out.push_back(TableReader(*this, path_to(key), *element.as_table()));
    }
    return out;
}

std::vector<TableReader::Entry> TableReader::entries() {
    std::vector<Entry> out;
    for (auto&& [key, value] : *table_)
        if (std::find(taken_.begin(), taken_.end(), key.str()) == taken_.end())
            out.push_back({std::string(key.str()), &key, &value});
    // toml++ sorts by name; people number what they wrote by line.
    const auto place = [](const Entry& entry) {
        const toml::source_position& at = entry.key->source().begin;
        return std::pair(at.line, at.column);
    };
    std::stable_sort(out.begin(), out.end(), [&](const Entry& a, const Entry& b) { return place(a) < place(b); });
    for (const Entry& entry : out)
        taken_.push_back(entry.name);
    return out;
}

std::vector<std::pair<TableReader::Entry, TableReader>> TableReader::tables() {
    std::vector<std::pair<Entry, TableReader>> out;
    for (Entry& entry : entries()) {
        const toml::table* table = entry.value->as_table();
        // The line may be a misplaced key.
        if (!table)
            refuse_at(entry.key->source(), Show::header, entry.name,
                      "expected a table, got " + std::string(type_name(*entry.value)), {});
        TableReader reader(*this, *entry.key, *table);
        out.emplace_back(std::move(entry), std::move(reader));
    }
    return out;
}

std::string_view TableReader::text_of(const Entry& entry) const {
    if (!entry.value->is_string()) refuse_type(entry.name, *entry.value, "a string");
    return entry.value->as_string()->get();
}

std::optional<std::size_t> TableReader::word_index(std::string_view key, const std::vector<std::string_view>& words) {
    const auto given = text(key);
    if (!given) return std::nullopt;
    const auto found = std::find(words.begin(), words.end(), given->value);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    std::string hint = "It must be one of " + list_of(words) + ".";
    if (const auto near = nearest(given->value, words)) hint = "Did you mean " + in_quotes(*near) + "? " + hint;
    // What is far from every word may be a key that was pasted in the wrong place.
    constexpr std::size_t longest_word = 16;
    if (given->value.size() > longest_word) refuse_hidden(key, "this value is not known", std::move(hint));
    refuse(key, "unknown value " + quote(given->value), std::move(hint));
}

void TableReader::finish() const {
    TableReader rest = *this;
    const std::vector<Entry> unknown = rest.entries();
    if (unknown.empty()) return;
    const std::vector<std::string_view> known(taken_.begin(), taken_.end());
    const Entry& first = unknown.front();
    const auto near = nearest(first.name, known);
    std::string hint = known.empty() ? "Nothing may stand here." : "Known here: " + list_of(known) + ".";
    if (near) hint = "Did you mean " + in_quotes(*near) + "?";
    // A misspelt setting is shown as it stands; what is wholly unknown may be a key in the wrong place, and of a list
    // nobody knows what it holds.
    const bool no_key = first.value->is_number() || first.value->is_boolean() ||
                        (near && first.value->is_string() && !speaks_of_a_key(*near) && !speaks_of_a_key(first.name));
    refuse_at(first.key->source(), no_key ? show_ : Show::header, first.name,
              first.value->is_table() ? "unknown section" : "unknown setting", std::move(hint));
}

std::string TableReader::path_to(std::string_view key) const {
    const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
    return (path_.empty() ? "" : path_ + ".") + (bare ? std::string(key) : in_quotes(key));
}

void TableReader::refuse_at(const toml::source_region& at, Show show, std::string_view key, std::string_view what,
                            std::string hint) const {
    // Of a table whose names are free it is one that somebody may have taken for the place of a key.
    const std::string shown = quotable(key);
    document_->refuse(at, show, shown, path_to(shown) + ": " + std::string(what), std::move(hint));
}

void TableReader::refuse_type(std::string_view key, const toml::node& value, std::string_view expected) const {
    // A text or a list where something else belongs may be a key, as in env = ["ZAI_API_KEY=…"]. What is in a list has
    // the others beside it.
    const bool no_key = (value.is_number() || value.is_boolean()) && table_->get(key) == &value;
    refuse_at(value.source(), no_key ? show_ : Show::name_only, key,
              "expected " + std::string(expected) + ", got " + std::string(type_name(value)), {});
}

void TableReader::refuse(std::string_view key, std::string_view what, std::string hint) const {
    const toml::node* node = table_->get(key);
    if (!node) refuse_table(std::string(key) + ": " + std::string(what), std::move(hint));
    // A table stands where its name does, with settings beside it that are not meant.
    if (node->is_table()) refuse_at(table_->find(key)->first.source(), Show::header, key, what, std::move(hint));
    refuse_at(node->source(), show_, key, what, std::move(hint));
}

void TableReader::refuse_element(std::string_view key, std::size_t index, std::string_view what,
                                 std::string hint) const {
    const toml::array* list = table_->get_as<toml::array>(key);
    refuse_at(list->get(index)->source(), show_, key, what, std::move(hint));
}

void TableReader::refuse_hidden(std::string_view key, std::string_view what, std::string hint) const {
    refuse_at(table_->get(key)->source(), Show::name_only, key, what, std::move(hint));
}

void TableReader::refuse_hidden_element(std::string_view key, std::size_t index, std::string_view what,
                                        std::string hint) const {
    const toml::array* list = table_->get_as<toml::array>(key);
    refuse_at(list->get(index)->source(), Show::name_only, key, what, std::move(hint));
}

void TableReader::refuse(const Entry& entry, std::string_view what, std::string hint) const {
    refuse_at(entry.key->source(), Show::header, entry.name, what, std::move(hint));
}

void TableReader::refuse_table(std::string_view what, std::string hint) const {
    document_->refuse(at_, Show::header, path_, path_ + ": " + std::string(what), std::move(hint));
}

}  // namespace capsule
