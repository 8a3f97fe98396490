// A strict reader of TOML: takes known settings by type, remembers which, and refuses the rest. Every error is
// "file:line:column: what is wrong" and the line itself, as compilers do; but of a line that could hold a key only
// its name.
//
// What is wrong is thrown as Failure, so that the readers of sections stay lists of settings; parse_config catches it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/located.hpp"
#include "daemon/base/toml.hpp"
#include "protocol/errors.hpp"

namespace capsule {

/// How a document is called.
struct DocumentName {
    std::string path;       ///< in errors: "/etc/capsule/capsule.toml"
    std::string origin;     ///< of its settings: "capsule.toml", to which ":12" is added
    bool built_in = false;  ///< then `origin` stands alone: "catalog"
};

/// What an error may show of the line: what is quotable() of it, the header of a table, or no more than the name.
enum class Show { line, header, name_only };

class TomlDocument {
  public:
    /// Throws Failure (config.conflict) where `text` is no TOML. `text` must outlive the document.
    TomlDocument(std::string_view text, DocumentName name);
    TomlDocument(const TomlDocument&) = delete;
    TomlDocument& operator=(const TomlDocument&) = delete;

    const toml::table& root() const noexcept { return root_; }
    bool built_in() const noexcept { return name_.built_in; }
    std::string origin(const toml::source_region& at) const;
    /// "/etc/capsule/capsule.toml:12:8: "
    std::string place(const toml::source_position& at) const;

    /// Throws the error of that place. `name` is what stands for the line when it may not be shown.
    [[noreturn]] void refuse(const toml::source_region& at, Show show, std::string_view name, std::string_view what,
                             std::string hint) const;

  private:
    std::string_view text_;
    DocumentName name_;
    toml::table root_;
};

/// One table. Each of the taking functions gives none when the setting is not there, and refuses another type.
class TableReader {
  public:
    /// A setting of a table whose names are free.
    struct Entry {
        std::string name;
        const toml::key* key;
        const toml::node* value;
    };

    explicit TableReader(const TomlDocument& document);

    std::optional<Located<std::string>> text(std::string_view key);
    std::optional<std::int64_t> integer(std::string_view key, std::int64_t low, std::int64_t high);
    std::optional<bool> boolean(std::string_view key);
    std::optional<Located<std::vector<std::string>>> texts(std::string_view key);
    std::optional<TableReader> table(std::string_view key);
    /// A list of tables, as [[key]] or `key = [{…}, …]`.
    std::optional<std::vector<TableReader>> list(std::string_view key);

    /// One of a few words.
    template <class Value>
    std::optional<Value> word(std::string_view key, const std::vector<std::pair<std::string_view, Value>>& words) {
        std::vector<std::string_view> names;
        for (const auto& [name, value] : words)
            names.push_back(name);
        const auto index = word_index(key, names);
        return index ? std::optional<Value>(words[*index].second) : std::nullopt;
    }

    /// Every table in this one, whatever its name, as they stand in the file. Refuses what is no table.
    std::vector<std::pair<Entry, TableReader>> tables();
    /// Every setting that is not yet taken, as they stand in the file.
    std::vector<Entry> entries();
    /// The text of such a setting, as long as the document lives.
    std::string_view text_of(const Entry& entry) const;

    /// Call when all is taken: refuses the first setting that was not, with the nearest name that would have been.
    void finish() const;

    /// Refuses the value of a setting (or, when there is none of that name, this table).
    [[noreturn]] void refuse(std::string_view key, std::string_view what, std::string hint = {}) const;
    /// Refuses an element of the list that is a setting. `what` quotes no more of it than quote() does.
    [[noreturn]] void refuse_element(std::string_view key, std::size_t index, std::string_view what,
                                     std::string hint = {}) const;
    [[noreturn]] void refuse(const Entry& entry, std::string_view what, std::string hint = {}) const;
    [[noreturn]] void refuse_table(std::string_view what, std::string hint = {}) const;

    /// Of this table, and of everything in it, no error shows a value.
    TableReader& hide_values() {
        show_ = Show::name_only;
        return *this;
    }
    /// So for one setting: a key that was pasted in the wrong place must not be shown.
    [[noreturn]] void refuse_hidden(std::string_view key, std::string_view what, std::string hint = {}) const;
    [[noreturn]] void refuse_hidden_element(std::string_view key, std::size_t index, std::string_view what,
                                            std::string hint = {}) const;

    bool has(std::string_view key) const { return table_->contains(key); }
    bool has_table(std::string_view key) const { return table_->get(key) != nullptr && table_->get(key)->is_table(); }
    bool has_integer(std::string_view key) const { return has(key) && table_->get(key)->is_integer(); }
    std::size_t size() const { return table_->size(); }
    std::string origin() const { return document_->origin(at_); }
    std::string origin_of(const Entry& entry) const { return document_->origin(entry.key->source()); }
    const std::string& path() const { return path_; }
    bool built_in() const { return document_->built_in(); }

  private:
    TableReader(const TableReader& parent, const toml::key& key, const toml::table& table);
    TableReader(const TableReader& parent, std::string path, const toml::table& element);

    const toml::node* take(std::string_view key);
    std::optional<std::size_t> word_index(std::string_view key, const std::vector<std::string_view>& words);
    std::string path_to(std::string_view key) const;
    [[noreturn]] void refuse_type(std::string_view key, const toml::node& value, std::string_view expected) const;
    [[noreturn]] void refuse_at(const toml::source_region& at, Show show, std::string_view key, std::string_view what,
                                std::string hint) const;

    const TomlDocument* document_;
    const toml::table* table_;
    toml::source_region at_;
    std::string path_;
    Show show_ = Show::line;
    std::vector<std::string> taken_;
};

}  // namespace capsule
