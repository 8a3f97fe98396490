#include "daemon/write/atomic_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "daemon/base/time_limit.hpp"
#include "daemon/write/file_access.hpp"
#include "daemon/write/replace.hpp"
#include "daemon/write/turn.hpp"

namespace capsule {
namespace {

mode_t mode_for(const Wanted& wanted, const Snapshot* existing) {
    if (wanted.private_mode) return 0600;
    return existing != nullptr ? existing->status.st_mode & 0777U : 0644U;
}

const Snapshot* pointer(const std::optional<Snapshot>& existing) {
    return existing ? &*existing : nullptr;
}

std::optional<std::string> text_of(const std::optional<Snapshot>& existing) {
    return existing ? std::optional(existing->text) : std::nullopt;
}

Updated what_would_be(const std::optional<Snapshot>& existing, const Wanted& wanted, bool link) {
    const mode_t now = existing ? existing->status.st_mode & (S_ISVTX | 0777U) : 0U;
    if (!wanted.text) return {existing ? FileChange::removed : FileChange::unchanged, 0, link};
    const mode_t mode = mode_for(wanted, pointer(existing));
    if (!existing) return {FileChange::created, mode, link};
    const bool same = *wanted.text == existing->text && mode == now;
    return {same ? FileChange::unchanged : FileChange::updated, mode, link};
}

// Same text, but others can read it: only the mode needs repair. False when that takes a new file (another's file).
bool repair_mode(const Place& place, const Snapshot& existing, mode_t mode) {
    const UniqueFd fd(::openat(place.directory_fd.get(), place.name.c_str(),
                               O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    struct stat status {};
    return fd && ::fstat(fd.get(), &status) == 0 && same_file(status, existing.status) && ::fchmod(fd.get(), mode) == 0;
}

/// `plan` gets what became of the old file.
Result<Outcome> carry_out(const Place& place, const std::optional<Snapshot>& existing, const Wanted& wanted,
                          Updated& plan) {
    switch (plan.change) {
        case FileChange::unchanged:
            return Outcome::done;
        case FileChange::created:
            return create(place, *wanted.text, plan.mode);
        case FileChange::removed:
            plan.had_another_name = existing->status.st_nlink > 1;
            return remove(place, *existing);
        case FileChange::updated:
            break;
    }
    if (*wanted.text == existing->text && repair_mode(place, *existing, plan.mode)) return Outcome::done;
    plan.had_another_name = existing->status.st_nlink > 1;
    return replace(place, *existing, *wanted.text, plan.mode, plan.not_copied);
}

Result<std::optional<Snapshot>> existing_at(const Place& place) {
    if (!place.directory_fd) return std::optional<Snapshot>();
    return look_at(place, place.name, max_file_bytes);
}

/// Most files are as they should be, and only to change one is a turn needed. None: there may be something to do.
Result<std::optional<Updated>> see_that_it_is_right(const std::string& path, const Transform& transform) {
    const auto place = look_for_place(path);
    if (!place) return place.error();
    const auto existing = look_at_found(*place, max_file_bytes);
    if (!existing) return existing.error();
    const auto wanted = transform(text_of(*existing));
    if (!wanted) return wanted.error();
    const Updated plan = what_would_be(*existing, *wanted, place->link);
    return plan.change == FileChange::unchanged && !has_leftover(*place) ? std::optional(plan) : std::nullopt;
}

/// One try in our turn, from the reading on. None: it is to be done anew.
Result<std::optional<Updated>> update_once(Place& place, const Transform& transform) {
    const auto existing = existing_at(place);
    if (!existing) return existing.error();
    const auto wanted = transform(text_of(*existing));
    if (!wanted) return wanted.error();
    Updated plan = what_would_be(*existing, *wanted, place.link);
    if (plan.change == FileChange::unchanged) return std::optional(plan);
    if (!place.directory_fd) {
        if (auto made = make_directory(place); !made) return made.error();
        return std::optional<Updated>();
    }
    const auto outcome = carry_out(place, *existing, *wanted, plan);
    if (!outcome) return outcome.error();
    if (*outcome == Outcome::again) return std::optional<Updated>();
    if (::fsync(place.directory_fd.get()) != 0) return io_error("sync the directory of", place.path(), errno);
    return std::optional(plan);
}

/// None: there is no directory yet.
Result<std::optional<Turn>> have_turn(Place& place) {
    if (!place.directory_fd) return std::optional<Turn>();
    auto turn = take_turn(place);
    if (!turn) return turn.error();
    if (auto cleared = clear_leftover(place); !cleared) return cleared.error();
    return std::optional<Turn>(std::move(*turn));
}

/// The i-th name, from 1, under which that place's file is kept.
std::string second_name(const Place& place, int i) {
    return place.name + kept_ending + (i == 1 ? std::string() : "." + std::to_string(i));
}

enum class Second { free, same, other, unknown };

/// What has that name already: nothing, a file of that text, another one, or something that cannot be looked at.
Second look_at_second(const Place& place, const std::string& name, const std::string& text) {
    const auto there = look_at(place, name, max_file_bytes);
    if (!there) return Second::unknown;
    if (!*there) return Second::free;
    return (*there)->text == text ? Second::same : Second::other;
}

Error too_many_are_kept(const Place& place) {
    return {ErrorCode::io_error,
            place.path() + " is not changed: parts of it may be your own, and " + std::to_string(most_kept) +
                " earlier versions of it are saved already, which is as many as capsuled saves",
            "delete or move away " + place.path() + kept_ending + " and the files with a number after that"};
}

}  // namespace

std::string_view name_of(FileChange change) {
    switch (change) {
        case FileChange::created:
            return "created";
        case FileChange::updated:
            return "updated";
        case FileChange::unchanged:
            return "unchanged";
        case FileChange::removed:
            return "removed";
    }
    return "";
}

Result<Updated> update_file(const std::string& path, const Transform& transform) {
    auto right = see_that_it_is_right(path, transform);
    if (!right) return right.error();
    if (*right) return **std::move(right);
    for (int round = 0; round <= max_rounds && !time_is_up(); ++round) {
        // Anew each time: the file may have become a link meanwhile, or the link another one.
        auto place = find_place(path);
        if (!place) return place.error();
        const auto turn = have_turn(*place);
        if (!turn) return turn.error();
        auto updated = update_once(*place, transform);
        if (!updated) return updated.error();
        if (*updated) return **std::move(updated);
    }
    return keeps_changing(path);
}

Error keeps_changing(const std::string& path) {
    return {ErrorCode::io_error, path + " keeps changing while it is written",
            "another program rewrites it all the time, or has it open to write: stop that program, then try again"};
}

Result<std::string> keep_beside(const std::string& path, const std::string& text) {
    auto place = find_place(path);
    if (!place) return place.error();
    const auto turn = have_turn(*place);
    if (!turn) return turn.error();
    if (!place->directory_fd) return std::string();
    for (int i = 1; i <= most_kept; ++i) {
        const std::string name = second_name(*place, i);
        const Second second = look_at_second(*place, name, text);
        if (second == Second::other) continue;
        const auto kept = second == Second::same ? Outcome::done : create_as(*place, name, text, 0600);
        if (!kept) return kept.error();
        if (*kept == Outcome::done) return place->directory + "/" + name;
    }
    return too_many_are_kept(*place);
}

Result<std::string> where_it_would_be_kept(const std::string& path, const std::string& text) {
    const auto place = look_for_place(path);
    if (!place) return place.error();
    if (!place->directory_fd) return std::string();
    for (int i = 1; i <= most_kept; ++i) {
        const std::string name = second_name(*place, i);
        const Second second = look_at_second(*place, name, text);
        if (second == Second::free || second == Second::same) return place->directory + "/" + name;
    }
    return too_many_are_kept(*place);
}

Result<Updated> preview_file(const std::string& path, const Transform& transform) {
    const auto place = find_place(path);
    if (!place) return place.error();
    const auto existing = existing_at(*place);
    if (!existing) return existing.error();
    const auto wanted = transform(text_of(*existing));
    if (!wanted) return wanted.error();
    const Updated plan = what_would_be(*existing, *wanted, place->link);
    if (plan.change == FileChange::unchanged) return plan;
    if (const int problem = why_not_writable(*place); problem != 0) return io_error("write", place->path(), problem);
    return plan;
}

Result<std::optional<std::string>> read_file(const std::string& path, std::size_t limit) {
    const auto place = place_as_named(path);
    if (!place) return place.error();
    if (!place->directory_fd) return std::optional<std::string>();
    return read_through_links(*place, limit);
}

}  // namespace capsule
