#include <algorithm>
#include <set>
#include <utility>

#include "daemon/agents/codex/block_parts.hpp"
#include "daemon/agents/codex/config_file.hpp"
#include "daemon/edit/toml_text.hpp"

namespace capsule {
namespace {

std::string with_ending(std::string_view text, std::string_view ending) {
    std::string out;
    for (const char& c : text)
        out += c == '\n' ? ending : std::string_view(&c, 1);
    return out;
}

/// The steps of one merge. `text_` stays what the user's file is.
class BlockMerge {
  public:
    BlockMerge(const std::string& text, const TomlBlockIntent& intent)
        : text_(text), intent_(intent), ending_(line_ending(text)) {}

    Result<Merged> run() {
        if (const auto why = why_not_parsed(text_)) {
            if (intent_.tables.empty() && intent_.profiles.empty()) return Merged{text_, false, {}};
            return conflict(1, *why + ", and capsuled adds nothing to such a file",
                            "move what you do not need out of " + intent_.path);
        }
        if (auto found = find_block(); !found) return found.error();
        // Nothing to add, nothing to take away: what else is wrong with the file is its owner's affair.
        if (!block_ && intent_.tables.empty() && intent_.profiles.empty()) return Merged{text_, false, {}};
        if (is_as_wanted()) return Merged{text_, false, {}};
        const std::string theirs = without_ours();
        const toml::parse_result parsed = parse_codex_toml(theirs);
        if (!parsed) return not_understood(parsed.error());
        users_ = &parsed.table();
        if (auto checked = check_additions(); !checked) return checked.error();
        if (auto checked = check_profiles(*users_); !checked) return checked.error();
        if (auto chosen = choose_tables(); !chosen) return chosen.error();
        std::optional<std::string> merged = compose();
        if (merged)
            if (auto verified = verify(*merged); !verified) return verified.error();
        return Merged{std::move(merged), false, std::move(warnings_), may_be_theirs_};
    }

  private:
    Error conflict(std::size_t line, const std::string& what, std::string hint) const {
        return {ErrorCode::config_conflict, intent_.path + ":" + std::to_string(line) + ": " + what, std::move(hint)};
    }
    Error conflict(const toml::node& node, const std::string& what, std::string hint) const {
        return conflict(node.source().begin.line, what, std::move(hint));
    }

    // It may be valid all the same: Codex reads TOML 1.1, toml++ does not.
    Error not_understood(const toml::parse_error& error) const {
        return conflict(error.source().begin.line,
                        "is not TOML 1.0 (column " + std::to_string(error.source().begin.column) + ": " +
                            std::string(error.description()) + "), and capsuled adds nothing to what it cannot read",
                        "if Codex reads the file, write that setting as TOML 1.0 has it (an inline table on one line, "
                        "without a comma at its end); else correct it");
    }

    Result<void> find_block() {
        const TomlBlockSearch found = find_toml_blocks(text_);
        if (found.unpaired_line != 0)
            return conflict(found.unpaired_line, "this mark of capsuled's has lost its partner",
                            "delete that line, and the [model_providers.…] table under it if it was capsuled's");
        if (found.blocks.size() > 1)
            return conflict(found.blocks[1].first_line, "a second block of capsuled's", "delete one of the two");
        if (found.blocks.empty()) return {};
        block_ = found.blocks.front();
        if (block_->setting_after != 0)
            return conflict(block_->setting_after,
                            "this setting stands below capsuled's block, and so in its last table",
                            "move it above line " + std::to_string(block_->first_line));
        return {};
    }

    // Our block stands there word for word, and nothing of the user's adds to its tables.
    bool is_as_wanted() {
        if (!block_ || intent_.tables.empty()) return false;
        std::vector<const TomlBlockIntent::Table*> all;
        for (const TomlBlockIntent::Table& table : intent_.tables)
            all.push_back(&table);
        if (std::string_view(text_).substr(block_->begin, block_->end - block_->begin) != our_lines(all)) return false;
        const auto file = codex_config_file(text_, intent_.seen);
        if (!file->parsed) return false;
        const toml::table* providers = file->parsed.table()["model_providers"].as_table();
        const auto has_our_settings_alone = [&](const TomlBlockIntent::Table& table) {
            const toml::table* found = providers == nullptr ? nullptr : providers->get_as<toml::table>(table.id);
            return found != nullptr && found->size() == our_settings.size();
        };
        if (!std::ranges::all_of(intent_.tables, has_our_settings_alone)) return false;
        return check_profiles(file->parsed.table()).has_value();
    }

