#include "protocol/safe_path.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "protocol/path_walk.hpp"

namespace capsule {
namespace {

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
    return UnsafePlace{std::filesystem::path(missing).parent_path().string(),
                       reason + ", and " + missing + " is not there yet", std::nullopt, true};
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
    PathWalk walk(path);
    struct stat above {};
    for (;;) {
        const std::string& here = walk.path();
        if (walk.error() == ENOENT) return reason_against_making(above, here);
        if (walk.error() == ELOOP) return UnsafePlace{here, "the link cannot be followed"};
        if (walk.error() != 0) return UnsafePlace{here, std::generic_category().message(walk.error())};
        if (!walk.why_not_believed().empty()) return UnsafePlace{here, "it " + walk.why_not_believed()};
        const struct stat status = walk.status();
        const bool outside = !walk.is_last_name() && status.st_uid == outsider && root_is_outside();
        if (!outside && !is_owned_by(status, trusted))
            return UnsafePlace{here, "it belongs to user " + std::to_string(status.st_uid), status.st_uid};
        if (auto reason = reason_against(status, walk.is_last_name()); !reason.empty())
            return UnsafePlace{here, std::move(reason)};
        if (walk.at_end()) return std::nullopt;
        if (S_ISDIR(status.st_mode)) above = status;
        walk.next();
    }
}

}  // namespace capsule
