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

namespace capsule {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_directories = 32;

bool is_not_there(int problem) {
    return problem == ENOENT || problem == ENOTDIR;
}

/// Or may be there: not all can be seen by this user.
bool is_a_repository(const std::string& directory) {
    struct stat status {};
    return !is_not_there(look_up(directory + "/.git", status, LastLink::itself));
}

ProjectDirectories up_from(const fs::path& path) {
    ProjectDirectories out;
    for (fs::path at = path; out.paths.size() < most_directories; at = at.parent_path()) {
        if (!at.has_filename() && at.has_relative_path()) at = at.parent_path();  // a slash at the end
        out.paths.push_back(at == at.root_path() ? "" : at.string());
        if (is_a_repository(out.paths.back())) return out;
        if (at == at.root_path()) {
            out.paths.resize(1);
            return out;
        }
    }
    out.are_all = false;
    return out;
}

/// The kernel knows where what it has opened is; none: it does not say.
std::optional<std::string> path_of(const UniqueFd& directory) {
    std::array<char, PATH_MAX> path{};
    const ssize_t size = ::readlink(own_name(directory).c_str(), path.data(), path.size());
    if (size <= 0 || static_cast<std::size_t>(size) == path.size() || path.front() != '/') return std::nullopt;
    return std::string(path.data(), static_cast<std::size_t>(size));
}

/// Those of `named` that are none of `real`, which gets their names for what are the same directories.
std::vector<std::string> take_names(std::vector<std::string> named, std::vector<std::string>& real) {
    const auto identity = [](const std::string& path) {
        struct stat status {};
        const SharedFd directory = open_directory(path.empty() ? "/" : path);
        const bool is_known = directory && ::fstat(directory.get(), &status) == 0;
        return is_known ? std::optional(std::pair(status.st_dev, status.st_ino)) : std::nullopt;
    };
    std::map<std::pair<dev_t, ino_t>, std::string*> places;
    for (std::string& path : real)
        if (const auto known = identity(path)) places.emplace(*known, &path);
    std::erase_if(named, [&](const std::string& name) {
        const auto known = identity(name);
        const auto place = known ? places.find(*known) : places.end();
        if (place != places.end()) *place->second = name;
        return place != places.end();
    });
    return named;
}

}  // namespace

ProjectDirectories project_directories(const std::string& cwd) {
    ProjectDirectories out = up_from(fs::path(cwd).lexically_normal());
    const UniqueFd directory = open_path(cwd, LastLink::followed, Meant::directory);
    const int problem = directory ? 0 : errno;
    if (is_not_there(problem)) return out;
    const auto path = directory ? path_of(directory) : std::nullopt;
    if (!path) out.are_all = false;  // a link into the kernel's own files, or no time is left
    if (!path || *path == out.paths.front()) return out;
    ProjectDirectories real = up_from(*path);
    const std::vector<std::string> others = take_names(std::move(out.paths), real.paths);
    real.paths.insert(real.paths.end(), others.begin(), others.end());
    real.are_all = real.are_all && out.are_all;
    return real;
}

}  // namespace capsule
