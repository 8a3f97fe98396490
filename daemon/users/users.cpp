#include "daemon/users/users.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "daemon/base/unique_fd.hpp"

namespace capsule {
namespace {

constexpr std::size_t entry_buffer_bytes = 16 * 1024;

PasswordEntry to_entry(const passwd& found) {
    return {{found.pw_name, found.pw_uid, found.pw_gid, {}}, found.pw_dir, found.pw_shell};
}

/// Asks all that the system knows groups from, which takes longer than the rest of a start: only for whom it is needed.
std::vector<std::uint32_t> groups_of(const SessionUser& user) {
    int count = 64;
    std::vector<gid_t> groups(static_cast<std::size_t>(count));
    if (::getgrouplist(user.name.c_str(), user.gid, groups.data(), &count) < 0) {
        groups.resize(static_cast<std::size_t>(count));
        ::getgrouplist(user.name.c_str(), user.gid, groups.data(), &count);
    }
    groups.resize(static_cast<std::size_t>(std::max(count, 0)));
    return {groups.begin(), groups.end()};
}

/// The supplementary groups that the process really has: a container may have given others than the group file says.
std::vector<std::uint32_t> own_groups() {
    const int count = ::getgroups(0, nullptr);
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(count, 0)));
    if (count > 0 && ::getgroups(count, groups.data()) < 0) groups.clear();
    return {groups.begin(), groups.end()};
}

std::optional<std::string> own_variable(const std::map<std::string, Secret>& environment, const char* name) {
    const auto found = environment.find(name);
    if (found == environment.end() || found->second.empty()) return std::nullopt;
    return std::string(found->second.reveal());
}

PasswordEntry own_entry() {
    const uid_t uid = ::geteuid();
    if (auto entry = find_user(uid)) {
        entry->user.gid = ::getegid();
        entry->user.groups = own_groups();
        return *entry;
    }
    // Containers run with uids that the password file does not know.
    return {{std::to_string(uid), uid, ::getegid(), own_groups()}, "", "/bin/sh"};
}

std::uint32_t read_overflow_id(const char* path) {
    constexpr std::uint32_t kernels_default = 65534;
    std::array<char, 16> digits{};
    const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
    const ssize_t size = file ? ::read(file.get(), digits.data(), digits.size()) : 0;
    std::uint32_t id = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + std::max<ssize_t>(size, 0), id);
    return read.ec == std::errc() ? id : kernels_default;
}

/// A login shell that refuses to log in would run none of an agent's commands either.
bool runs_commands(std::string_view shell) {
    const std::string_view name = shell.substr(shell.rfind('/') + 1);
    return name != "nologin" && name != "false" && ::access(std::string(shell).c_str(), X_OK) == 0;
}

void set_shell(SessionHome& home, const std::string& own) {
    home.shell = own.empty() ? "/bin/sh" : own;
    if (runs_commands(home.shell)) return;
    home.shell_from = "capsuled: " + home.shell + ", the session user's own, runs no commands";
    home.shell = ::access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh";
}

Error cannot_serve(const std::string& what, const std::string& hint) {
    return {ErrorCode::config_conflict, what, hint};
}

}  // namespace

std::optional<PasswordEntry> find_user(const std::string& name) {
    std::vector<char> buffer(entry_buffer_bytes);
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
        return std::nullopt;
    return to_entry(entry);
}

std::optional<PasswordEntry> find_user(uid_t uid) {
    std::vector<char> buffer(entry_buffer_bytes);
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
    return to_entry(entry);
}

std::optional<gid_t> find_group(const std::string& name) {
    std::vector<char> buffer(entry_buffer_bytes);
    group entry{};
    group* found = nullptr;
    if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
        return std::nullopt;
    return entry.gr_gid;
}

uid_t overflow_uid() {
    return read_overflow_id("/proc/sys/kernel/overflowuid");
}

gid_t overflow_gid() {
    return read_overflow_id("/proc/sys/kernel/overflowgid");
}

std::string user_name(uid_t uid) {
    const auto entry = find_user(uid);
    return entry ? entry->user.name : std::to_string(uid);
}

Result<SessionHome> session_home(const Config& config, const std::map<std::string, Secret>& environment) {
    PasswordEntry entry = own_entry();
    SessionHome home;
    if (config.session.user && *config.session.user != entry.user.name) {
        const auto other = find_user(*config.session.user);
        if (!other)
            return cannot_serve("[session] user: there is no user \"" + *config.session.user + "\"",
                                "create the user first, or name one of the password file");
        home.same_user = other->user.uid == entry.user.uid;
        if (!home.same_user && ::geteuid() != 0)
            return cannot_serve("[session] user: only a daemon that runs as root can serve \"" + *config.session.user +
                                    "\"; this one runs as " + entry.user.name,
                                "run capsuled as root, or remove [session] user");
        if (!home.same_user && other->user.uid == 0)
            return cannot_serve("[session] user: sessions of root are not served for another user",
                                "name the user that the agents run as");
        entry = *other;
        entry.user.groups = groups_of(entry.user);
    }
    home.user = entry.user;
    home.home = entry.home;
    set_shell(home, entry.shell);
    if (!config.session.user)
        if (auto own = own_variable(environment, "HOME")) home.home = *own;
    while (home.home.size() > 1 && home.home.ends_with('/'))
        home.home.pop_back();
    if (!home.home.starts_with('/'))
        return cannot_serve("the session's user " + entry.user.name + " has no home directory",
                            "set HOME for the daemon, or [session] user to a user with a home");

    const auto place = [&](const std::optional<std::string>& configured, const char* variable) {
        if (configured || !home.same_user) return configured;
        auto own = own_variable(environment, variable);
        // A relative one would mean another place for every reader.
        return own && own->starts_with('/') ? own : std::nullopt;
    };
    home.codex_home = place(config.session.codex_home, "CODEX_HOME");
    home.xdg_config_home = place(config.session.xdg_config_home, "XDG_CONFIG_HOME");
    home.claude_config_dir = place(config.session.claude_config_dir, "CLAUDE_CONFIG_DIR");
    return home;
}

}  // namespace capsule
