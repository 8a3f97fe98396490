#include "daemon/home/project_directories.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "daemon/base/home_visit.hpp"
#include "daemon/users/user_namespace.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_directories = 128;

/// Or may be there: not all can be seen by this user.
bool is_a_repository(const std::string& directory) {
    struct stat status {};
    return !is_not_there(look_up(directory + "/.git", status, LastLink::itself));
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

bool is_others(const struct stat& above, const struct stat& own, const SessionUser& user) {
    const bool known_owner =
        above.st_uid == 0 || above.st_uid == user.uid || above.st_uid == own.st_uid || is_of_nobody_here(above.st_uid);
    const bool by_all = (above.st_mode & ~own.st_mode & S_IWOTH) != 0;
    const bool group_has_own = (own.st_mode & S_IWGRP) != 0 && above.st_gid == own.st_gid;
    const bool known_group = above.st_gid == 0 || above.st_gid == user.gid || group_has_own;
    const bool by_group = (above.st_mode & S_IWGRP) != 0 && !known_group;
    return !known_owner || by_all || by_group;
}

}  // namespace

std::optional<std::string> open_to_others(const ProjectDirectories& directories, const SessionUser& user) {
    const auto named = [](const std::string& directory) { return directory.empty() ? "/" : directory; };
    struct stat own {};
    if (look_up(named(directories.paths.front()), own) != 0) return std::nullopt;
    for (const auto* part : {&directories.paths, &directories.above})
        for (const std::string& each : *part) {
            struct stat above {};
            if (look_up(named(each), above) == 0 && is_others(above, own, user)) return named(each);
        }
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
