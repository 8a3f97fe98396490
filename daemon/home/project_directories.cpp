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
#include "protocol/utf8.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_directories = 128;

std::string name_of(const fs::path& directory) {
    return directory == directory.root_path() ? "" : directory.string();
}

/// None above the root of the file system.
std::optional<std::string> above_of(const std::string& directory) {
    return directory.empty() ? std::nullopt : std::optional(name_of(fs::path(directory).parent_path()));
}

/// What String.prototype.trim() takes off.
bool is_white_space(char32_t c) {
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
           c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000 || c == 0xFEFF;
}

/// Of a text that is UTF-8.
std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_white_space(first_utf8_character(text).code))
        text.remove_prefix(first_utf8_character(text).bytes);
    while (!text.empty()) {
        std::size_t last = text.size() - 1;
        while (last > 0 && (static_cast<unsigned char>(text[last]) & 0xC0U) == 0x80)
            --last;
        if (!is_white_space(first_utf8_character(text.substr(last)).code)) break;
        text = text.substr(0, last);
    }
    return text;
}

struct MainCheckout {
    std::optional<std::string> root{};  ///< none: there is none
    bool is_known = true;               ///< false: what `.git` says is not understood
};

/// Of the root of a linked worktree, as Claude Code finds it: the file `.git` names a directory `worktrees/NAME` of the
/// repository's. Whether that is there, and leads back, does not count: who can write there may make it so.
MainCheckout main_checkout(const std::string& root) {
    constexpr std::size_t longest = 64 * 1024;
    const Place place{.directory = root, .name = ".git", .directory_fd = open_directory(root.empty() ? "/" : root)};
    const auto text = place.directory_fd ? read_through_links(place, longest) : std::optional<std::string>();
    if (!text || !*text || !is_utf8(**text) || (*text)->find('\0') != std::string::npos) return {.is_known = false};
    std::string_view way = trimmed(**text);
    constexpr std::string_view begin = "gitdir:";
    if (!way.starts_with(begin)) return {};
    way = trimmed(way.substr(begin.size()));
    fs::path own = (fs::path(root + "/") / way).lexically_normal();
    if (!own.has_filename()) own = own.parent_path();
    if (own.parent_path().filename() != "worktrees") return {};  // a submodule
    const fs::path repository = own.parent_path().parent_path();
    return {.root = name_of(repository.filename() == ".git" ? repository.parent_path() : repository)};
}

/// Where `.git` leads to a directory or a file. Anything else is none to Claude Code and Codex: they look above it.
void look_for_repository(ProjectDirectories& out, std::vector<std::string>& up_to_here) {
    struct stat status {};
    const int problem = look_up(up_to_here.back() + "/.git", status);
    if (is_not_there(problem) || problem == EACCES) return;
    if (problem != 0) out.are_all = false;
    if (problem != 0 || (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))) return;
    out.has_root = true;
    out.paths = std::exchange(up_to_here, {});
    if (S_ISDIR(status.st_mode)) return;
    MainCheckout main = main_checkout(out.paths.back());
    if (!main.is_known) out.are_all = false;
    if (main.root && std::ranges::find(out.paths, *main.root) == out.paths.end()) out.main = std::move(main.root);
}

ProjectDirectories up_from(const fs::path& path) {
    ProjectDirectories out;
    std::vector<std::string> all;
    for (fs::path at = path; all.size() < most_directories; at = at.parent_path()) {
        if (!at.has_filename() && at.has_relative_path()) at = at.parent_path();  // a slash at the end
        all.push_back(name_of(at));
        if (!out.has_root) look_for_repository(out, all);
        if (at == at.root_path()) break;
    }
    out.are_all = out.are_all && out.paths.size() + all.size() < most_directories;
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
    const auto look_at_one = [&](const std::string& directory, int may_be) -> std::optional<OpenDirectory> {
        struct stat above {};
        const int problem = look_up(directory, above);
        if (is_not_there(problem) || problem == may_be) return std::nullopt;  // who can put it there can write above it
        if (problem != 0) return OpenDirectory{directory, false};
        known.go_up_to(directory);
        if (is_others(directory, above, known, home)) return OpenDirectory{directory, true};
        known.pass(above);
        return std::nullopt;
    };
    const std::array own_parts{&directories.paths, &directories.above};
    for (const auto* part : own_parts)
        for (const std::string& each : *part)
            if (auto open = look_at_one(named(each), ENOENT)) return open;
    const auto is_looked_at = [&](const std::string& directory) {
        return std::ranges::any_of(
            own_parts, [&](const auto* part) { return std::ranges::find(*part, directory) != part->end(); });
    };
    for (std::optional<std::string> at = directories.main; at && !is_looked_at(*at); at = above_of(*at)) {
        // Git writes the way there without a link. Of another, who can change where it leads is not known.
        struct stat itself {};
        if (look_up(named(*at), itself, LastLink::itself) == 0 && S_ISLNK(itself.st_mode))
            return OpenDirectory{named(*at), false, true};
        // What the session's user cannot come to can be opened by who has one of those above it.
        if (auto open = look_at_one(named(*at), EACCES)) return OpenDirectory{open->path, open->is_known, true};
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
    if (!real.main) real.main = std::move(out.main);
    add_named(real, out);
    return real;
}

}  // namespace capsule
