#include "protocol/safe_path.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <fstream>
#include <string_view>
#include <system_error>

#include "protocol/mounts.hpp"

namespace capsule {
namespace {

constexpr int most_links = 40;  ///< as many as the kernel follows

using Names = std::deque<std::string>;

Names names_of(std::string_view path) {
    Names names;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        if (end > 0 && path.substr(0, end) != ".") names.emplace_back(path.substr(0, end));
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return names;
}

std::string parent_of(const std::string& directory) {
    const std::size_t slash = directory.rfind('/');
    return slash == 0 || slash == std::string::npos ? "/" : directory.substr(0, slash);
}

std::string joined(const std::string& directory, const std::string& name) {
    return (directory == "/" ? "" : directory) + "/" + name;
}

bool is_owned_by(const struct stat& status, const std::vector<uid_t>& trusted) {
    return status.st_uid == 0 || std::find(trusted.begin(), trusted.end(), status.st_uid) != trusted.end();
}

/// Why who does not own `status`, of a directory or a link, could change it all the same; empty: nobody could.
std::string reason_against(const struct stat& status, bool last) {
    if (S_ISLNK(status.st_mode)) return {};
    if (!S_ISDIR(status.st_mode)) return "it is no directory";
    if (!last && (status.st_mode & S_ISVTX) != 0) return {};
    if ((status.st_mode & S_IWOTH) != 0) return "everybody may write there";
    if ((status.st_mode & S_IWGRP) != 0) return "its group may write there";
    return {};
}

/// `missing` is not in the directory `above`, which has passed, and could be made by others there.
std::optional<UnsafePlace> reason_against_making(const struct stat& above, const std::string& missing) {
    const auto reason = reason_against(above, true);
    if (reason.empty()) return std::nullopt;
    return UnsafePlace{parent_of(missing), reason + ", and " + missing + " is not there yet", std::nullopt, true};
}

}  // namespace

bool root_is_outside() {
    struct stat status {};
    if (::stat("/", &status) != 0 || status.st_uid != outsider) return false;
    std::ifstream map("/proc/self/uid_map");
    std::uint64_t first = 0, beyond = 0, count = 0;
    bool has_any = false;
    while (map >> first >> beyond >> count) {
        has_any = true;
        if (outsider >= first && outsider - first < count) return false;
    }
    return has_any;
}

std::optional<UnsafePlace> who_else_can_change(const std::string& path, const std::vector<uid_t>& trusted) {
    Names names = names_of(path);
    std::string here = "/";
    int links = 0;
    struct stat above {};
    for (;;) {
        struct stat status {};
        // This asks no process that serves a file system: all directories above were looked at before.
        const UniqueFd place(::open(here.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
        if (!place && errno == ENOENT) return reason_against_making(above, here);
        if (!place) return UnsafePlace{here, std::generic_category().message(errno)};
        if (const std::string why = why_not_believed(place, trusted); !why.empty())
            return UnsafePlace{here, "it " + why};
        if (::fstat(place.get(), &status) != 0) return UnsafePlace{here, std::generic_category().message(errno)};
        const bool outside = !names.empty() && status.st_uid == outsider && root_is_outside();
        if (!outside && !is_owned_by(status, trusted))
            return UnsafePlace{here, "it belongs to user " + std::to_string(status.st_uid), status.st_uid};
        if (auto reason = reason_against(status, names.empty()); !reason.empty())
            return UnsafePlace{here, std::move(reason)};
        if (S_ISLNK(status.st_mode)) {
            std::array<char, PATH_MAX> target{};
            const ssize_t length = ::readlink(here.c_str(), target.data(), target.size());
            if (length <= 0 || ++links > most_links) return UnsafePlace{here, "the link cannot be followed"};
            const std::string_view text(target.data(), static_cast<std::size_t>(length));
            const Names more = names_of(text);
            names.insert(names.begin(), more.begin(), more.end());
            here = text.front() == '/' ? "/" : parent_of(here);
        }
        if (names.empty()) return std::nullopt;
        if (S_ISDIR(status.st_mode)) above = status;
        const std::string name = std::move(names.front());
        names.pop_front();
        here = name == ".." ? parent_of(here) : joined(here, name);
    }
}

}  // namespace capsule
