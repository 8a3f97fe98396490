#include "daemon/base/trusted_path.hpp"

#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <list>
#include <string_view>

#include "protocol/safe_path.hpp"

namespace capsule {
namespace {

constexpr int most_links = 40;  // as the kernel has it

std::list<std::string> parts_of(std::string_view path) {
    std::list<std::string> parts;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        if (end > 0 && path.substr(0, end) != ".") parts.emplace_back(path.substr(0, end));
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return parts;
}

/// A group of the daemon's own, where it is not root: then sessions are its own user's too.
bool is_own_group(gid_t group) {
    return ::geteuid() != 0 && group == ::getegid();
}

/// Nobody can change what is mounted read-only, whoever it belongs to: so a container gets the host's files.
bool is_on_read_only_mount(const std::string& path) {
    struct statvfs facts {};
    return ::statvfs(path.c_str(), &facts) == 0 && (facts.f_flag & ST_RDONLY) != 0;
}

/// Why somebody else can change it; empty: nobody can.
std::string why_untrusted(const struct stat& status) {
    const bool outside = status.st_uid == outsider && root_is_outside();
    if (!outside && status.st_uid != 0 && status.st_uid != ::geteuid())
        return "belongs to user " + std::to_string(status.st_uid);
    // Modes of links and devices mean something else, and only its owner can replace what is in a sticky directory.
    const bool sticky = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
    if (sticky || !(S_ISDIR(status.st_mode) || S_ISREG(status.st_mode))) return {};
    if ((status.st_mode & S_IWOTH) != 0) return "can be written to by everybody";
    if ((status.st_mode & S_IWGRP) != 0 && !is_own_group(status.st_gid))
        return "can be written to by its group " + std::to_string(status.st_gid);
    return {};
}

std::string target_of(const std::string& link) {
    std::string target(PATH_MAX, '\0');
    const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
    target.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return target;
}

}  // namespace

std::string UntrustedPath::cure() const {
    return "let it belong to root (or the daemon's user) and nobody else write to it: chown root '" + component +
           "'; chmod go-w '" + component + "'. Or mount it read-only, or use another place";
}

std::optional<UntrustedPath> untrusted_component(const std::string& path) {
    std::list<std::string> rest = parts_of(path);
    std::string at;  // without links; empty: the root
    int links = 0;
    for (;;) {
        struct stat status {};
        const std::string name = at.empty() ? "/" : at;
        if (::lstat(name.c_str(), &status) != 0) return std::nullopt;
        std::string why = why_untrusted(status);
        // A link is where its directory is; to ask by its name would tell of what it leads to.
        const std::string mounted = S_ISLNK(status.st_mode) ? at.substr(0, at.rfind('/')) + "/" : name;
        if (!why.empty() && !is_on_read_only_mount(mounted)) return UntrustedPath{name, std::move(why)};
        if (S_ISLNK(status.st_mode)) {
            const std::string target = target_of(name);
            if (++links > most_links || target.empty()) return std::nullopt;
            at = target.starts_with('/') ? std::string() : at.substr(0, at.rfind('/'));
            rest.splice(rest.begin(), parts_of(target));
        } else if (rest.empty()) {
            return std::nullopt;
        } else if (rest.front() == "..") {
            at.erase(std::min(at.rfind('/'), at.size()));
            rest.pop_front();
        } else {
            at += "/" + rest.front();
            rest.pop_front();
        }
    }
}

}  // namespace capsule
