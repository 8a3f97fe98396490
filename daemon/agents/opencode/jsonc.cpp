#include "daemon/agents/opencode/jsonc.hpp"

#include <algorithm>

#include "daemon/base/time_limit.hpp"
#include "daemon/edit/json_edit.hpp"
#include "protocol/json_tree.hpp"

namespace capsule {
namespace json = boost::json;
namespace {

bool has_already(const json::value& document, const OpencodeBlock& block) {
    json::error_code problem;
    const auto at = [&](const std::string& pointer, std::string_view text) {
        const json::value* found = document.find_pointer("/provider/" + block.id + pointer, problem);
        return found != nullptr && found->is_string() && std::string_view(found->get_string()) == text;
    };
    return at("/npm", block.npm) && at("/options/baseURL", block.base_url);
}

}  // namespace

Merged leave_jsonc_alone(const std::string& existing, const OpencodeJsonIntent& intent) {
    Merged merged{existing, false, {}};
    if (intent.only_remove) return merged;
    const JsonRules rules{.comments = true, .max_depth = 256, .is_too_late = time_is_up};
    const std::size_t start = existing.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    const auto document = parse_json(std::string_view(existing).substr(start), rules);
    std::vector<OpencodeBlock> missing;
    for (const OpencodeBlock& block : intent.blocks)
        if (!document || !has_already(*document, block)) missing.push_back(block);
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

}  // namespace capsule
