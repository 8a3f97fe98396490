#include "daemon/write/apply.hpp"
#include "daemon/write/io_error.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <vector>

#include "daemon/base/home_visit.hpp"
#include "daemon/write/file_access.hpp"

namespace capsule {
namespace {

bool is_link(const std::string& path) {
    const auto place = look_for_place(path);
    return place && place->link;
}

/// How JSON may write the letters of a word, other than by themselves.
constexpr std::array<std::string_view, 2> escaped_letters{"\\u006", "\\u007"};

/// What is too large to be looked at, or leads where nothing is read, counts as having one of the words. Fails where
/// nobody can tell: for want of descriptors, memory or time, or as the file system does not answer.
Result<bool> has_a_word(const std::string& path, const std::vector<std::string_view>& words) {
    struct stat status {};
    const int problem = look_up(path, status);
    if (problem == ENOENT || problem == ENOTDIR || problem == EACCES) return false;
    if (problem != 0 && !means_absent(problem)) return io_error("look for", path, problem);
    constexpr std::size_t limit = 1024 * 1024;
    const auto text = read_file(path, limit);
    if (!text) return true;
    const auto has = [&](std::string_view word) { return (*text)->find(word) != word.npos; };
    return *text && (std::ranges::any_of(words, has) || std::ranges::any_of(escaped_letters, has));
}

/// What is to be done in place of `intent`. None: nothing else.
Result<std::optional<FileIntent>> with_regard_to_other_files(const FileIntent& intent) {
    if (!intent.defers) return std::optional<FileIntent>();
    for (const std::string& path : intent.defers->files) {
        const auto says_it = has_a_word(path, intent.defers->words);
        if (!says_it) return says_it.error();
        if (*says_it) return std::optional(intent.defers->instead());
    }
    return std::optional<FileIntent>();
}

/// One file: what the merge says, put on the disk or only looked at.
class FileUpdate {
  public:
    FileUpdate(const FileIntent& intent, ApplyMode mode) : asked_(intent), mode_(mode) {}
    FileUpdate(const FileUpdate&) = delete;
    FileUpdate& operator=(const FileUpdate&) = delete;

    Result<Applied::File> run() {
        auto instead = with_regard_to_other_files(asked_);
        if (!instead) return instead.error();
        instead_ = *std::move(instead);
        const std::string& path = intent().path;
        const Transform transform = [this](const std::optional<std::string>& existing) { return wanted(existing); };
        if (mode_ == ApplyMode::preview) return preview(transform);
        auto updated = update_file(path, transform);
        for (int round = 0; updated && to_be_kept_ && round < most_rounds; ++round) {
            auto kept = keep_beside(path, saved_);
            if (!kept) return kept.error();
            kept_as_ = *std::move(kept);
            kept_ = seen_;
            updated = update_file(path, transform);
        }
        if (updated && to_be_kept_) return keeps_changing(path);
        if (may_be_theirs_) warn_of_copy("capsuled has overwritten it. The old file is saved as ");
        if (updated) warn_of_old_file(*updated);
        return applied(std::move(updated));
    }

    std::vector<Warning> take_warnings() { return std::move(warnings_); }

  private:
    static constexpr int most_rounds = 3;  ///< each leaves a file beside it

    Result<Applied::File> preview(const Transform& transform) {
        const auto updated = preview_file(intent().path, transform);
        if (updated && may_be_theirs_) {
            auto place = where_it_would_be_kept(intent().path, saved_);
            if (!place) return place.error();
            kept_as_ = *std::move(place);
            warn_of_copy("it would be overwritten, and the old file saved as ");
        }
        return applied(updated);
    }

    Result<Applied::File> applied(const Result<Updated>& updated) const {
        if (!updated) return updated.error();
        const bool shows = mode_ == ApplyMode::preview && !left_alone_;
        return Applied::File{intent().path, updated->change, updated->mode, shows ? intent().shown() : std::nullopt};
    }

