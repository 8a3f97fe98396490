#include "daemon/write/replace.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

namespace capsule {
namespace {

int rename_in(const Place& place, const std::string& from, const std::string& to, unsigned flags) {
    const int directory = place.directory_fd.get();
    return ::renameat2(directory, from.c_str(), directory, to.c_str(), flags) == 0 ? 0 : errno;
}

void unlink_in(const Place& place, const std::string& name) {
    if (!name.empty()) ::unlinkat(place.directory_fd.get(), name.c_str(), 0);
}

bool unsupported(int problem) {
    return problem == EINVAL || problem == ENOSYS || problem == EOPNOTSUPP;
}

Error too_busy(const Place& place) {
    return {ErrorCode::io_error, place.path() + " keeps changing while it is written",
            "another program rewrites it all the time: stop that program, then try again"};
}

// A file system without exchange: the moment between the look and the rename is the best there is.
Result<Outcome> compare_and_rename(const Place& place, const Snapshot& base, const NewFile& file) {
    const auto now = look_at(place, place.name, max_file_bytes);
    const bool same = now && *now && same_file((*now)->status, base.status) && (*now)->text == base.text;
    const int problem = same ? rename_in(place, file.name, place.name, 0) : 0;
    if (same && problem == 0) return Outcome::done;
    unlink_in(place, file.name);
    if (!now) return now.error();
    if (problem != 0) return io_error("replace", place.path(), problem);
    return Outcome::again;
}

/// The exchanges of one replace().
class Exchange {
  public:
    Exchange(const Place& place, const Transform& transform) : place_(place), transform_(transform) {}

    Result<Outcome> run(Snapshot base, Wanted wanted) {
        base_ = std::move(base);
        for (int round = 0; round < max_rounds; ++round) {
            auto step = exchange(wanted);
            if (!step) return undo(step.error());
            if (*step != Step::merge_again) return *step == Step::done ? Outcome::done : Outcome::again;
            fall_out_of_step(round);
            hold_what_is_there();
            auto next = transform_(base_.text);
            if (!next) return undo(next.error());
            // Nothing to add to it, or it should go: that is decided anew when it is back where it belongs.
            if (!next->text || *next->text == base_.text) return undo();
            wanted = *std::move(next);
        }
        return undo(too_busy(place_));
    }

  private:
    enum class Step { done, again, merge_again };
    static constexpr std::chrono::milliseconds longest_wait{50};
    static constexpr std::chrono::microseconds moment{50};

    Result<Step> exchange(const Wanted& wanted) {
        const std::string& expected = base_in_place_ ? base_.text : placed_.back().text;
        auto file = write_beside(place_, *wanted.text, mode_for(wanted, &base_), &base_, fingerprint(expected));
        if (!file) return file.error();
        if (const int problem = rename_in(place_, file->name, place_.name, RENAME_EXCHANGE); problem != 0)
            return not_exchanged(*file, problem);
        return what_came_out(*std::move(file));
    }

    // A program that rewrites the file without a pause can take as long as a round here does, and would then be met in
    // the same moment of its own round each time, which may be the wrong one.
    static void fall_out_of_step(int round) {
        constexpr int lengths = 16;
        std::this_thread::sleep_for(moment * (round * 7 % lengths));
    }

