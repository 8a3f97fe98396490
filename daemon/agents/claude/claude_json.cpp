#include <algorithm>
#include <boost/json/serialize.hpp>

#include "daemon/agents/claude/claude_json.hpp"
#include "daemon/edit/json_edit.hpp"

namespace capsule {
namespace json = boost::json;
namespace {

constexpr const char* responses = "customApiKeyResponses";
/// Ours, by name: nobody else's approval is ever taken away.
constexpr const char* approved_by_us = "capsuledApprovedKeys";

Error conflict(const ClaudeApprovalIntent& intent, std::size_t line, const std::string& what) {
    return {ErrorCode::config_conflict, intent.path + ":" + std::to_string(line) + ": " + what,
            "correct that line, or move the file away and let Claude Code write a new one"};
}

json::object note(const ClaudeApprovalIntent& intent) {
    return {{intent.key_name, intent.key_tail}};
}

json::object fresh(const ClaudeApprovalIntent& intent) {
    return {{responses, {{"approved", json::array{json::string(intent.key_tail)}}, {"rejected", json::array()}}},
            {approved_by_us, note(intent)},
            {"hasCompletedOnboarding", true}};
}

/// The steps on a file that is JSON, each on the text that the one before left.
class ClaudeMerge {
  public:
    ClaudeMerge(std::string text, const ClaudeApprovalIntent& intent)
        : text_(std::move(text)), intent_(intent), tail_(json::serialize(json::string(intent.key_tail))) {}

    Result<Merged> run() {
        if (auto checked = check(); !checked) return checked.error();
        take_back_earlier();
        approve();
        if (remove_from("rejected", tail_)) warn_of_answer();
        const JsonContainer top = root();
        const JsonItem* onboarding = top.find("hasCompletedOnboarding");
        if (onboarding == nullptr || raw(*onboarding) != "true") set_member(text_, top, "hasCompletedOnboarding", true);
        return Merged{std::move(text_), false, std::move(warnings_)};
    }

  private:
    JsonContainer root() const { return read_container(text_, json_root(text_)); }
    std::string_view raw(const JsonItem& item) const {
        return std::string_view(text_).substr(item.value, item.end - item.value);
    }

    Result<void> check() const {
        if (text_[json_root(text_)] != '{') return conflict(intent_, 1, "is not a JSON object");
        const JsonContainer top = root();
        if (auto single = no_duplicates(top); !single) return single;
        if (const JsonItem* ours = top.find(approved_by_us)) {
            if (text_[ours->value] != '{') return wrong(*ours, "an object");
            if (auto single = no_duplicates(read_container(text_, ours->value)); !single) return single;
        }
        const JsonItem* answers = top.find(responses);
        if (answers == nullptr) return {};
        if (text_[answers->value] != '{') return wrong(*answers, "an object");
        const JsonContainer inner = read_container(text_, answers->value);
        if (auto single = no_duplicates(inner); !single) return single;
        for (const char* name : {"approved", "rejected"})
            if (const JsonItem* list = inner.find(name); list != nullptr && text_[list->value] != '[')
                return wrong(*list, "an array");
        return {};
    }

    Result<void> no_duplicates(const JsonContainer& object) const {
        const JsonItem* twice = object.duplicate();
        if (twice == nullptr) return {};
        return conflict(intent_, line_of(text_, twice->begin), "\"" + twice->name + "\" is there twice");
    }

    Error wrong(const JsonItem& item, const std::string& what) const {
        return conflict(intent_, line_of(text_, item.begin), "\"" + item.name + "\" is not " + what);
    }

    // The list of that name in customApiKeyResponses.
    std::optional<JsonContainer> list(const char* name) const {
        const JsonContainer top = root();
        const JsonItem* answers = top.find(responses);
        if (answers == nullptr) return std::nullopt;
        const JsonContainer inner = read_container(text_, answers->value);
        const JsonItem* found = inner.find(name);
        if (found == nullptr) return std::nullopt;
        return read_container(text_, found->value);
    }