    // Each time on the newest version: only what it says last counts.
    Result<Wanted> wanted(const std::optional<std::string>& existing) {
        warnings_.clear();
        may_be_theirs_ = to_be_kept_ = false;
        const std::string& path = intent().path;
        left_alone_ = intent().not_through_a_link && is_link(path);
        if (left_alone_) {
            warnings_.push_back(*intent().not_through_a_link);
            return Wanted{existing};
        }
        auto merged = intent().merge(existing);
        if (!merged) return merged.error();
        warnings_ = std::move(merged->warnings);
        may_be_theirs_ = merged->save_existing && existing && merged->text != existing;
        if (may_be_theirs_) saved_ = merged->saved.value_or(*existing);
        // Somebody may have written to it since it was kept.
        to_be_kept_ = may_be_theirs_ && kept_ != existing && mode_ == ApplyMode::write;
        if (to_be_kept_) seen_ = existing;
        if (to_be_kept_) return Wanted{existing};
        return Wanted{std::move(merged->text), merged->holds_key};
    }

    void warn_of_copy(std::string_view what_becomes_of_it) {
        warnings_.push_back(
            {"file.kept", intent().path +
                              ": the part of this file that capsuled maintains has values that capsuled would not "
                              "write; " +
                              std::string(what_becomes_of_it) + kept_as_});
    }

    void warn_of_old_file(const Updated& updated) {
        const std::string& path = intent().path;
        const bool removed = updated.change == FileChange::removed;
        if (updated.had_another_name)
            warnings_.push_back(
                {"file.hard_link", path + " had another name (a hard link), which keeps what the file had before: " +
                                       (removed ? "capsuled has removed the file under this name alone"
                                                : "capsuled has put a new file in its place; to have one file again, "
                                                  "make the other name a symbolic link to this one (ln -s)")});
        if (!updated.not_copied.empty())
            warnings_.push_back({"file.attributes", path + ": capsuled has put a new file in its place, without " +
                                                        updated.not_copied +
                                                        ": set again what you need (setfattr, chgrp, chmod)"});
    }

    const FileIntent& intent() const { return instead_ ? *instead_ : asked_; }

    const FileIntent& asked_;
    std::optional<FileIntent> instead_{};
    ApplyMode mode_;
    std::vector<Warning> warnings_;
    bool left_alone_ = false;
    bool may_be_theirs_ = false;         ///< what is replaced, in part
    bool to_be_kept_ = false;            ///< and it is not kept beside yet
    std::optional<std::string> seen_{};  ///< the text of which that was said
    std::optional<std::string> kept_{};  ///< the text that is
    std::string saved_{};                ///< what is kept of it
    std::string kept_as_{};
};

/// The files that a session goes without, those of the same reason in one warning.
class NotWritten {
  public:
    void add(const Error& error, const FileIntent& intent) {
        const std::size_t at = error.message.find(intent.path);
        const std::string before = error.message.substr(0, at);
        const std::string after = at == std::string::npos ? "" : error.message.substr(at + intent.path.size());
        const auto same = [&](const Group& group) {
            return group.before == before && group.after == after && group.hint == error.hint &&
                   group.loss == intent.loss;
        };
        auto group = std::ranges::find_if(groups_, same);
        if (group == groups_.end()) group = groups_.insert(group, {before, "", after, error.hint, intent.loss});
        if (at != std::string::npos) group->paths += (group->paths.empty() ? "" : ", ") + intent.path;
    }

    void move_to(std::vector<Warning>& warnings) {
        for (const Group& group : groups_)
            warnings.push_back({"file.not_written", group.before + group.paths + group.after + ": " + group.hint +
                                                        " (" + group.loss + ")"});
    }

  private:
    struct Group {
        std::string before;
        std::string paths;
        std::string after;
        std::string hint;
        std::string loss;
    };
    std::vector<Group> groups_;
};

}  // namespace

Result<Applied> apply(const std::vector<FileIntent>& files, ApplyMode mode, ApplyFor purpose) {
    Applied applied;
    NotWritten not_written;
    for (const FileIntent& intent : files) {
        FileUpdate update(intent, mode);
        auto file = update.run();
        if (file) {
            applied.files.push_back(*std::move(file));
            for (Warning& warning : update.take_warnings())
                applied.warnings.push_back(std::move(warning));
        } else if (purpose == ApplyFor::session) {
            if (file.error().code == ErrorCode::config_conflict)
                applied.warnings.push_back({intent.on_conflict.code, file.error().message + ": " + file.error().hint +
                                                                         " (" + intent.on_conflict.meaning + ")"});
            else
                not_written.add(file.error(), intent);
            if (intent.do_without) applied.amend.push_back(intent.do_without);
        } else {
            return file.error();
        }
    }
    not_written.move_to(applied.warnings);
    return applied;
}

}  // namespace capsule
