#include "daemon/users/user_namespace.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <limits>
#include <sstream>

#include "protocol/unique_fd.hpp"

namespace capsule {
namespace {

std::uint32_t read_overflow_id(const char* path) {
    constexpr std::uint32_t kernels_default = 65534;
    std::array<char, 16> digits{};
    const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
    const ssize_t size = file ? ::read(file.get(), digits.data(), digits.size()) : 0;
    std::uint32_t id = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + std::max<ssize_t>(size, 0), id);
    return read.ec == std::errc() ? id : kernels_default;
}

/// Empty: a kernel without user namespaces.
std::string read_map(const char* path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

bool is_mapped(const char* path, std::uint32_t id) {
    const std::string map = read_map(path);
    return map.empty() || maps_id(map, id);
}

Error may_be_anybody(const std::string& setting, const std::string& kind, const std::string& name, std::uint32_t id) {
    const std::string number = std::to_string(id);
    return {ErrorCode::config_conflict,
            setting + ": " + (kind == "user" ? "uid " : "gid ") + number +
                (name == number ? "" : " (\"" + name + "\")") + " cannot be used here: the kernel shows any " + kind +
                " of another user namespace (a container's, say) " + "under this number",
            "name another " + kind};
}

}  // namespace

bool has_user(uid_t uid) {
    return is_mapped("/proc/self/uid_map", uid);
}

bool has_group(gid_t gid) {
    return is_mapped("/proc/self/gid_map", gid);
}

bool maps_id(std::string_view map, std::uint32_t id) {
    std::istringstream lines{std::string(map)};
    std::uint64_t first = 0, outside = 0, count = 0;
    while (lines >> first >> outside >> count)
        if (id >= first && id - first < count) return true;
    return false;
}

bool maps_every_id(std::string_view map) {
    std::istringstream lines{std::string(map)};
    std::uint64_t first = 0, outside = 0, count = 0, mapped = 0;
    while (lines >> first >> outside >> count)
        mapped += count;
    return mapped == std::numeric_limits<std::uint32_t>::max();  // the last one is no id
}

uid_t overflow_uid() {
    return read_overflow_id("/proc/sys/kernel/overflowuid");
}

gid_t overflow_gid() {
    return read_overflow_id("/proc/sys/kernel/overflowgid");
}

Result<void> check_is_one_user(const std::string& setting, const std::string& name, uid_t uid) {
    if (uid != overflow_uid()) return {};
    return may_be_anybody(setting, "user", name, uid);
}

Result<void> check_is_one_group(const std::string& setting, const std::string& name, gid_t gid) {
    if (gid != overflow_gid()) return {};
    return may_be_anybody(setting, "group", name, gid);
}

Result<void> check_own_user(uid_t uid) {
    if (uid != overflow_uid()) return {};
    const std::string map = read_map("/proc/self/uid_map");
    if (map.empty() || maps_every_id(map)) return {};
    return Error{ErrorCode::config_conflict,
                 "the daemon runs as uid " + std::to_string(uid) +
                     ", under which the kernel shows any user of another user namespace (a container's, say)",
                 "run capsuled as another user: whoever looks like the daemon's own user would have all rights"};
}

}  // namespace capsule
