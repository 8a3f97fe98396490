#include "daemon/users/groups.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <vector>

namespace capsule {

bool is_private_group(gid_t gid, const SessionUser& user, const std::string& group_file, const std::string& user_file) {
    const auto file_of = [](const std::string& path) {
        return std::unique_ptr<FILE, int (*)(FILE*)>(::fopen(path.c_str(), "re"), ::fclose);
    };
    std::vector<char> buffer(longest_group_entry);
    bool has_own_name = gid == user.uid;  // as containers have it, without an entry
    const auto groups = file_of(group_file);
    group entry{};
    group* found = nullptr;
    int problem = ENOENT;  // that nothing is left
    while (groups && (problem = ::fgetgrent_r(groups.get(), &entry, buffer.data(), buffer.size(), &found)) == 0) {
        if (found->gr_gid != gid) continue;
        has_own_name = found->gr_name == (gid == 0 ? std::string("root") : user.name);
        for (char** member = found->gr_mem; *member != nullptr; ++member)
            if (*member != user.name && *member != std::string("root")) return false;
    }
    if (problem != ENOENT) return false;
    const auto users = file_of(user_file);
    passwd other{};
    passwd* next = nullptr;
    while (users && (problem = ::fgetpwent_r(users.get(), &other, buffer.data(), buffer.size(), &next)) == 0)
        if (next->pw_gid == gid && next->pw_uid != user.uid && next->pw_uid != 0) return false;
    if (problem != ENOENT) return false;
    return has_own_name || gid == 0;
}

bool can_give_to_group(gid_t gid) {
    if (::geteuid() == 0 || gid == ::getegid()) return true;
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
    groups.resize(static_cast<std::size_t>(std::max(::getgroups(static_cast<int>(groups.size()), groups.data()), 0)));
    return std::ranges::find(groups, gid) != groups.end();
}

}  // namespace capsule
