#include <algorithm>
#include <boost/json/parse.hpp>

#include "daemon/agents/opencode/opencode_json.hpp"
#include "daemon/edit/json_edit.hpp"

namespace capsule {
namespace json = boost::json;
namespace {

Error conflict(const OpencodeJsonIntent& intent, std::size_t line, const std::string& what, std::string hint) {
    return {ErrorCode::config_conflict, intent.path + ":" + std::to_string(line) + ": " + what, std::move(hint)};
}

bool any_inline(const std::vector<OpencodeBlock>& blocks) {
    return std::ranges::any_of(blocks,
                               [](const OpencodeBlock& b) { return std::holds_alternative<Secret>(b.api_key); });
}

/// The steps on a file that is plain JSON, each on the text that the one before left.
class OpencodeMerge {
  public:
    OpencodeMerge(std::string text, const OpencodeJsonIntent& intent) : text_(std::move(text)), intent_(intent) {}

    Result<Merged> run() {
        if (auto checked = check(); !checked) return checked.error();
        const bool written_by_us = intent_.only_remove && is_as_we_write_it();
        settle_permission();
        remove_stale();
        if (!intent_.only_remove)
            for (const OpencodeBlock& block : intent_.blocks)
                put(block);
        const bool nothing_left = root().items.empty();
        merged_.text = std::move(text_);
        if (nothing_left && written_by_us) merged_.text.reset();
        return std::move(merged_);
    }

  private:
    /// The text as it stands.
    struct Reading {
        JsonContainer root;
        std::optional<JsonContainer> provider;
        std::vector<std::optional<FoundBlock>> ours;  ///< for each of provider's members; none: the user's own
    };

    // Read once until the next edit, which resets it.
    const Reading& reading() const {
        if (reading_) return *reading_;
        reading_.emplace().root = read_container(text_, json_root(text_));
        const JsonItem* provider = reading_->root.find("provider");
        if (provider == nullptr || text_[provider->value] != '{') return *reading_;
        reading_->provider = read_container(text_, provider->value);
        for (const JsonItem& item : reading_->provider->items)
            reading_->ours.push_back(our_block(item));
        return *reading_;
    }

    std::optional<FoundBlock> our_block(const JsonItem& item) const {
        std::optional<FoundBlock> found;
        const auto matches = [&](const OpencodeBlock& block) {
            if (block.id != item.name) return false;
            if (!found) found = find_our_members(raw(item));
            return found && found->is_of(block);
        };
        if (std::ranges::any_of(intent_.known, matches) || std::ranges::any_of(intent_.blocks, matches)) return found;
        return std::nullopt;
    }

    const JsonContainer& root() const { return reading().root; }
    /// Of provider's member of that name. Null: there is none.
    const std::optional<FoundBlock>* ours_of(std::string_view id) const {
        const JsonItem* found = reading().provider ? reading().provider->find(id) : nullptr;
        return found ? &reading().ours[static_cast<std::size_t>(found - reading().provider->items.data())] : nullptr;
    }

    std::string_view raw(const JsonItem& item) const {
        return std::string_view(text_).substr(item.value, item.end - item.value);
    }

    bool is_as_we_write_it() const {
        json::error_code problem;
        const json::value document = json::parse(text_, problem);
        return !problem && text_ == format_json(document);
    }

    // A file with a permission of ours alone, which OpenCode then gives a $schema.
    bool has_nothing_but_our_permission() const {
        if (root().find("provider") != nullptr) return false;
        constexpr std::string_view schema = "\n  \"$schema\": \"https://opencode.ai/config.json\",";
        const auto is_alone = [&](const std::string& word) {
            const std::string alone = format_json(json::object{{"permission", word}});
            return text_ == alone || text_ == "{" + std::string(schema) + alone.substr(1);
        };
        return is_alone("allow") || is_alone(intent_.permission);
    }

    bool permission_is_ours(bool alone) const {
        const JsonItem* permission = root().find("permission");
        if (permission == nullptr) return false;
        const std::string_view word = raw(*permission);
        if (word != R"("allow")" && word != "\"" + intent_.permission + "\"") return false;
        return alone || std::ranges::any_of(reading().ours, [](const std::optional<FoundBlock>& block) {
                   return block && block->with_permission;
               });
    }

