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
    JsonContainer root() const { return read_container(text_, json_root(text_)); }

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
        constexpr std::string_view schema = "\n  \"$schema\": \"https://opencode.ai/config.json\",";
        const auto is_alone = [&](const std::string& word) {
            const std::string alone = format_json(json::object{{"permission", word}});
            return text_ == alone || text_ == "{" + std::string(schema) + alone.substr(1);
        };
        return is_alone("allow") || is_alone(intent_.permission);
    }

    bool permission_is_ours() const {
        const JsonContainer top = root();
        const JsonItem* permission = top.find("permission");
        if (permission == nullptr) return false;
        const std::string_view word = raw(*permission);
        if (word != R"("allow")" && word != "\"" + intent_.permission + "\"") return false;
        if (has_nothing_but_our_permission()) return true;
        const auto provider = provider_block();
        return provider && std::ranges::any_of(provider->items, [&](const JsonItem& item) {
                   return is_ours(item) && came_with_permission(raw(item));
               });
    }

    bool will_have_a_block_of_ours() const {
        const auto provider = provider_block();
        return std::ranges::any_of(intent_.blocks, [&](const OpencodeBlock& block) {
            const JsonItem* found = provider ? provider->find(block.id) : nullptr;
            return found == nullptr || is_ours(*found);
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
        const JsonContainer top = root();
        const JsonItem* permission = top.find("permission");
        const bool ours = permission_is_ours();
        const bool alone = has_nothing_but_our_permission();
        with_permission_ = !intent_.only_remove && !intent_.permission.empty() &&
                           !users_say_permission(top, true, ours) && (alone || will_have_a_block_of_ours());
        if (!with_permission_ && ours) return remove_item(text_, top, *permission);
        if (with_permission_ && (permission == nullptr || raw(*permission) != "\"" + intent_.permission + "\""))
            set_member(text_, top, "permission", json::string(intent_.permission));
    }

    Result<void> check() const {
        const std::size_t start = json_root(text_);
        if (text_[start] != '{')
            return conflict(intent_, line_of(text_, start), "is not a JSON object", "make it { … }, or move it away");
        const JsonContainer top = root();
        if (auto single = no_duplicates(top); !single) return single;
        const JsonItem* provider = top.find("provider");
        if (provider == nullptr) return {};
        if (text_[provider->value] != '{')
            return conflict(intent_, line_of(text_, provider->begin), "\"provider\" is not an object",
                            "make it { … }, or remove it");
        return no_duplicates(read_container(text_, provider->value));
    }

    Result<void> no_duplicates(const JsonContainer& object) const {
        const JsonItem* twice = object.duplicate();
        if (twice == nullptr) return {};
        return conflict(intent_, line_of(text_, twice->begin), "\"" + twice->name + "\" is there twice",
                        "remove one of the two");
    }

    bool is_ours(const JsonItem& item) const {
        const auto matches = [&](const OpencodeBlock& block) {
            return block.id == item.name && is_our_opencode_block(raw(item), block);
        };
        return std::ranges::any_of(intent_.known, matches) || std::ranges::any_of(intent_.blocks, matches);
    }

    bool is_wanted(std::string_view id) const {
        return !intent_.only_remove &&
               std::ranges::find(intent_.blocks, id, &OpencodeBlock::id) != intent_.blocks.end();
    }

    void remove_stale() {
        while (const auto provider = provider_block()) {
            const auto stale = std::ranges::find_if(
                provider->items, [&](const JsonItem& item) { return !is_wanted(item.name) && is_ours(item); });
            if (stale == provider->items.end()) return;
            const bool last = provider->items.size() == 1;
            if (was_empty_object(text_, *provider)) return empty_again(text_, *provider);
            remove_item(text_, *provider, *stale);
            if (!last || (!intent_.only_remove && !intent_.blocks.empty())) continue;
            const JsonContainer top = root();
            return remove_item(text_, top, *top.find("provider"));
        }
    }

    std::optional<JsonContainer> provider_block() const {
        const JsonContainer top = root();
        const JsonItem* provider = top.find("provider");
        if (provider == nullptr) return std::nullopt;
        return read_container(text_, provider->value);
    }

    void put(const OpencodeBlock& block) {
        const json::object wanted = opencode_block(block, Keys::revealed, with_permission_);
        const auto provider = provider_block();
        if (!provider) {
            set_member(text_, root(), "provider", json::object{{block.id, wanted}});
        } else if (provider->items.empty()) {
            fill_empty_object(text_, *provider, block.id, wanted);  // the user's, who gets it back
        } else if (const JsonItem* found = provider->find(block.id)) {
            if (!is_ours(*found)) return keep(block, *found);
            const std::string_view now = raw(*found);
            if (json::parse(json::string_view(now.data(), now.size())) != json::value(wanted) ||
                came_with_permission(now) != with_permission_)
                set_member(text_, *provider, block.id, wanted);
        } else {
            set_member(text_, *provider, block.id, wanted);
        }
        merged_.holds_key = merged_.holds_key || std::holds_alternative<Secret>(block.api_key);
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
    const bool inline_keys = !intent.only_remove && any_inline(intent.blocks);
    std::optional<FileIntent::Deference> defers;
    if (!intent.merged_files.empty() && !intent.permission.empty()) {
        // Its words anywhere: one too many costs a setting of ours, one too few would weaken what the user said.
        OpencodeJsonIntent silent = intent;
        silent.permission.clear();
        defers = FileIntent::Deference{intent.merged_files,
                                       {"permission", "tools", "wellknown"},
                                       std::make_shared<const FileIntent>(file_intent(std::move(silent)))};
    }
    FileIntent file = file_intent<OpencodeJsonIntent>(std::move(intent), merge_opencode_json, shown_opencode);
    file.defers = std::move(defers);
    if (inline_keys)
        file.not_through_a_link =
            Warning{"opencode.link", file.path +
                                         " is a link, and keys would get to wherever it leads: left as it is. "
                                         "Make it a file, or set [opencode] api_key = \"env\""};
    file.on_conflict = {"opencode.conflict", "this session is not affected"};
    return file;
}

}  // namespace capsule
