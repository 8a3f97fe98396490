#include "daemon/write/atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "daemon/base/time_limit.hpp"
#include "daemon/write/file_access.hpp"
#include "daemon/write/replace.hpp"

namespace capsule {
namespace {

/// The directories in which a thread of this process has its turn.
class Turns {
  public:
    using Directory = std::pair<dev_t, ino_t>;

    bool take(const Directory& directory, std::chrono::milliseconds longest) {
        std::unique_lock lock(mutex_);
        const auto is_free = [&] { return !taken_.contains(directory); };
        return freed_.wait_for(lock, longest, is_free) && taken_.insert(directory).second;
    }
    void give_back(const Directory& directory) {
        const std::lock_guard lock(mutex_);
        taken_.erase(directory);
        freed_.notify_all();
    }

  private:
    std::mutex mutex_;
    std::condition_variable freed_;
    std::set<Directory> taken_;
};

Turns& turns() {
    static Turns all;
    return all;
}

/// Gives the turn back. (What the lock is on is the place's, and closed with it.)
class Turn {
  public:
    explicit Turn(const Turns::Directory& directory) : directory_(directory) {}
    Turn(Turn&& other) noexcept : directory_(std::exchange(other.directory_, std::nullopt)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
        if (directory_) turns().give_back(*directory_);
    }

  private:
    std::optional<Turns::Directory> directory_;
};

/// Between our own runs only: this process' threads by turns, other daemons by a lock. Any program of that user can
/// hold the lock, and for as long as it likes; then this run goes on without, as other programs are met by the
/// exchange.
bool lock_soon(const Place& place) {
    constexpr std::chrono::milliseconds longest{100}, pause{1};
    const auto limit = std::chrono::steady_clock::now() + longest;
    while (::flock(place.directory_fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return true;  // a file system without locks
        if (std::chrono::steady_clock::now() > limit) return false;
        std::this_thread::sleep_for(pause);
    }
    return true;
}

Result<Turn> take_turn(Place& place) {
    constexpr std::chrono::seconds longest{2};
    struct stat status {};
    if (::fstat(place.directory_fd.get(), &status) != 0) return io_error("look at", place.directory, errno);
    const Turns::Directory directory{status.st_dev, status.st_ino};
    if (!turns().take(directory, longest))
        return Error{ErrorCode::io_error, "another request is still writing in " + place.directory,
                     "see whether its disk answers, then try again"};
    Turn turn(directory);
    place.has_lock = lock_soon(place);
    return turn;
}

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

Result<Outcome> carry_out(const Place& place, const std::optional<Snapshot>& existing, const Wanted& wanted,
                          const Updated& plan) {
    switch (plan.change) {
        case FileChange::unchanged:
            return Outcome::done;
        case FileChange::created:
            return create(place, *wanted.text, plan.mode);
        case FileChange::removed:
            return remove(place, *existing);
        case FileChange::updated:
            break;
    }
    if (*wanted.text == existing->text && repair_mode(place, *existing, plan.mode)) return Outcome::done;
    return replace(place, *existing, *wanted.text, plan.mode);
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
    const Updated plan = what_would_be(*existing, *wanted, place.link);
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
    return Error{ErrorCode::io_error, path + " keeps changing while it is written",
                 "another program rewrites it all the time: stop that program, then try again"};
}

Result<std::string> keep_beside(const std::string& path) {
    const auto place = find_place(path);
    if (!place) return place.error();
    if (!place->directory_fd) return std::string();
    const int directory = place->directory_fd.get();
    const auto now = look_at(*place, place->name, max_file_bytes);
    if (!now) return now.error();
    if (!*now) return std::string();
    constexpr int names = 100;
    for (int i = 1; i <= names; ++i) {
        const std::string name = place->name + kept_ending + (i == 1 ? "" : "." + std::to_string(i));
        if (::linkat(directory, place->name.c_str(), directory, name.c_str(), 0) == 0)
            return place->directory + "/" + name;
        if (errno != EEXIST) return io_error("keep", place->path(), errno);
        const auto kept = look_at(*place, name, max_file_bytes);
        if (kept && *kept && (*kept)->text == (*now)->text) return place->directory + "/" + name;
    }
    return Error{ErrorCode::io_error,
                 path + " may be somebody's own, and " + std::to_string(names) +
                     " earlier ones are kept beside it: it is not written until there is room",
                 "move the " + place->path() + kept_ending + " files away"};
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
