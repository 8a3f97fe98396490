#include "daemon/home/temporary_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/agents/build.hpp"
#include "daemon/base/home_path.hpp"
#include "protocol/trusted_path.hpp"

namespace capsule {
namespace {

/// Whether `name` in `above` is, or would be, a directory of that user's alone, which nobody else can put another in
/// the place of.
bool is_ours(const std::string& above, const std::string& name, uid_t user, ApplyMode mode) {
    const UniqueFd directory = open_path(above, LastLink::followed, Meant::directory);
    struct stat status {};
    if (!directory || ::fstat(directory.get(), &status) != 0) return false;
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (status.st_mode & S_ISVTX) == 0) return false;
    const bool makes = mode == ApplyMode::write;
    if (makes && ::mkdirat(directory.get(), name.c_str(), S_IRWXU) != 0 && errno != EEXIST) return false;
    if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return !makes && errno == ENOENT;
    return S_ISDIR(status.st_mode) && status.st_uid == user &&
           (status.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO)) == S_IRWXU;
}

/// Whether root's session was to have its temporary files where another user could exchange them (`sudo -E`).
bool leave_out_place_of_others(Plan& plan, uid_t user) {
    const auto named = plan.env.find("TMPDIR");
    const std::string path(named->second.reveal());
    if (user != 0 || !path.starts_with('/')) return false;
    const auto unsafe = untrusted_component(path);
    if (!unsafe) return false;
    plan.warnings.push_back({"session.tmpdir", "The session has another TMPDIR than " + named->second.shown() + " (" +
                                                   named->second.from + "), or none: " + unsafe->component + " " +
                                                   unsafe->why + ". The cure: " + unsafe->cure() + "."});
    plan.env.erase(named);
    return true;
}

}  // namespace

void give_temporary_directory(Plan& plan, const SessionHome& home, ApplyMode mode, const std::string& above) {
    const uid_t user = home.user.uid;
    // Where the daemon is an unprivileged user's own, its sessions use what that user's agents use without capsuled.
    if (home.same_user && user != 0) return;
    if (plan.env.contains("TMPDIR") && !leave_out_place_of_others(plan, user)) return;
    const std::string name = "capsule-" + std::to_string(user);
    if (is_ours(above, name, user, mode)) return set_variable(plan, "TMPDIR", above + "/" + name, from_capsuled);
    const std::string in_home = ".capsule-tmp";
    if (is_ours(home.home, in_home, user, mode))
        return set_variable(plan, "TMPDIR", home.home + "/" + in_home, from_capsuled);
    plan.warnings.push_back({"session.tmpdir", "The session has no TMPDIR: " + above + "/" + name +
                                                   " is not a directory of " + home.user.name +
                                                   "'s alone, and neither is " + home.home + "/" + in_home +
                                                   ". Remove them, or name a directory: [env] TMPDIR."});
}

}  // namespace capsule
