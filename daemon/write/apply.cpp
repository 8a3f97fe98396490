#include "daemon/write/apply.hpp"

#include <sys/stat.h>

#include <algorithm>

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

// While `path` is updated: as NAME.before-capsuled, or under a further number where that name is taken by something
// else.
Result<void> save(const std::string& path, const std::string& text) {
    constexpr int copies = 10;
    for (int i = 1; i <= copies; ++i) {
        const std::string name = path + ".before-capsuled" + (i == 1 ? "" : "." + std::to_string(i));
        bool there = false;
        const auto keep = [&](const std::optional<std::string>& existing) -> Result<Wanted> {
            there = !existing || *existing == text;
            return Wanted{existing ? existing : text};
        };
        const auto saved = update_file(name, keep, Turn::has);
        if (!saved) return saved.error();
        if (there) return {};
    }
    return Error{ErrorCode::io_error, path + " is not capsuled's, and ten copies of earlier ones are kept already",
                 "move the " + path + ".before-capsuled files away"};
}

/// One file: what the merge says, put on the disk or only looked at.
class FileUpdate {
  public:
    FileUpdate(const FileIntent& intent, ApplyMode mode) : intent_(intent), mode_(mode) {}

    Result<Applied::File> run() {
        const std::string& path = path_of(intent_);
        const Transform transform = [this](const std::optional<std::string>& existing) { return wanted(existing); };
        const auto updated = mode_ == ApplyMode::write ? update_file(path, transform) : preview_file(path, transform);
        if (!updated) return updated.error();
        for (const std::string& saved : updated->saved)
            warnings_.push_back({"file.saved", "a run that was cut off left another program's version of " + path +
                                                   ": it is kept as " + saved + "; compare the two"});
        return Applied::File{path, updated->change, updated->mode, left_alone_ ? std::nullopt : shown_content(intent_)};
    }

    std::vector<Warning> take_warnings() { return std::move(warnings_); }

  private:
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
        if (merged->save_existing && mode_ == ApplyMode::write)
            if (auto saved = save(path, *existing); !saved) return saved.error();
        return Wanted{std::move(merged->text), merged->holds_key};
    }

    const FileIntent& intent_;
    ApplyMode mode_;
    std::vector<Warning> warnings_;
    bool left_alone_ = false;
};

bool only_warns(const Error& error, const FileIntent& intent, ApplyFor purpose) {
    return purpose == ApplyFor::session && error.code == ErrorCode::config_conflict &&
           std::holds_alternative<OpencodeJsonIntent>(intent);
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
        } else if (only_warns(file.error(), intent, purpose)) {
            applied.warnings.push_back({"opencode.conflict", file.error().message + ": " + file.error().hint +
                                                                 " (this session is not affected)"});
        } else {
            return file.error();
        }
    }
    return applied;
}

}  // namespace capsule
