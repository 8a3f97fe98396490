#include "daemon/write/atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "daemon/write/file_access.hpp"
#include "daemon/write/leftovers.hpp"
#include "daemon/write/replace.hpp"

namespace capsule {
namespace {

// Between our own runs only, so that a leftover is known to be one; other programs are met by the exchange. Whoever
// holds it for longer than this delays a write, and no more.
bool lock(const Place& place) {
    constexpr int tries = 500;
    for (int i = 0; i < tries; ++i) {
        if (::flock(place.directory_fd.get(), LOCK_EX | LOCK_NB) == 0) return true;
        if (errno != EWOULDBLOCK) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
}

const Snapshot* pointer(const std::optional<Snapshot>& existing) {
    return existing ? &*existing : nullptr;
}

std::optional<std::string> text_of(const std::optional<Snapshot>& existing) {
    return existing ? std::optional(existing->text) : std::nullopt;
}

Updated what_would_be(const std::optional<Snapshot>& existing, const Wanted& wanted, bool link) {
    const mode_t now = existing ? existing->status.st_mode & 0777U : 0U;
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

Result<Outcome> carry_out(const Place& place, std::optional<Snapshot> existing, Wanted wanted, const Updated& plan,
                          const Transform& transform) {
    switch (plan.change) {
        case FileChange::unchanged:
            return Outcome::done;
        case FileChange::created:
            return create(place, wanted);
        case FileChange::removed:
            return remove(place, *existing);
        case FileChange::updated:
            break;
    }
    if (*wanted.text == existing->text && repair_mode(place, *existing, plan.mode)) return Outcome::done;
    return replace(place, *std::move(existing), std::move(wanted), transform);
}

Result<std::optional<Snapshot>> existing_at(const Place& place) {
    if (!place.directory_fd) return std::optional<Snapshot>();
    return look_at(place, place.name, max_file_bytes);
}

// As the file is now: replace() may have merged with a newer version, with another mode.
mode_t mode_now(const Place& place, mode_t otherwise) {
    struct stat status {};
    const bool known = ::fstatat(place.directory_fd.get(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    return known ? status.st_mode & 0777U : otherwise;
}

/// One try, from the reading on; none: the file changed meanwhile.
Result<std::optional<Updated>> update_once(Place& place, const Transform& transform) {
    auto existing = existing_at(place);
    if (!existing) return existing.error();
    auto wanted = transform(text_of(*existing));
    if (!wanted) return wanted.error();
    Updated plan = what_would_be(*existing, *wanted, place.link);
    if (plan.change == FileChange::unchanged) return std::optional(plan);
    if (!place.directory_fd)
        if (auto made = make_directory(place); !made) return made.error();
    const auto outcome = carry_out(place, *std::move(existing), *std::move(wanted), plan, transform);
    if (!outcome) return outcome.error();
    if (*outcome == Outcome::again) return std::optional<Updated>();
    if (::fsync(place.directory_fd.get()) != 0) return io_error("sync the directory of", place.path(), errno);
    if (plan.change != FileChange::removed) plan.mode = mode_now(place, plan.mode);
    return std::optional(plan);
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

Result<Updated> update_file(const std::string& path, const Transform& transform, Turn turn) {
    std::vector<std::string> saved;
    for (int round = 0; round < max_rounds; ++round) {
        // Anew each time: the file may have become a link meanwhile, or the link another one.
        auto place = find_place(path);
        if (!place) return place.error();
        if (place->directory_fd && (turn == Turn::has || lock(*place)))
            for (std::string& name : tidy_leftovers(*place))
                saved.push_back(std::move(name));
        auto updated = update_once(*place, transform);
        if (!updated) return updated.error();
        if (!*updated) continue;
        (*updated)->saved = std::move(saved);
        return **std::move(updated);
    }
    return Error{ErrorCode::io_error, path + " keeps changing while it is written",
                 "another program rewrites it all the time: stop that program, then try again"};
}

Result<Updated> preview_file(const std::string& path, const Transform& transform) {
    const auto place = find_place(path);
    if (!place) return place.error();
    const auto existing = existing_at(*place);
    if (!existing) return existing.error();
    const auto wanted = transform(text_of(*existing));
    if (!wanted) return wanted.error();
    return what_would_be(*existing, *wanted, place->link);
}

Result<std::optional<std::string>> read_file(const std::string& path, std::size_t limit) {
    const auto place = find_place(path);
    if (!place) return place.error();
    if (!place->directory_fd) return std::optional<std::string>();
    auto found = look_at(*place, place->name, limit);
    if (!found) return found.error();
    return text_of(*found);
}

}  // namespace capsule
