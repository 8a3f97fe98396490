#include "daemon/users/subordinate.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
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
    std::map<std::string, uid_t, std::less<>> first_of;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) {
        const std::string_view text(line);
        const std::size_t name_end = text.find(':'), first_end = text.find(':', name_end + 1);
        if (name_end == text.npos || first_end == text.npos) continue;
        const std::string_view name = text.substr(0, name_end);
        const auto first = number(text.substr(name_end + 1, first_end - name_end - 1));
        const auto count = number(text.substr(first_end + 1));
        // What root has it hands to other people's containers.
        if (!first || !count || name == "root" || name == "0") continue;
        const uid_t counted = first_of.try_emplace(std::string(name), *first).first->second;
        ranges_.push_back({*first, std::uint64_t{*first} + *count, counted});
    }
    std::ranges::sort(ranges_, {}, &Range::first);
}

uid_t SubordinateIds::counted_as(uid_t uid) {
    read_what_has_changed();
    const auto next = std::ranges::upper_bound(ranges_, std::uint64_t{uid}, {}, &Range::first);
    if (next == ranges_.begin() || uid >= std::prev(next)->end) return uid;
    return std::prev(next)->counted_as;
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
