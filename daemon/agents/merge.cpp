#include "daemon/agents/merge.hpp"

#include "daemon/edit/json_edit.hpp"
#include "daemon/agents/opencode/block.hpp"
#include "daemon/edit/toml_text.hpp"

namespace capsule {
namespace {

template <class... Functions>
struct Overloaded : Functions... {
    using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

std::optional<std::string> shown_block(const TomlBlockIntent& intent) {
    if (intent.tables.empty()) return std::nullopt;
    std::string out = std::string(block_start) + "\n";
    for (const TomlBlockIntent::Table& table : intent.tables)
        out += table.text;
    return out + std::string(block_end) + "\n";
}

std::optional<std::string> shown_opencode(const OpencodeJsonIntent& intent) {
    if (intent.only_remove) return std::nullopt;
    return format_json(opencode_document(intent.blocks, intent.permission, Keys::masked));
}

std::string shown_approval(const ClaudeApprovalIntent& intent) {
    const boost::json::array approved{boost::json::string(mask(intent.key_tail))};
    return format_json(
        boost::json::object{{"customApiKeyResponses", {{"approved", approved}}}, {"hasCompletedOnboarding", true}});
}

}  // namespace

Result<Merged> merge(const std::optional<std::string>& existing, const FileIntent& intent) {
    const Overloaded merge_one{
        [&](const TomlBlockIntent& i) { return merge_toml_block(existing, i); },
        [&](const OwnFileIntent& i) { return merge_own_file(existing, i); },
        [&](const OpencodeJsonIntent& i) { return merge_opencode_json(existing, i); },
        [&](const ClaudeApprovalIntent& i) { return merge_claude_json(existing, i); },
    };
    return std::visit(merge_one, intent);
}

std::optional<std::string> shown_content(const FileIntent& intent) {
    using Shown = std::optional<std::string>;
    const Overloaded show_one{
        [](const TomlBlockIntent& i) { return shown_block(i); },
        [](const OwnFileIntent& i) { return i.content; },
        [](const OpencodeJsonIntent& i) { return shown_opencode(i); },
        [](const ClaudeApprovalIntent& i) { return Shown(shown_approval(i)); },
    };
    return std::visit(show_one, intent);
}

}  // namespace capsule
