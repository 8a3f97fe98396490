#include <algorithm>

#include "daemon/agents/opencode/jsonc.hpp"
#include "daemon/agents/opencode/left_keys.hpp"
#include "daemon/agents/opencode/opencode_json.hpp"
#include "daemon/base/time_limit.hpp"
#include "daemon/edit/json_edit.hpp"
#include "protocol/json_tree.hpp"

namespace capsule {
namespace json = boost::json;
namespace {

/// Settings are some kilobytes. A million members would take seconds, in which nobody else is served.
constexpr std::size_t largest_text = 1024 * 1024;

Error conflict(const OpencodeJsonIntent& intent, std::size_t line, const std::string& what, std::string hint) {
    return {ErrorCode::config_conflict, intent.path + ":" + std::to_string(line) + ": " + what, std::move(hint)};
}

/// What stands before the object where the file was the user's and had nothing in it, so that the user gets it back.
constexpr char mark_of_an_object = ' ';      // it was {}
constexpr char mark_of_a_blank_file = '\n';  // it was blank

/// The steps on a file that is plain JSON, each on the text that the one before left.
class OpencodeMerge {
  public:
    OpencodeMerge(std::string text, const OpencodeJsonIntent& intent) : text_(std::move(text)), intent_(intent) {}

    Result<Merged> run() {
        if (auto checked = check(); !checked) return checked.error();
        const bool written_by_us = intent_.only_remove && is_as_we_write_it();
        const bool was_empty = root().items.empty();
        settle_permission();
        remove_stale();
        if (!intent_.only_remove)
            for (const OpencodeBlock& block : intent_.blocks)
                put(block);
        const bool is_empty = root().items.empty();
        if (was_empty && !is_empty) text_.insert(json_root(text_), 1, mark_of_an_object);
        merged_.text = is_empty && !was_empty ? what_was_there(written_by_us) : std::move(text_);
        return std::move(merged_);
    }

    // For a copy of the file, in which no key of ours is to stay behind.
    std::string without_keys() const {
        std::vector<Secret> keys = intent_.keys;
        for (const std::optional<FoundBlock>& block : reading().ours)
            if (intent_.has_earlier_keys && block && !block->key().starts_with('{')) keys.emplace_back(block->key());
        return with_masked_strings(text_, keys);
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
            return found && found->is_of(block) && (found->is_named_as(block) || is_ours_by_key(block.id, *found));
        };
        if (std::ranges::any_of(intent_.known, matches) || std::ranges::any_of(intent_.blocks, matches)) return found;
        return std::nullopt;
    }

    bool is_ours_by_key(std::string_view id, const FoundBlock& found) const {
        return intent_.is_ours_by_key && intent_.is_ours_by_key(id, found.value);
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
        const std::string text = with_plain_permission(text_.substr(json_root(text_)));
        const auto document = parse_json(text, {.is_too_late = time_is_up});
        return document && text == format_json(*document);
    }

    // What the file was before there was anything of ours in it; none: there was no file.
    std::optional<std::string> what_was_there(bool written_by_us) {
        const std::size_t start = json_root(text_);
        const char mark = start > 0 ? text_[start - 1] : '\0';
        if (mark == mark_of_an_object) return text_.erase(start - 1, 1);
        if (!written_by_us || (start > 0 && mark != mark_of_a_blank_file)) return std::move(text_);
        if (start == 0) return std::nullopt;
        return text_.substr(0, start - 1);
    }

    bool stands_alone(const JsonItem& permission) const {
        return text_.compare(permission.begin, permission.value - permission.begin, permission_alone) == 0;
    }

    bool is_ours(const JsonItem& permission) const {
        const std::string_view word = raw(permission);
        if (word != R"("allow")" && word != "\"" + intent_.permission + "\"") return false;
        return stands_alone(permission) ||
               std::ranges::any_of(reading().ours, [](const auto& block) { return block && block->with_permission; });
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
        const bool ours = permission != nullptr && is_ours(*permission);
        with_permission_ = !intent_.only_remove && !intent_.permission.empty() &&
                           !users_say_permission(top, true, ours) &&
                           ((ours && stands_alone(*permission)) || will_have_a_block_of_ours());
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
            // By its place: to look for the name of each of a user's members takes long where they are many.
            const auto is_stale = [&](const JsonItem& item) {
                return reading().ours[static_cast<std::size_t>(&item - provider.items.data())] && !is_wanted(item.name);
            };
            const auto stale = std::ranges::find_if(provider.items, is_stale);
            if (stale == provider.items.end()) return;
            const bool last = provider.items.size() == 1;
            const bool was_empty = was_empty_object(text_, provider);
            note_loss(stale->name);
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
        if (found != nullptr && (*found)->value != wanted) note_loss(block.id);
        if (!reading().provider)
            set_member(text_, root(), "provider", json::object{{block.id, wanted}});
        else if (reading().provider->items.empty())
            fill_empty_object(text_, *reading().provider, block.id, wanted);  // the user's, who gets it back
        else
            set_member(text_, *reading().provider, block.id, wanted);
        reading_.reset();
    }

    // What has our members alone, but not our values, may be the user's.
    void note_loss(std::string_view id) {
        const bool ours = intent_.is_ours_alone && intent_.is_ours_alone(id, (*ours_of(id))->value);
        merged_.save_existing = merged_.save_existing || !ours;
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

Result<Merged> merge_by_kind(const std::optional<std::string>& existing, const OpencodeJsonIntent& intent) {
    if (!existing || is_blank(*existing)) {
        if (intent.only_remove) return Merged{existing, false, {}};
        const json::object document = opencode_document(intent.blocks, intent.permission, Keys::revealed);
        if (document.empty()) return Merged{existing, false, {}};
        const std::string before = existing ? *existing + mark_of_a_blank_file : "";
        return Merged{before + opencode_text(document), any_inline(intent.blocks), {}};
    }
    if (existing->size() > largest_text) {
        if (intent.only_remove) return Merged{existing, false, {}};
        return conflict(intent, 1, "has more than 1 MiB, and capsuled adds nothing to such a file",
                        "move what you do not need out of it");
    }
    const JsonVerdict verdict = examine_json(*existing);
    if (verdict.kind == JsonVerdict::Kind::jsonc) return merge_jsonc(*existing, intent);
    if (verdict.kind == JsonVerdict::Kind::broken)
        return conflict(intent, verdict.line,
                        "is not JSON (" + verdict.problem + ", column " + std::to_string(verdict.column) + ")",
                        "correct that line, or move the file away and let capsuled write a new one");
    auto merged = OpencodeMerge(*existing, intent).run();
    if (merged && merged->save_existing) merged->saved = OpencodeMerge(*existing, intent).without_keys();
    return merged;
}

}  // namespace

Result<Merged> merge_opencode_json(const std::optional<std::string>& existing, const OpencodeJsonIntent& intent) {
    auto merged = merge_by_kind(existing, intent);
    if (merged) warn_of_keys(*merged, intent);
    return merged;
}

}  // namespace capsule