    std::string_view part_text(const TomlBlock::Part& part) const {
        return std::string_view(text_).substr(part.begin, part.end - part.begin);
    }

    // The user's file with our part blanked out, so that line numbers stay what they are. What else stands between
    // the marks is the user's: it moves out of the block. Settings above the first table belong to the table above the
    // block, and go there.
    std::string without_ours() {
        std::string out = text_;
        if (!block_) return out;
        const auto blank = [&out](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i)
                if (out[i] != '\n' && out[i] != '\r') out[i] = ' ';
        };
        for (const TomlBlock::Part& part : block_->parts) {
            const std::string_view text = part_text(part);
            if (auto id = our_id(text, intent_)) {
                blank(part.begin, part.end);
                may_be_theirs_ = may_be_theirs_ || !(is_wanted(text, *id) || has_our_values(text, intent_));
                written_.push_back(std::move(*id));
            } else if (text.find_first_not_of(" \t\r\n") != std::string_view::npos) {
                const bool first = &part == &block_->parts.front();
                (first && !has_header(text) ? theirs_above_ : theirs_within_) += text;
                if (!is_written_by_codex(text)) warn_of_move(part);
            }
        }
        return out;
    }

    // Whether it is what is to be written again: of most launches every table is.
    bool is_wanted(std::string_view part, std::string_view id) const {
        const auto table = std::ranges::find(intent_.tables, id, &TomlBlockIntent::Table::id);
        return table != intent_.tables.end() && with_ending(table->text, ending_) == part;
    }

    // Once, of the first: how many parts there are is up to whoever wrote the file.
    void warn_of_move(const TomlBlock::Part& part) {
        if (std::exchange(is_moved_, true)) return;
        const auto line = 1 + std::ranges::count(std::string_view(text_).substr(0, part.begin), '\n');
        warnings_.push_back({"codex.moved", intent_.path + ":" + std::to_string(line) +
                                                ": what stands between capsuled's marks and is not capsuled's is "
                                                "moved out of them, as it is"});
    }

    // Codex starts on no provider without a name. Where the user's settings of one only add to our table, they need it.
    Result<void> check_additions() const {
        const toml::table* providers = (*users_)["model_providers"].as_table();
        for (const std::string& id : written_) {
            const toml::node* own = providers == nullptr ? nullptr : providers->get(id);
            if (own != nullptr && own->is_table() && !own->as_table()->contains("name"))
                return conflict(*own,
                                "these settings of your own add to capsuled's table model_providers." + id +
                                    ", and Codex does not start on them alone",
                                "remove them, or write a whole table, with a name, and remove capsuled's block");
        }
        return {};
    }

    Result<void> check_profiles(const toml::table& file) const {
        if (intent_.profiles.empty()) return {};
        if (const toml::node* profile = file.get("profile"))
            return conflict(*profile, "with this legacy \"profile\" setting Codex refuses --profile",
                            "remove the line; choose a profile with codex --profile NAME, kept in NAME.config.toml");
        const toml::table* profiles = file["profiles"].as_table();
        if (profiles == nullptr) return {};
        for (const std::string& name : intent_.profiles)
            if (const toml::node* profile = profiles->get(name))
                return conflict(*profile,
                                "with this legacy table profiles." + name + " Codex refuses --profile " + name,
                                "remove it, or give it another name");
        return {};
    }

    Result<void> choose_tables() {
        const toml::node* node = users_->get("model_providers");
        const toml::table* providers = node == nullptr ? nullptr : node->as_table();
        for (const TomlBlockIntent::Table& table : intent_.tables) {
            const toml::node* own = providers == nullptr ? nullptr : providers->get(table.id);
            if (own == nullptr)
                tables_.push_back(&table);
            else
                warnings_.push_back({"codex.own_table", intent_.path + ":" + std::to_string(own->source().begin.line) +
                                                            ": model_providers." + table.id +
                                                            " is a table of your own and stays as it is (sessions "
                                                            "started by capsuled are not affected); remove it to have "
                                                            "capsuled's"});
        }
        if (tables_.empty() || node == nullptr) return {};
        if (providers == nullptr)
            return conflict(*node, "model_providers is not a table", "write it as [model_providers.NAME] tables");
        if (providers->is_inline())
            return conflict(*node, "model_providers is an inline table, to which nothing can be added",
                            "write each of its entries as a [model_providers.NAME] table");
        return {};
    }

