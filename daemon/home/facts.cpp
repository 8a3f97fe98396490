#include "daemon/home/facts.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "daemon/agents/agent.hpp"
#include "daemon/base/home_visit.hpp"
#include "daemon/write/atomic_file.hpp"
#include "daemon/write/io_error.hpp"
#include "protocol/kernels_files.hpp"

namespace capsule {
namespace {

/// Of what is there, and is too large or no ordinary file: capsuled does not read it.
constexpr int is_not_for_us = ENOTSUP;

/// Whether the agent has no such file either.
bool is_none(int problem) {
    return problem == 0 || is_not_there(problem) || problem == EACCES;
}

/// Whether the agent may read it all the same: capsuled follows fewer links than the kernel, none of them into files
/// that the kernel makes, and has limits.
bool is_left_unread(int problem) {
    constexpr std::array left{is_not_for_us, in_the_kernels_files, ELOOP, ENAMETOOLONG};
    return std::ranges::find(left, problem) != left.end();
}

/// Nothing can be read of it, by whomever.
bool has_no_text(const struct stat& status) {
    return S_ISDIR(status.st_mode) || (S_ISCHR(status.st_mode) && status.st_rdev == ::makedev(1, 3));  // /dev/null
}

/// errno; is_not_for_us where capsuled does not read such a file.
int why_not_read(const std::string& path, std::size_t limit) {
    const UniqueFd found = open_path(path);
    struct stat status {};
    if (!found || ::fstat(found.get(), &status) != 0 || !may_access(found, R_OK)) return errno;
    if (has_no_text(status)) return ENOENT;
    if (!S_ISREG(status.st_mode) || static_cast<std::size_t>(status.st_size) > limit ||
        is_of_the_kernels_files(found.get()))
        return is_not_for_us;
    const UniqueFd opened = open_again(found, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    char first = 0;
    if (!opened || ::read(opened.get(), &first, 1) < 0) return errno;
    return EINTR;  // by now it can be read
}

/// A link of an administrator's that keeps a file from being made.
bool leads_to_dev_null(const std::string& link) {
    constexpr std::string_view nothing = "/dev/null";
    const UniqueFd found = open_path(link, LastLink::itself);
    std::array<char, nothing.size() + 1> target{};
    const ssize_t size = found ? ::readlinkat(found.get(), "", target.data(), target.size()) : -1;
    return size >= 0 && std::string_view(target.data(), static_cast<std::size_t>(size)) == nothing;
}

/// What one agent asks for.
class Reader {
  public:
    Reader(HomeFacts& facts, uid_t user) : facts_(facts), user_(user) {}

    HomeReader as_agents_see_it() {
        return {[this](const std::string& path, std::size_t limit) { return text(path, limit); },
                [this](const std::string& path) { return is_file(path); },
                [this](const std::string& path) {
                    return facts_.unreachable.contains(path) || facts_.unread.contains(path);
                },
                [this](const std::string& path) { return others_can_make(path, user_); },
                [this](const std::string& path) { return parts(path); }};
    }

    std::optional<std::string> text(const std::string& path, std::size_t limit) {
        auto text = read_file(path, limit);
        if (!text) {
            note(path, why_not_read(path, limit), text.error());
            return std::nullopt;
        }
        if (*text) facts_.texts.insert_or_assign(path, **text);
        return *std::move(text);
    }

    bool is_file(const std::string& path) {
        struct stat status {};
        int problem = look_up(path, status);
        if (problem == 0 && has_no_text(status)) return false;
        if (problem == 0 && !S_ISREG(status.st_mode)) problem = is_not_for_us;
        note(path, problem, io_error("look at", path, problem));
        return problem == 0;
    }

    std::optional<FilePart> parts(const std::string& path) {
        struct stat status {};
        // What SQLite has beside a database is then where the link leads to.
        if (look_up(path, status, LastLink::itself) == 0 && S_ISLNK(status.st_mode))
            throw Failure({ErrorCode::config_conflict, path + " is a link", "put the file itself in its place"});
        const UniqueFd found = open_path(path);
        if (!found || ::fstat(found.get(), &status) != 0) return none(path, errno);
        if (!S_ISREG(status.st_mode) || is_of_the_kernels_files(found.get())) return std::nullopt;
        const auto file = std::make_shared<const UniqueFd>(open_again(found, O_RDONLY | O_NONBLOCK | O_NOCTTY));
        if (!*file) return none(path, errno);
        return [this, path, file](std::uint64_t offset, std::size_t count) {
            std::string text(count, '\0');
            const ssize_t size = ::pread(file->get(), text.data(), count, static_cast<off_t>(offset));
            if (size < 0) none(path, errno);
            text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
            return text;
        };
    }

  private:
    std::optional<FilePart> none(const std::string& path, int problem) {
        note(path, problem, io_error("read", path, problem));
        return std::nullopt;
    }

    void note(const std::string& path, int problem, const Error& error) {
        if (is_none(problem)) return;
        // EAGAIN: a program of that user has a lease on it, so it is there.
        if (is_the_daemons_own(problem) || problem == EAGAIN) throw Failure(error);
        (is_left_unread(problem) ? facts_.unread : facts_.unreachable).insert_or_assign(path, error);
    }

    HomeFacts& facts_;
    uid_t user_;
};

}  // namespace

bool others_can_make(const std::string& path, uid_t user) {
    bool is_open = false;  // the directory above, to everybody or a group
    const std::size_t top = path.find('/', 1);
    for (std::size_t end = top; end != std::string::npos; end = path.find('/', end + 1)) {
        struct stat status {};
        const int problem = look_up(path.substr(0, end), status, end == top ? LastLink::followed : LastLink::itself);
        if (is_not_there(problem)) return is_open;
        if (problem == EACCES) return false;
        // Who could change what a link leads to is not asked: there is hardly ever one.
        if (problem != 0 || S_ISLNK(status.st_mode)) return true;
        if (end != top && status.st_uid != 0 && status.st_uid != user) return true;
        is_open = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
        if (is_open && (status.st_mode & S_ISVTX) == 0) return true;
    }
    if (is_open) return true;
    struct stat status {};
    const int problem = look_up(path, status, LastLink::itself);
    if (is_not_there(problem) || problem == EACCES) return false;
    if (problem != 0) return true;
    // Its owner may let everybody read it later.
    return S_ISLNK(status.st_mode) ? !leads_to_dev_null(path) : status.st_uid != 0 && status.st_uid != user;
}

HomeFacts read_home_facts(Agent agent, const SessionHome& home) {
    HomeFacts facts;
    Reader reader(facts, home.user.uid);
    if (const auto look = descriptor_of(agent).look_at_home) facts.of(agent) = look(home, reader.as_agents_see_it());
    return facts;
}

Result<void> check_home(Agent agent, const Plan& plan, const SessionHome& home) {
    HomeFacts facts;
    Reader reader(facts, home.user.uid);
    const auto check = descriptor_of(agent).check_home;
    if (!check) return {};
    if (auto fine = check(plan, reader.as_agents_see_it()); !fine) return fine;
    if (!facts.unread.empty()) return facts.unread.begin()->second;
    return {};
}

}  // namespace capsule
