// opencode.json as a file that is to be written: what of it is shown, and what it defers to.
#include <memory>
#include <utility>

#include "daemon/agents/opencode/opencode_json.hpp"
#include "protocol/json_tree.hpp"

namespace capsule {
namespace {

std::optional<std::string> shown_opencode(const OpencodeJsonIntent& intent) {
    if (intent.only_remove) return std::nullopt;
    return format_json(opencode_document(intent.blocks, intent.permission, Keys::masked));
}

}  // namespace

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
