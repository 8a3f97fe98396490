#include "daemon/home/project_directories.hpp"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "daemon/base/home_visit.hpp"
#include "daemon/users/user_namespace.hpp"
#include "daemon/write/file_access.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_directories = 128;

/// Or may be there: not all can be seen by this user.
bool is_a_repository(const std::string& directory) {
    struct stat status {};
    return !is_not_there(look_up(directory + "/.git", status, LastLink::itself));
}

/// The first line of a small file of git's, without `prefix`. None: there is none that begins so.
std::optional<std::string> line_in(const std::string& directory, const std::string& name, std::string_view prefix) {
    constexpr std::size_t longest = 4096;
    const Place place{.directory = directory, .name = name, .directory_fd = open_directory(directory)};
    const auto text = place.directory_fd ? read_through_links(place, longest) : std::optional<std::string>();
    if (!text || !*text || !(*text)->starts_with(prefix)) return std::nullopt;
    return (*text)->substr(prefix.size(), (*text)->find('\n') - prefix.size());
}

/// Of a linked worktree whose root this is: the root of the main checkout, where Claude Code takes settings from, too.
std::optional<std::string> main_checkout(const std::string& root) {
    struct stat status {};
    if (look_up(root + "/.git", status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    const auto own = line_in(root, ".git", "gitdir: ");
    if (!own) return std::nullopt;
    const fs::path directory = (fs::path(root) / *own).lexically_normal();
    const auto common = line_in(directory.string(), "commondir", "");
    if (!common) return std::nullopt;
    fs::path repository = (directory / *common).lexically_normal();
    if (!repository.has_filename()) repository = repository.parent_path();
    if (repository.filename() != ".git") return std::nullopt;
    return repository.parent_path().string();
}

ProjectDirectories up_from(const fs::path& path) {
    ProjectDirectories out;
    std::vector<std::string> all;
    for (fs::path at = path; all.size() < most_directories; at = at.parent_path()) {
        if (!at.has_filename() && at.has_relative_path()) at = at.parent_path();  // a slash at the end
        all.push_back(at == at.root_path() ? "" : at.string());
        if (!out.has_root && is_a_repository(all.back())) {
            out.has_root = true;
            out.paths = std::exchange(all, {});
            if (auto main = main_checkout(out.paths.back());
                main && std::ranges::find(out.paths, *main) == out.paths.end())
                out.paths.push_back(*std::move(main));
        }
        if (at == at.root_path()) break;
    }
    out.are_all = out.paths.size() + all.size() < most_directories;
    if (!out.has_root) {
        out.paths.assign(1, all.front());
        all.erase(all.begin());
    }
    out.above = std::move(all);
    return out;
}

/// The kernel knows where what it has opened is; none: it does not say.
std::optional<std::string> path_of(const UniqueFd& directory) {
    std::array<char, PATH_MAX> path{};
    const ssize_t size = ::readlink(own_name(directory).c_str(), path.data(), path.size());
    if (size <= 0 || static_cast<std::size_t>(size) == path.size() || path.front() != '/') return std::nullopt;
    return std::string(path.data(), static_cast<std::size_t>(size));
}

using Identity = std::pair<dev_t, ino_t>;

std::optional<Identity> identity_of(const std::string& path) {
    struct stat status {};
    const SharedFd directory = open_directory(path.empty() ? "/" : path);
    const bool is_known = directory && ::fstat(directory.get(), &status) == 0;
    return is_known ? std::optional(Identity(status.st_dev, status.st_ino)) : std::nullopt;
}

/// Appends those of `named` that are none of `real`. These get their names for what are the same directories.
void add_named(ProjectDirectories& real, const ProjectDirectories& named) {
    std::map<Identity, std::string*> places;
    for (auto* part : {&real.paths, &real.above})
        for (std::string& path : *part)
            if (const auto known = identity_of(path)) places.emplace(*known, &path);
    const auto add = [&](const std::string& name, std::vector<std::string>& to) {
        const auto known = identity_of(name);
        const auto place = known ? places.find(*known) : places.end();
        if (place != places.end())
            *place->second = name;
        else
            to.push_back(name);
    };
    std::vector<std::string> paths, above;
    for (const std::string& name : named.paths)
        add(name, paths);
    for (const std::string& name : named.above)
        add(name, above);
    real.paths.insert(real.paths.end(), paths.begin(), paths.end());
    real.above.insert(real.above.end(), above.begin(), above.end());
    real.are_all = real.are_all && named.are_all;
}

/// Of an owner whom this user namespace does not know: the machine's, outside of it.
bool is_of_nobody_here(uid_t uid) {
    return uid == overflow_uid() && !has_user(uid);
}

/// Those of others who can write to the session's directory, as far as they can come to it. They need no directory
/// above it to put settings there.
class WhoCanWriteThere {
  public:
    WhoCanWriteThere(const std::string& directory, const struct stat& own) : at_(directory), own_(own) {}

    /// `directory` is the next one that is looked at. Where the one before is not in it, nobody is known to come on.
    void go_up_to(const std::string& directory) {
        const bool is_in_it = fs::path(at_).parent_path() == fs::path(directory);
        if (at_ != directory && !is_in_it) all_come_ = group_comes_ = owner_comes_ = false;
        at_ = directory;
    }
    /// What `directory` has.
    void pass(const struct stat& status) {
        owner_comes_ = owner_comes_ && (status.st_uid == own_.st_uid || (status.st_mode & S_IXOTH) != 0);
        all_come_ = all_come_ && (status.st_mode & S_IXOTH) != 0;
        group_comes_ = group_comes_ && (status.st_mode & S_IXGRP) != 0 && status.st_gid == own_.st_gid;
    }
    bool are_all() const { return all_come_ && (own_.st_mode & S_IWOTH) != 0; }
    bool are_group(gid_t gid) const { return group_comes_ && (own_.st_mode & S_IWGRP) != 0 && gid == own_.st_gid; }
    bool is_owner(uid_t uid) const { return owner_comes_ && uid == own_.st_uid; }

  private:
    std::string at_;
    struct stat own_;
    bool all_come_ = true, group_comes_ = true, owner_comes_ = true;
};

/// In which whoever is in its group can make files, and who that is, is not known to be the session's user or root.
/// With an access list the group's bits are for all whom the list names.
bool is_groups(const std::string& directory, const struct stat& above, const WhoCanWriteThere& known,
               const SessionHome& home) {
    if ((above.st_mode & S_IWGRP) == 0) return false;
    const UniqueFd opened = open_path(directory, LastLink::followed, Meant::directory);
    if (!opened) return true;
    if (::getxattr(own_name(opened).c_str(), "system.posix_acl_access", nullptr, 0) >= 0) return true;
    return !known.are_group(above.st_gid) &&
           std::ranges::find(home.private_groups, above.st_gid) == home.private_groups.end();
}

bool is_others(const std::string& directory, const struct stat& above, const WhoCanWriteThere& known,
               const SessionHome& home) {
    const bool known_owner = above.st_uid == 0 || above.st_uid == home.user.uid || known.is_owner(above.st_uid) ||
                             is_of_nobody_here(above.st_uid);
    const bool by_all = (above.st_mode & S_IWOTH) != 0 && !known.are_all();
    return !known_owner || by_all || is_groups(directory, above, known, home);
}

}  // namespace

std::optional<OpenDirectory> open_to_others(const ProjectDirectories& directories, const SessionHome& home) {
    const auto named = [](const std::string& directory) { return directory.empty() ? "/" : directory; };
    struct stat own {};
    // Where the session's own cannot be looked at, or is not there for now, nobody is known to write to it.
    const bool is_there = look_up(named(directories.paths.front()), own) == 0;
    if (!is_there) {
        own = {};
        own.st_uid = home.user.uid;
    }
    WhoCanWriteThere known(named(directories.paths.front()), own);
    for (const auto* part : {&directories.paths, &directories.above})
        for (const std::string& each : *part) {
            struct stat above {};
            const int problem = look_up(named(each), above);
            if (problem == ENOENT || problem == ENOTDIR) continue;  // who can put it there can write above it
            if (problem != 0) return OpenDirectory{named(each), false};
            known.go_up_to(named(each));
            if (is_others(named(each), above, known, home)) return OpenDirectory{named(each), true};
            known.pass(above);
        }
    if (!directories.are_all) return OpenDirectory{named(directories.paths.front()), false};
    return std::nullopt;
}

ProjectDirectories project_directories(const std::string& cwd) {
    ProjectDirectories out = up_from(fs::path(cwd).lexically_normal());
    const UniqueFd directory = open_path(cwd, LastLink::followed, Meant::directory);
    const int problem = directory ? 0 : errno;
    if (is_not_there(problem)) return out;
    const auto path = directory ? path_of(directory) : std::nullopt;
    if (!path) out.are_all = false;  // a link into the kernel's own files, or no time is left
    if (!path || *path == out.paths.front()) return out;
    ProjectDirectories real = up_from(*path);
    add_named(real, out);
    return real;
}

}  // namespace capsule