    bool will_have_a_block_of_ours() const {
        return std::ranges::any_of(intent_.blocks, [&](const OpencodeBlock& block) {
            const std::optional<FoundBlock>* found = ours_of(block.id);
            return found == nullptr || found->has_value();
        });
    }

    // "tools" is OpenCode's older word for the same; an agent (or, older, a mode) may have its own of both.
    bool users_say_permission(const JsonContainer& object, bool top, bool ours) const {
        for (const JsonItem& item : object.items) {
            if (item.name == "tools" || (item.name == "permission" && !ours)) return true;
            if (!top || (item.name != "agent" && item.name != "mode") || text_[item.value] != '{') continue;
            for (const JsonItem& agent : read_container(text_, item.value).items)
                if (text_[agent.value] == '{' && users_say_permission(read_container(text_, agent.value), false, false))
                    return true;
        }
        return false;
    }

    // Ours goes with our blocks, and is never there beside a permission of the user's: what is said last counts.
    void settle_permission() {
        const JsonContainer& top = root();
        const JsonItem* permission = top.find("permission");
        const bool alone = has_nothing_but_our_permission();
        const bool ours = permission_is_ours(alone);
        with_permission_ = !intent_.only_remove && !intent_.permission.empty() &&
                           !users_say_permission(top, true, ours) && (alone || will_have_a_block_of_ours());
        if (!with_permission_ && ours)
            remove_item(text_, top, *permission);
        else if (with_permission_ && (permission == nullptr || raw(*permission) != "\"" + intent_.permission + "\""))
            set_member(text_, top, "permission", json::string(intent_.permission));
        else
            return;
        reading_.reset();
    }

    Result<void> check() const {
        const std::size_t start = json_root(text_);
        if (text_[start] != '{')
            return conflict(intent_, line_of(text_, start), "is not a JSON object", "make it { … }, or move it away");
        if (auto single = no_duplicates(root()); !single) return single;
        const JsonItem* provider = root().find("provider");
        if (provider == nullptr) return {};
        if (!reading().provider)
            return conflict(intent_, line_of(text_, provider->begin), "\"provider\" is not an object",
                            "make it { … }, or remove it");
        return no_duplicates(*reading().provider);
    }

    Result<void> no_duplicates(const JsonContainer& object) const {
        const JsonItem* twice = object.duplicate();
        if (twice == nullptr) return {};
        return conflict(intent_, line_of(text_, twice->begin), "\"" + twice->name + "\" is there twice",
                        "remove one of the two");
    }

    bool is_wanted(std::string_view id) const {
        return !intent_.only_remove &&
               std::ranges::find(intent_.blocks, id, &OpencodeBlock::id) != intent_.blocks.end();
    }

    void remove_stale() {
        while (reading().provider) {
            const JsonContainer& provider = *reading().provider;
            const auto is_stale = [&](const JsonItem& item) {
                return !is_wanted(item.name) && ours_of(item.name)->has_value();
            };
            const auto stale = std::ranges::find_if(provider.items, is_stale);
            if (stale == provider.items.end()) return;
            const bool last = provider.items.size() == 1;
            const bool was_empty = was_empty_object(text_, provider);
            if (was_empty)
                empty_again(text_, provider);
            else
                remove_item(text_, provider, *stale);
            reading_.reset();
            if (was_empty) return;
            if (!last || (!intent_.only_remove && !intent_.blocks.empty())) continue;
            remove_item(text_, root(), *root().find("provider"));
            return reading_.reset();
        }
    }

    void put(const OpencodeBlock& block) {
        const json::object wanted = opencode_block(block, Keys::revealed, with_permission_);
        const std::optional<FoundBlock>* found = ours_of(block.id);
        if (found != nullptr && !found->has_value()) return keep(block, *reading().provider->find(block.id));
        merged_.holds_key = merged_.holds_key || std::holds_alternative<Secret>(block.api_key);
        if (found != nullptr && (*found)->with_permission == with_permission_ && (*found)->value == wanted) return;
        if (!reading().provider)
            set_member(text_, root(), "provider", json::object{{block.id, wanted}});
        else if (reading().provider->items.empty())
            fill_empty_object(text_, *reading().provider, block.id, wanted);  // the user's, who gets it back
        else
            set_member(text_, *reading().provider, block.id, wanted);
        reading_.reset();
    }

