#include "daemon/users/subordinate.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

namespace capsule {
namespace {

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return out;
}

bool are_same(const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/// By name, those of /etc/passwd: as user_name() has them.
std::map<std::string, uid_t, std::less<>> users_by_name() {
    std::map<std::string, uid_t, std::less<>> out;
    const std::unique_ptr<FILE, int (*)(FILE*)> file(::fopen("/etc/passwd", "re"), ::fclose);
    std::vector<char> buffer(16 * 1024);
    passwd entry{};
    passwd* found = nullptr;
    while (file && ::fgetpwent_r(file.get(), &entry, buffer.data(), buffer.size(), &found) == 0)
        out.emplace(found->pw_name, found->pw_uid);
    return out;
}

}  // namespace

void SubordinateIds::look_for_file() {
    is_there_ = true;
    read_what_has_changed();
}

void SubordinateIds::read_what_has_changed() {
    struct stat now {};
    is_there_ = is_there_ && ::stat(path_.c_str(), &now) == 0;
    if (is_there_ && now.st_dev == seen_.st_dev && now.st_ino == seen_.st_ino && now.st_size == seen_.st_size &&
        are_same(now.st_mtim, seen_.st_mtim) && are_same(now.st_ctim, seen_.st_ctim))
        return;
    seen_ = now;
    ranges_.clear();
    if (!is_there_) return;
    const auto users = users_by_name();
    std::map<std::string, uid_t, std::less<>> counted;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) {
        const std::string_view text(line);
        const std::size_t name_end = text.find(':'), first_end = text.find(':', name_end + 1);
        if (name_end == text.npos || first_end == text.npos) continue;
        const std::string_view name = text.substr(0, name_end);
        const auto known = users.find(name);
        const auto user = known != users.end() ? std::optional(known->second) : number(name);
        const auto first = number(text.substr(name_end + 1, first_end - name_end - 1));
        const auto count = number(text.substr(first_end + 1));
        // What root has it hands to other people's containers.
        if (!first || !count || name == "root" || user == 0U) continue;
        // The daemon's own user has no limits, but what others run as that one's uids has.
        const uid_t as = user && *user != ::geteuid() ? *user : *first;
        const std::string who = user ? std::to_string(*user) : std::string(name);
        ranges_.push_back({*first, std::uint64_t{*first} + *count, counted.try_emplace(who, as).first->second});
    }
}

uid_t SubordinateIds::counted_as(uid_t uid) {
    read_what_has_changed();
    const auto found =
        std::ranges::find_if(ranges_, [&](const Range& each) { return each.first <= uid && uid < each.end; });
    return found == ranges_.end() ? uid : found->counted_as;
}

namespace {

struct Shared {
    std::mutex mutex;
    SubordinateIds ids;
};

Shared& shared() {
    static Shared all;
    return all;
}

}  // namespace

void look_for_subordinate_ids() {
    const std::lock_guard lock(shared().mutex);
    shared().ids.look_for_file();
}

uid_t counted_as(uid_t uid) {
    const std::lock_guard lock(shared().mutex);
    return shared().ids.counted_as(uid);
}

}  // namespace capsule