    // None: a file that capsuled made, and that has nothing else in it.
    std::optional<std::string> compose() const {
        if (block_) return compose_in_place();
        if (tables_.empty()) return text_;
        // A file without a final newline gets a block without one: so the block's removal gives back that very file.
        const bool complete = text_.ends_with('\n');
        const bool empty = text_.empty() || text_ == "\xEF\xBB\xBF";
        return text_ + (complete || empty ? "" : std::string(ending_)) + our_lines(tables_) +
               (complete ? std::string(ending_) : "");
    }

    std::optional<std::string> compose_in_place() const {
        const std::string before = text_.substr(0, block_->begin) + theirs_above_;
        const std::string after = text_.substr(block_->next);
        const std::string final_newline = text_.substr(block_->end, block_->next - block_->end);
        if (tables_.empty()) {
            if (!theirs_within_.empty() || !after.empty() || !final_newline.empty()) {
                std::string rest = before + theirs_within_ + after;
                if (rest.empty()) return std::nullopt;
                return rest;
            }
            return before.ends_with(ending_) ? before.substr(0, before.size() - ending_.size()) : before;
        }
        const bool more = !theirs_within_.empty() || !after.empty();
        return before + our_lines(tables_) + (more && final_newline.empty() ? std::string(ending_) : final_newline) +
               theirs_within_ + after;
    }

    // Without the last line ending.
    std::string our_lines(const std::vector<const TomlBlockIntent::Table*>& tables) const {
        std::string out = std::string(block_start) + "\n";
        for (const TomlBlockIntent::Table* table : tables) {
            out += table->text;
            if (!out.ends_with('\n')) out += '\n';
        }
        return with_ending(out + std::string(block_end), ending_);
    }

    // What was promised: our tables as they should be, and everything else as it was.
    Result<void> verify(const std::string& merged) const {
        toml::parse_result parsed = parse_codex_toml(merged);
        if (!parsed)
            return conflict(parsed.error().source().begin.line,
                            "no block can be added to this file (" + std::string(parsed.error().description()) + ")",
                            "write model_providers as [model_providers.NAME] tables");
        toml::table all = std::move(parsed).table();
        toml::table* providers = all["model_providers"].as_table();
        for (const TomlBlockIntent::Table* table : tables_) {
            const toml::parse_result wanted = parse_codex_toml(table->text);
            const toml::node* now = providers == nullptr ? nullptr : providers->get(table->id);
            if (!wanted || now == nullptr ||
                *now->as_table() != *wanted.table()["model_providers"][table->id].as_table())
                return conflict(1, "capsuled's table model_providers." + table->id + " would not be what it should",
                                "write model_providers as [model_providers.NAME] tables");
            providers->erase(table->id);
        }
        if (providers != nullptr && providers->empty() && users_->get("model_providers") == nullptr)
            all.erase("model_providers");
        if (all != *users_)
            return conflict(1, "the file's own settings would change by adding capsuled's block",
                            "write model_providers as [model_providers.NAME] tables");
        return {};
    }

    const std::string& text_;
    const TomlBlockIntent& intent_;
    std::string_view ending_;
    std::optional<TomlBlock> block_;
    bool is_moved_ = false;                              ///< and warned of: something that stood between our marks
    bool may_be_theirs_ = false;                         ///< a table of ours with values that are not
    std::vector<std::string> written_;                   ///< the ids of our tables in the block
    std::string theirs_above_;                           ///< what of the user's stands between our marks, before
    std::string theirs_within_;                          ///< the first table and after it
    const toml::table* users_ = nullptr;                 ///< the file without us
    std::vector<const TomlBlockIntent::Table*> tables_;  ///< to write
    std::vector<Warning> warnings_;
};

std::optional<std::string> shown_block(const TomlBlockIntent& intent) {
    if (intent.tables.empty()) return std::nullopt;
    std::string out = std::string(block_start) + "\n";
    for (const TomlBlockIntent::Table& table : intent.tables)
        out += table.text;
    return out + std::string(block_end) + "\n";
}

}  // namespace

Result<Merged> merge_toml_block(const std::optional<std::string>& existing, const TomlBlockIntent& intent) {
    if (existing) return BlockMerge(*existing, intent).run();
    if (intent.tables.empty()) return Merged{};
    // As for a file with a final newline, which is what makes its removal the file's removal.
    auto merged = BlockMerge("\n", intent).run();
    if (!merged) return merged.error();
    merged->text->erase(0, 1);
    return merged;
}

FileIntent file_intent(TomlBlockIntent intent) {
    FileIntent file = file_intent<TomlBlockIntent>(std::move(intent), merge_toml_block, shown_block);
    file.on_conflict = {"codex.conflict", "this session is not affected"};
    return file;
}

}  // namespace capsule
