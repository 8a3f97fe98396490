#include "daemon/write/replace.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <tuple>

namespace capsule {
namespace {

/// How long one that has the file open to write is waited for, in each of max_rounds.
constexpr std::chrono::milliseconds for_a_writer{10};

/// 0, or errno.
int rename_in(const Place& place, const std::string& from, const std::string& to, unsigned flags) {
    const int directory = place.directory_fd.get();
    return ::renameat2(directory, from.c_str(), directory, to.c_str(), flags) == 0 ? 0 : errno;
}

bool unlink_in(const Place& place, const std::string& name) {
    return ::unlinkat(place.directory_fd.get(), name.c_str(), 0) == 0;
}

std::optional<struct stat> status_of(const Place& place, const std::string& name) {
    struct stat status {};
    if (::fstatat(place.directory_fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
    return status;
}

bool unsupported(int problem) {
    return problem == EINVAL || problem == ENOSYS || problem == EOPNOTSUPP;
}

/// Whether link() said that a file cannot have a second name: no hard links here, not of this file, or no more of it.
bool is_without_hard_links(int problem) {
    return problem == EPERM || problem == EMLINK || unsupported(problem);
}

bool not_later(const timespec& a, const timespec& b) {
    return std::tie(a.tv_sec, a.tv_nsec) <= std::tie(b.tv_sec, b.tv_nsec);
}

/// Whether the place still has the file that was read, as it was then: what it says, its mode, its attributes.
bool is_still_there(const Place& place, const Snapshot& base) {
    const auto now = status_of(place, place.name);
    return now && same_file(*now, base.status) && now->st_size == base.status.st_size &&
           not_later(now->st_mtim, base.status.st_mtim) && not_later(now->st_ctim, base.status.st_ctim);
}

/// Whether what came out of an exchange is what was read. Its time of change is another by now: by the exchange.
bool is_what_was_read(const Snapshot& out, const Snapshot& base) {
    const struct stat &now = out.status, &then = base.status;
    return out.text == base.text && now.st_mode == then.st_mode && now.st_uid == then.st_uid &&
           now.st_gid == then.st_gid;
}

/// Whether some program has that file open to write: it may have emptied it, and what it has not written yet must not
/// go into a file that has lost its name. The kernel gives no read lease then. Where it cannot say (a file system of
/// the network, another user's file), nobody has.
bool is_open_to_write(const Place& place, const std::string& name) {
    const UniqueFd file(
        ::openat(place.directory_fd.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    // Who opens it to write meanwhile waits until the descriptor is closed, at once. Of that this process would be told
    // by SIGIO, which ends it; SIGURG is ignored.
    if (!file || ::fcntl(file.get(), F_SETSIG, SIGURG) != 0) return false;
    return ::fcntl(file.get(), F_SETLEASE, F_RDLCK) != 0 && errno == EAGAIN;
}

/// It was, a moment ago.
bool waited_for_a_writer(const Place& place) {
    if (!is_open_to_write(place, place.name)) return false;
    std::this_thread::sleep_for(for_a_writer);
    return true;
}

/// Puts the file that came out of an exchange back in its place, where `ours` is. Should yet another version have
/// arrived there meanwhile, that is the newer one, and goes back in turn.
bool put_back(const Place& place, struct stat ours) {
    const std::string name = temporary_name(place);
    for (int round = 0; round < max_rounds; ++round) {
        const auto put = status_of(place, name);
        if (!put || rename_in(place, name, place.name, RENAME_EXCHANGE) != 0) return false;
        const auto out = status_of(place, name);
        if (!out) return false;
        if (same_file(*out, ours)) return unlink_in(place, name);
        ours = *put;
    }
    return false;
}

/// The last step: the sticky bit goes. A run that is killed before it leaves a mode that the next run mends.
void commit(const NewFile& file) {
    std::ignore = ::fchmod(file.fd.get(), file.status.st_mode & 0777U);
}

/// On a file system without exchange the moment between the look and the rename is the best there is.
Result<Outcome> compare_and_rename(const Place& place, const Snapshot& base, const NewFile& file) {
    const auto now = look_at(place, place.name, max_file_bytes);
    const bool same = now && *now && same_file((*now)->status, base.status) && (*now)->text == base.text;
    const int problem = same ? rename_in(place, temporary_name(place), place.name, 0) : 0;
    if (same && problem == 0) {
        commit(file);
        return Outcome::done;
    }
    unlink_in(place, temporary_name(place));
    if (!now) return now.error();
    if (problem != 0) return io_error("replace", place.path(), problem);
    return Outcome::again;
}

Error in_the_way(const Place& place) {
    const std::string beside = place.directory + "/" + temporary_name(place);
    return {ErrorCode::io_error, beside + " is in the way of writing " + place.path(),
            "it may be a version of " + place.name +
                " that a run which was cut off left there: compare the two, then move it away"};
}

}  // namespace

Result<void> clear_leftover(const Place& place) {
    const std::string name = temporary_name(place);
    const auto left = status_of(place, name);
    if (!left) return {};
    const bool of_this_user = left->st_uid == ::geteuid() || ::geteuid() == 0;
    if (!S_ISREG(left->st_mode) || !of_this_user) return in_the_way(place);
    if ((left->st_mode & S_ISVTX) != 0) {
        if (unlink_in(place, name)) return {};
        return io_error("remove", place.directory + "/" + name, errno);
    }
    const auto target = status_of(place, place.name);
    if (!target) {
        if (rename_in(place, name, place.name, RENAME_NOREPLACE) == 0) return {};
        return in_the_way(place);
    }
    // Ours was complete before the exchange. Whoever wrote there since may have kept its mode, but not its time.
    const bool ours = (target->st_mode & S_ISVTX) != 0 && not_later(target->st_mtim, left->st_ctim);
    if (ours && put_back(place, *target)) return {};
    return in_the_way(place);
}

Result<Outcome> create(const Place& place, const std::string& text, mode_t mode) {
    return create_as(place, place.name, text, mode);
}

Result<Outcome> create_as(const Place& place, const std::string& new_name, const std::string& text, mode_t mode) {
    const auto file = write_beside(place, text, mode, nullptr);
    if (!file) return file.error();
    const std::string name = temporary_name(place);
    int problem = rename_in(place, name, new_name, RENAME_NOREPLACE);
    if (unsupported(problem)) {
        const int directory = place.directory_fd.get();
        problem = ::linkat(directory, name.c_str(), directory, new_name.c_str(), 0) == 0 ? 0 : errno;
        // With neither, the moment between the look and the rename is the best there is.
        if (is_without_hard_links(problem))
            problem = status_of(place, new_name) ? EEXIST : rename_in(place, name, new_name, 0);
        unlink_in(place, name);
    }
    if (problem == 0) {
        commit(*file);
        return Outcome::done;
    }
    unlink_in(place, name);
    if (problem == EEXIST) return Outcome::again;
    return io_error("create", place.directory + "/" + new_name, problem);
}

Result<Outcome> replace(const Place& place, const Snapshot& base, const std::string& text, mode_t mode,
                        std::string& not_copied) {
    if (waited_for_a_writer(place)) return Outcome::again;
    const auto file = write_beside(place, text, mode, &base);
    if (!file) return file.error();
    not_copied = file->not_copied;
    const std::string name = temporary_name(place);
    // To write and sync it took a while. A version that came meanwhile goes nowhere for even a moment.
    if (!is_still_there(place, base) || is_open_to_write(place, place.name)) {
        unlink_in(place, name);
        return Outcome::again;
    }
    if (const int problem = rename_in(place, name, place.name, RENAME_EXCHANGE); problem != 0) {
        if (unsupported(problem)) return compare_and_rename(place, base, *file);
        unlink_in(place, name);
        if (problem == ENOENT) return Outcome::again;  // somebody deleted the target
        return io_error("replace", place.path(), problem);
    }
    const bool late = is_open_to_write(place, name);
    const auto out = look_at(place, name, max_file_bytes);
    if (!late && out && *out && is_what_was_read(**out, base)) {
        // Where it cannot be deleted ours stays marked, so that the next run knows the two.
        if (unlink_in(place, name)) commit(*file);
        return Outcome::done;
    }
    if (!put_back(place, file->status)) return in_the_way(place);
    if (!out) return out.error();
    return Outcome::again;
}

Result<Outcome> remove(const Place& place, const Snapshot& base) {
    if (waited_for_a_writer(place)) return Outcome::again;
    const std::string name = temporary_name(place);
    const int problem = rename_in(place, place.name, name, RENAME_NOREPLACE);
    if (problem == ENOENT) return Outcome::again;
    if (unsupported(problem)) {  // a file system that has only the plain call
        if (::unlinkat(place.directory_fd.get(), place.name.c_str(), 0) == 0) return Outcome::done;
        return io_error("remove", place.path(), errno);
    }
    if (problem == EEXIST) return in_the_way(place);
    if (problem != 0) return io_error("remove", place.path(), problem);
    const bool late = is_open_to_write(place, name);
    const auto out = look_at(place, name, max_file_bytes);
    if (!late && out && *out && (*out)->text == base.text) {
        if (unlink_in(place, name)) return Outcome::done;
        return io_error("remove", place.path(), errno);
    }
    // Not what was read: back with it. Where there is a newer one by now, this one is history.
    const int back = rename_in(place, name, place.name, RENAME_NOREPLACE);
    if (back == EEXIST) unlink_in(place, name);
    if (!out) return out.error();
    return Outcome::again;
}

}  // namespace capsule
