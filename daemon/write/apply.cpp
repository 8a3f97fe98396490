#include "daemon/write/apply.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "daemon/agents/merge.hpp"

namespace capsule {
namespace {

bool is_link(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

bool has_inline_keys(const FileIntent& intent) {
    const auto* opencode = std::get_if<OpencodeJsonIntent>(&intent);
    return opencode != nullptr && !opencode->only_remove &&
           std::ranges::any_of(opencode->blocks, [](const OpencodeBlock& block) {
               return std::holds_alternative<Secret>(block.api_key);
           });
}

// Its words anywhere: one too many costs a setting of ours, one too few would weaken what the user said. What is too
// large to be looked at counts as saying so.
bool says_permission(const std::string& path) {
    if (::access(path.c_str(), F_OK) != 0) return false;
    constexpr std::size_t limit = 1024 * 1024;
    const auto text = read_file(path, limit);
    if (!text) return true;
    constexpr std::array<std::string_view, 3> words{"permission", "tools", "wellknown"};
    return *text && std::ranges::any_of(words, [&](std::string_view word) { return (*text)->find(word) != word.npos; });
}

FileIntent with_regard_to_other_files(FileIntent intent) {
    auto* opencode = std::get_if<OpencodeJsonIntent>(&intent);
    if (opencode != nullptr && std::ranges::any_of(opencode->merged_files, says_permission))
        opencode->permission.clear();
    return intent;
}

/// One file: what the merge says, put on the disk or only looked at.
class FileUpdate {
  public:
    FileUpdate(const FileIntent& intent, ApplyMode mode) : intent_(with_regard_to_other_files(intent)), mode_(mode) {}

    Result<Applied::File> run() {
        const std::string& path = path_of(intent_);
        const Transform transform = [this](const std::optional<std::string>& existing) { return wanted(existing); };
        if (mode_ == ApplyMode::preview) return applied(preview_file(path, transform));
        auto updated = update_file(path, transform);
        if (updated && to_be_kept_) {
            if (auto kept = keep_beside(path); !kept) return kept.error();
            kept_ = true;
            updated = update_file(path, transform);
        }
        return applied(std::move(updated));
    }

    std::vector<Warning> take_warnings() { return std::move(warnings_); }

  private:
    Result<Applied::File> applied(const Result<Updated>& updated) const {
        if (!updated) return updated.error();
        return Applied::File{path_of(intent_), updated->change, updated->mode,
                             left_alone_ ? std::nullopt : shown_content(intent_)};
    }

    // Each time on the newest version: only what it says last counts.
    Result<Wanted> wanted(const std::optional<std::string>& existing) {
        warnings_.clear();
        const std::string& path = path_of(intent_);
        left_alone_ = has_inline_keys(intent_) && is_link(path);
        if (left_alone_) {
            warnings_.push_back({"opencode.link", path + " is a link, and keys would get to wherever it leads: left as "
                                                         "it is. Make it a file, or set [opencode] api_key = \"env\""});
            return Wanted{existing};
        }
        auto merged = merge(existing, intent_);
        if (!merged) return merged.error();
        warnings_ = std::move(merged->warnings);
        to_be_kept_ = merged->save_existing && !kept_ && mode_ == ApplyMode::write;
        if (to_be_kept_) return Wanted{existing};
        return Wanted{std::move(merged->text), merged->holds_key};
    }

    FileIntent intent_;
    ApplyMode mode_;
    std::vector<Warning> warnings_;
    bool left_alone_ = false;
    bool to_be_kept_ = false;  ///< what is there is not ours, and is to have a second name first
    bool kept_ = false;        ///< it has one
};

// A session's pins say all that these files say, but for a file that its argv names.
bool only_warns(const FileIntent& intent, ApplyFor purpose) {
    const auto* own = std::get_if<OwnFileIntent>(&intent);
    return purpose == ApplyFor::session && (own == nullptr || !own->needed);
}

Warning as_warning(const Error& error, const FileIntent& intent) {
    const std::string said = error.message + ": " + error.hint;
    const std::string harmless = said + " (this session is not affected)";
    if (error.code != ErrorCode::config_conflict) return {"file.not_written", harmless};
    if (std::holds_alternative<OpencodeJsonIntent>(intent)) return {"opencode.conflict", harmless};
    if (std::holds_alternative<ClaudeApprovalIntent>(intent))
        return {"claude.conflict", said + " (Claude Code will ask once whether to use the key)"};
    return {"codex.conflict", harmless};
}

}  // namespace

Result<Applied> apply(const std::vector<FileIntent>& files, ApplyMode mode, ApplyFor purpose) {
    Applied applied;
    for (const FileIntent& intent : files) {
        FileUpdate update(intent, mode);
        auto file = update.run();
        if (file) {
            applied.files.push_back(*std::move(file));
            for (Warning& warning : update.take_warnings())
                applied.warnings.push_back(std::move(warning));
        } else if (only_warns(intent, purpose)) {
            applied.warnings.push_back(as_warning(file.error(), intent));
        } else {
            return file.error();
        }
    }
    return applied;
}

}  // namespace capsule