    void keep(const OpencodeBlock& block, const JsonItem& found) {
        merged_.warnings.push_back(
            {"opencode.own_block", intent_.path + ":" + std::to_string(line_of(text_, found.begin)) + ": provider \"" +
                                       block.id +
                                       "\" is a block of your own and stays as it is (sessions started by "
                                       "capsuled are not affected); remove it to have capsuled's"});
    }

    std::string text_;
    const OpencodeJsonIntent& intent_;
    mutable std::optional<Reading> reading_;
    bool with_permission_ = false;  ///< a permission of ours stands in the result
    Merged merged_;
};

bool has_already(const json::value& document, const OpencodeBlock& block) {
    json::error_code problem;
    const auto at = [&](const std::string& pointer, std::string_view text) {
        const json::value* found = document.find_pointer("/provider/" + block.id + pointer, problem);
        return found != nullptr && found->is_string() && std::string_view(found->get_string()) == text;
    };
    return at("/npm", block.npm) && at("/options/baseURL", block.base_url);
}

// JSONC: comments would be lost in an edit, so the user is told what to paste.
Merged leave_alone(const std::string& existing, const OpencodeJsonIntent& intent) {
    Merged merged{existing, false, {}};
    if (intent.only_remove) return merged;
    json::parse_options options;
    options.max_depth = 256;
    options.allow_comments = options.allow_trailing_commas = true;
    const std::size_t start = existing.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    json::error_code problem;
    const json::value document =
        json::parse(json::string_view(existing).substr(start), problem, json::storage_ptr(), options);
    std::vector<OpencodeBlock> missing;
    for (const OpencodeBlock& block : intent.blocks)
        if (problem || !has_already(document, block)) missing.push_back(block);
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

std::optional<std::string> shown_opencode(const OpencodeJsonIntent& intent) {
    if (intent.only_remove) return std::nullopt;
    return format_json(opencode_document(intent.blocks, intent.permission, Keys::masked));
}

}  // namespace

Result<Merged> merge_opencode_json(const std::optional<std::string>& existing, const OpencodeJsonIntent& intent) {
    if (!existing || is_blank(*existing)) {
        if (intent.only_remove) return Merged{existing, false, {}};
        const json::object document = opencode_document(intent.blocks, intent.permission, Keys::revealed);
        if (document.empty()) return Merged{existing, false, {}};
        return Merged{format_json(document), any_inline(intent.blocks), {}};
    }
    const JsonVerdict verdict = examine_json(*existing);
    if (verdict.kind == JsonVerdict::Kind::jsonc) return leave_alone(*existing, intent);
    if (verdict.kind == JsonVerdict::Kind::broken)
        return conflict(intent, verdict.line,
                        "is not JSON (" + verdict.problem + ", column " + std::to_string(verdict.column) + ")",
                        "correct that line, or move the file away and let capsuled write a new one");
    return OpencodeMerge(*existing, intent).run();
}

FileIntent file_intent(OpencodeJsonIntent intent) {
    const auto shared = std::make_shared<const OpencodeJsonIntent>(std::move(intent));
    FileIntent file{shared->path, MergeOf<OpencodeJsonIntent>{shared, merge_opencode_json},
                    [shared] { return shown_opencode(*shared); }};
    if (!shared->merged_files.empty() && !shared->permission.empty()) {
        // Its words anywhere: one too many costs a setting of ours, one too few would weaken what the user said.
        const auto silent = [shared] {
            OpencodeJsonIntent without = *shared;
            without.permission.clear();
            return file_intent(std::move(without));
        };
        file.defers = FileIntent::Deference{shared->merged_files, {"permission", "tools", "wellknown"}, silent};
    }
    if (!shared->only_remove && any_inline(shared->blocks))
        file.not_through_a_link =
            Warning{"opencode.link", file.path +
                                         " is a link, and keys would get to wherever it leads: left as it is. "
                                         "Make it a file, or set [opencode] api_key = \"env\""};
    file.on_conflict = {"opencode.conflict", "this session is not affected"};
    return file;
}

}  // namespace capsule