    const JsonItem* item_in(const JsonContainer& array, std::string_view wanted) const {
        const auto found = std::ranges::find_if(array.items, [&](const JsonItem& item) { return raw(item) == wanted; });
        return found == array.items.end() ? nullptr : &*found;
    }

    bool remove_from(const char* name, const std::string& wanted) {
        const auto from = list(name);
        const bool found = from && item_in(*from, wanted) != nullptr;
        if (found) remove_items(text_, *from, [&](const JsonItem& item) { return raw(item) == wanted; });
        return found;
    }

    // The session was asked for with this key. With that answer Claude Code would use another login instead.
    void warn_of_answer() {
        warnings_.push_back(
            {"claude.answer_replaced",
             intent_.path +
                 " says that Claude Code is not to use this API key (customApiKeyResponses.rejected). capsuled removes "
                 "that answer, because this session runs on that key. To use your Claude login instead, remove " +
                 intent_.key_name + " from capsuled, or set [claude] native = \"home\""});
    }

    void take_back_earlier() {
        const JsonContainer top = root();
        const JsonItem* all = top.find(approved_by_us);
        if (all == nullptr) return;
        const JsonContainer ours = read_container(text_, all->value);
        const JsonItem* earlier = ours.find(intent_.key_name);
        if (earlier == nullptr || raw(*earlier) == tail_) return;
        const std::string tail(raw(*earlier));
        remove_item(text_, ours, *earlier);
        remove_from("approved", tail);
    }

    void approve() {
        const json::object answer = fresh(intent_);
        if (const auto approved = list("approved")) {
            if (item_in(*approved, tail_) != nullptr) return;  // by whomever
            append_element(text_, *approved, json::string(intent_.key_tail));
        } else {
            const JsonContainer top = root();
            if (const JsonItem* answers = top.find(responses))
                set_member(text_, read_container(text_, answers->value), "approved",
                           answer.at(responses).at("approved"));
            else
                set_member(text_, top, responses, answer.at(responses));
        }
        const JsonContainer top = root();
        if (const JsonItem* ours = top.find(approved_by_us))
            set_member(text_, read_container(text_, ours->value), intent_.key_name, json::string(intent_.key_tail));
        else
            set_member(text_, top, approved_by_us, note(intent_));
    }

    std::string text_;
    const ClaudeApprovalIntent& intent_;
    std::string tail_;  ///< as a JSON string
    std::vector<Warning> warnings_;
};

std::optional<std::string> shown_approval(const ClaudeApprovalIntent& intent) {
    const boost::json::array approved{boost::json::string(mask(intent.key_tail))};
    return format_json(
        boost::json::object{{"customApiKeyResponses", {{"approved", approved}}}, {"hasCompletedOnboarding", true}});
}

}  // namespace

Result<Merged> merge_claude_json(const std::optional<std::string>& existing, const ClaudeApprovalIntent& intent) {
    // Private from the start; the mode of a file that Claude Code or the user made stays.
    if (!existing) return Merged{format_json(fresh(intent)), true, {}};
    if (is_blank(*existing)) return Merged{format_json(fresh(intent)), false, {}};
    const JsonVerdict verdict = examine_json(*existing);
    if (verdict.kind == JsonVerdict::Kind::jsonc)
        return conflict(intent, 1, "has comments or trailing commas, which Claude Code does not read");
    if (verdict.kind == JsonVerdict::Kind::broken)
        return conflict(intent, verdict.line,
                        "is not JSON (" + verdict.problem + ", column " + std::to_string(verdict.column) + ")");
    return ClaudeMerge(*existing, intent).run();
}

FileIntent file_intent(ClaudeApprovalIntent intent) {
    FileIntent file = file_intent<ClaudeApprovalIntent>(std::move(intent), merge_claude_json, shown_approval);
    file.on_conflict = {"claude.conflict", "Claude Code will ask once whether to use the key"};
    return file;
}

}  // namespace capsule