    // Another program's version that has come over ours, which it was not made from, may be rewritten again and again
    // while the next one of ours is made. With a lease on it, and until all is done, whoever wants to read it waits:
    // then only what was read before can still come. It is the newest, and what came out before is history.
    void hold_what_is_there() {
        const auto limit = std::chrono::steady_clock::now() + longest_wait;
        do {
            struct stat status {};
            if (::fstatat(place_.directory_fd.get(), place_.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
                !S_ISREG(status.st_mode) || same_file(status, placed_.back().status))
                return;  // to open ours would break our own lease
            UniqueFd fd(::openat(place_.directory_fd.get(), place_.name.c_str(),
                                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
            if (fd && take_lease(fd.get())) return hold(std::move(fd));
            if (errno != EAGAIN) return;
            std::this_thread::sleep_for(moment);  // somebody reads it just now
        } while (std::chrono::steady_clock::now() < limit);
    }

    void hold(UniqueFd fd) {
        Snapshot there;
        if (::fstat(fd.get(), &there.status) != 0 || static_cast<std::size_t>(there.status.st_size) > max_file_bytes)
            return;
        there.text = text_of(fd.get(), static_cast<std::size_t>(there.status.st_size));
        held_.push_back(std::move(fd));
        unlink_in(place_, came_out_);
        came_out_.clear();
        base_ = std::move(there);
        base_in_place_ = true;
    }

    /// By a descriptor of our own, which no lease of ours holds up: at most `size` bytes.
    static std::string text_of(int fd, std::size_t size) {
        std::string text(size, '\0');
        const ssize_t count = ::pread(fd, text.data(), size, 0);
        text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return text;
    }

    Result<Step> not_exchanged(const NewFile& file, int problem) {
        if (unsupported(problem) && placed_.empty()) {
            const auto outcome = compare_and_rename(place_, base_, file);
            if (!outcome) return outcome.error();
            return *outcome == Outcome::done ? Step::done : Step::again;
        }
        unlink_in(place_, file.name);
        // Deleted by somebody else. A version that came out before lies beside it, for tidy_leftovers.
        if (problem == ENOENT) return Step::again;
        return io_error("replace", place_.path(), problem);
    }

    Result<Step> what_came_out(NewFile file) {
        const bool expected = base_in_place_ ? is_held(file.name) : is_newest_of_ours(file.name);
        const std::string name = file.name;
        placed_.push_back(std::move(file));
        if (expected) return finish(name);
        auto out = look_at(place_, name, max_file_bytes);
        if (out && *out && placed_.size() == 1 && (*out)->text == base_.text) return finish(name);
        base_in_place_ = false;
        // Its program wrote it over the version that came out before, which is therefore history.
        unlink_in(place_, came_out_);
        came_out_ = name;
        readable_ = out.has_value();
        if (!out) return out.error();
        if (!*out) return Step::again;
        base_ = **std::move(out);
        return Step::merge_again;
    }

    Result<Step> finish(const std::string& name) {
        unlink_in(place_, name);
        unlink_in(place_, came_out_);
        const std::string text = placed_.back().text;
        placed_.pop_back();
        correct_ours(text);
        return Step::done;
    }

    bool is_held(const std::string& name) const {
        struct stat status {};
        return !held_.empty() &&
               ::fstatat(place_.directory_fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
               same_file(status, base_.status);
    }

    bool is_newest_of_ours(const std::string& name) const {
        struct stat status {};
        if (::fstatat(place_.directory_fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
        return same_file(status, placed_.back().status) && still_says(placed_.back());
    }

    // By our own descriptor: to open it would break our own lease.
    static bool still_says(const NewFile& file) { return text_of(file.fd.get(), file.text.size() + 1) == file.text; }

    // The version that came out last goes back as a copy of ours: until it is certain that no newer one has come out in
    // turn, nobody can open it and go on from a version that is not the last.
    bool give_back() {
        for (int round = 0; round < max_rounds; ++round) {
            const auto step = exchange(Wanted{base_.text});
            if (!step) return false;
            if (*step != Step::merge_again) return true;
            fall_out_of_step(round);
            hold_what_is_there();
            if (base_in_place_) return true;
        }
        return false;
    }

    // Where no copy can be made (a full disk, no regular file), it goes back itself. Should yet another have arrived
    // there meanwhile, that is the newer one and goes back in turn.
    void put_back() {
        struct stat mine = placed_.back().status;
        for (int round = 0; round < max_rounds; ++round) {
            struct stat put {};
            if (::fstatat(place_.directory_fd.get(), came_out_.c_str(), &put, AT_SYMLINK_NOFOLLOW) != 0) return;
            if (rename_in(place_, came_out_, place_.name, RENAME_EXCHANGE) != 0) return;
            struct stat out {};
            if (::fstatat(place_.directory_fd.get(), came_out_.c_str(), &out, AT_SYMLINK_NOFOLLOW) != 0) return;
            if (same_file(out, mine)) return unlink_in(place_, came_out_);
            mine = put;
        }
    }

    Result<Outcome> undo() {
        if (!came_out_.empty() && !(readable_ && give_back())) put_back();
        correct_ours(base_.text);
        return Outcome::again;
    }

    Result<Outcome> undo(const Error& error) {
        std::ignore = undo();
        return error;
    }

    // Whoever waits to open one of our superseded versions reads what holds now.
    void correct_ours(const std::string& text) {
        for (const NewFile& file : placed_) {
            if (!file.leased || ::ftruncate(file.fd.get(), 0) != 0) continue;
            std::ignore = ::pwrite(file.fd.get(), text.data(), text.size(), 0);
        }
    }

    const Place& place_;
    const Transform& transform_;
    Snapshot base_;                 ///< the newest version of somebody else
    bool base_in_place_ = true;     ///< base_ is what the target's place should have
    std::vector<UniqueFd> held_;  ///< leases on others' versions
    std::vector<NewFile> placed_;   ///< our versions, each exchanged in; none can be opened before this object goes
    std::string came_out_;          ///< the name that base_ now has, when it is not in the target's place any more
    bool readable_ = false;         ///< what came out last is a regular file, and base_ what it says
};

}  // namespace

mode_t mode_for(const Wanted& wanted, const Snapshot* existing) noexcept {
    if (wanted.private_mode) return 0600;
    return existing != nullptr ? existing->status.st_mode & 0777U : 0644U;
}

Result<Outcome> create(const Place& place, const Wanted& wanted) {
    auto file = write_beside(place, *wanted.text, mode_for(wanted, nullptr), nullptr, 0);
    if (!file) return file.error();
    int problem = rename_in(place, file->name, place.name, RENAME_NOREPLACE);
    if (unsupported(problem)) {
        const int directory = place.directory_fd.get();
        problem = ::linkat(directory, file->name.c_str(), directory, place.name.c_str(), 0) == 0 ? 0 : errno;
        unlink_in(place, file->name);
    }
    if (problem == 0) return Outcome::done;
    unlink_in(place, file->name);
    if (problem == EEXIST) return Outcome::again;
    return io_error("create", place.path(), problem);
}

Result<Outcome> replace(const Place& place, Snapshot base, Wanted wanted, const Transform& transform) {
    return Exchange(place, transform).run(std::move(base), std::move(wanted));
}

Result<Outcome> remove(const Place& place, const Snapshot& base) {
    const std::uint64_t print = fingerprint(base.text);
    const std::string name = temporary_name(place.name, {print, print});
    const int problem = rename_in(place, place.name, name, RENAME_NOREPLACE);
    if (problem == ENOENT) return Outcome::again;
    if (unsupported(problem)) {  // a file system that has only the plain call
        if (::unlinkat(place.directory_fd.get(), place.name.c_str(), 0) == 0) return Outcome::done;
        return io_error("remove", place.path(), errno);
    }
    if (problem != 0) return io_error("remove", place.path(), problem);
    const auto out = look_at(place, name, max_file_bytes);
    if (out && *out && (*out)->text == base.text) {
        unlink_in(place, name);
        return Outcome::done;
    }
    // Not what was read: back with it. When there already is a newer one, tidy_leftovers keeps this one.
    rename_in(place, name, place.name, RENAME_NOREPLACE);
    if (!out) return out.error();
    return Outcome::again;
}

}  // namespace capsule
