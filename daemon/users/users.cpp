#include "daemon/users/users.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include "daemon/config/quotable.hpp"
#include "daemon/users/groups.hpp"
#include "daemon/users/user_namespace.hpp"
#include "protocol/trusted_path.hpp"
#include "protocol/utf8.hpp"

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

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
    return std::ranges::find(names, name) != names.end();
}

std::string_view file_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

void set_shell(SessionHome& home, const std::string& own) {
    home.shell = own.empty() ? "/bin/sh" : own;
    if (runs_commands(home.shell)) return;
    home.shell_from = "capsuled: " + home.shell + ", the session user's own, runs no ordinary commands";
    home.shell = ::access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh";
}

Error cannot_serve(const std::string& what, const std::string& hint) {
    return {ErrorCode::config_conflict, what, hint};
}

/// "1000" → 1000; none: no number, or one that no user can have.
std::optional<std::uint32_t> number_in(const std::string& text) {
    std::uint32_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
    if (number == std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return number;
}

/// [session] user, by name or number. A number without an entry can only be the daemon's own: of another one nobody
/// knows the home.
std::optional<PasswordEntry> find_session_user(const std::string& name, const PasswordEntry& own) {
    if (name == own.user.name) return own;
    if (auto found = find_user(name)) return found;
    const auto uid = number_in(name);
    if (!uid) return std::nullopt;
    return *uid == own.user.uid ? own : find_user(*uid);
}

/// Whether the daemon could act as that other user.
Result<void> check_other_user(const SessionUser& user, const std::string& own_name) {
    if (::geteuid() != 0)
        return cannot_serve("[session] user: only a daemon that runs as root can serve \"" + user.name +
                                "\"; this one runs as " + own_name,
                            "run capsuled as root, or remove [session] user");
    if (user.uid == 0)
        return cannot_serve("[session] user: sessions of root are not served for another user",
                            "name the user that the agents run as");
    if (!has_user(user.uid) || !has_group(user.gid))
        return cannot_serve("[session] user: the daemon's user namespace does not have uid " +
                                std::to_string(user.uid) + " and gid " + std::to_string(user.gid),
                            "give the namespace a range of ids (/etc/subuid and /etc/subgid of a rootless engine), or "
                            "remove [session] user: sessions are then the daemon's own user and may ask for any key");
    return {};
}

/// Root writes there, so another user's links would lead it, and root's sessions run what is there.
Result<void> check_roots_own(const std::string& name, const std::string& place) {
    if (::geteuid() != 0) return {};
    const auto unsafe = untrusted_component(place);
    if (!unsafe) return {};
    return cannot_serve(
        name + " " + place + " is no place for sessions of root: " + unsafe->component + " " + unsafe->why,
        "name the user that agents run as in [session] user, or start the daemon with root's own " + name +
            " (sudo -H, su -)");
}

/// The home of the daemon's own user. One that cannot be written to would fail each session that writes a file.
Result<void> check_own_home(const std::string& home, uid_t uid) {
    const std::string cure = "set HOME to a directory that uid " + std::to_string(uid) + " can write to";
    if (home == "/")
        return cannot_serve("the home directory is /: containers set HOME=/ for a uid without a password entry", cure);
    // Before anything there is looked at: another user's mount may not answer.
    if (auto checked = check_roots_own("HOME", home); !checked) return checked;
    struct stat status {};
    if (::stat(home.c_str(), &status) != 0) return {};  // made when a file is written there
    if (!S_ISDIR(status.st_mode)) return cannot_serve("the home " + home + " is not a directory", cure);
    const bool writable = ::faccessat(AT_FDCWD, home.c_str(), W_OK | X_OK, AT_EACCESS) == 0 || errno != EACCES;
    if (status.st_uid != uid && !writable)
        return cannot_serve("the home " + home + " belongs to user " + user_name(status.st_uid) + ", and uid " +
                                std::to_string(uid) + " cannot write there",
                            cure);
    return {};
}

}  // namespace

bool runs_commands(const std::string& shell, const std::string& list_of_shells) {
    constexpr auto shells = std::to_array<std::string_view>(
        {"sh", "bash", "dash", "ash", "zsh", "ksh", "ksh93", "mksh", "oksh", "yash", "posh", "fish", "tcsh", "csh"});
    // An administrator may list them, so that chsh takes them.
    constexpr auto others = std::to_array<std::string_view>({"nologin", "false", "true", "sync", "halt", "shutdown",
                                                             "passwd", "git-shell", "rbash", "rksh", "rzsh", "rssh",
                                                             "scponly", "lshell", "sftp-server", "screen", "tmux"});
    // Root does not look at a shell that another user could change, in that user's home perhaps. Its name decides.
    const bool is_looked_at = !untrusted_component(shell);
    if (is_looked_at && ::access(shell.c_str(), X_OK) != 0) return false;
    std::error_code ignored;
    const std::string file = is_looked_at ? std::filesystem::canonical(shell, ignored).string() : shell;
    if (is_one_of(file_name(shell), others) || is_one_of(file_name(file), others)) return false;
    if (is_one_of(file_name(shell), shells)) return true;
    std::ifstream list(list_of_shells);
    for (std::string line; std::getline(list, line);)
        if (line == shell) return true;
    return false;
}

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

std::optional<uid_t> find_uid(const std::string& name) {
    const auto entry = find_user(name);
    return entry ? entry->user.uid : number_in(name);
}

std::optional<gid_t> find_group(const std::string& name) {
    std::vector<char> buffer(longest_group_entry);
    group entry{};
    group* found = nullptr;
    if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
        return number_in(name);
    return entry.gr_gid;
}

std::string user_name(uid_t uid) {
    constexpr std::size_t most_kept = 64;
    thread_local std::map<uid_t, std::string> names;
    if (const auto known = names.find(uid); known != names.end()) return known->second;
    if (names.size() >= most_kept) names.clear();
    std::string name = std::to_string(uid);
    const std::unique_ptr<FILE, int (*)(FILE*)> file(::fopen("/etc/passwd", "re"), ::fclose);
    std::vector<char> buffer(entry_buffer_bytes);
    passwd entry{};
    passwd* found = nullptr;
    while (file && ::fgetpwent_r(file.get(), &entry, buffer.data(), buffer.size(), &found) == 0)
        if (found->pw_uid == uid) {
            name = found->pw_name;
            break;
        }
    return names[uid] = std::move(name);
}

Result<SessionHome> session_home(const Config& config, const std::map<std::string, Secret>& environment) {
    PasswordEntry entry = own_entry();
    SessionHome home;
    if (config.session.user) {
        const std::string& name = *config.session.user;
        auto named = find_session_user(name, entry);
        if (!named)
            return cannot_serve("[session] user: there is no user " + quote(name),
                                "create the user first, or name one of the password file, by name or number");
        if (auto one = check_is_one_user("[session] user", name, named->user.uid); !one) return one.error();
        home.same_user = named->user.uid == entry.user.uid;
        if (!home.same_user) {
            if (auto can = check_other_user(named->user, entry.user.name); !can) return can.error();
            named->user.groups = groups_of(named->user);
        }
        entry = *std::move(named);
    }
    home.user = entry.user;
    for (const gid_t gid : {gid_t{0}, entry.user.gid})
        if (is_private_group(gid, entry.user)) home.private_groups.push_back(gid);
    home.home = entry.home;
    set_shell(home, entry.shell);
    // It could not be said in an answer, and another place in silence would be another account.
    if (home.same_user)
        for (const char* variable : {"HOME", "CODEX_HOME", "XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR"})
            if (const auto found = environment.find(variable);
                found != environment.end() && !is_utf8(found->second.reveal()))
                return cannot_serve(std::string(variable) + " of the daemon holds a byte that is no UTF-8",
                                    "it says where the agents' files are: give that place a name in UTF-8");
    if (!config.session.user || entry.home.empty())
        if (auto own = own_variable(environment, "HOME"); own && home.same_user) home.home = *own;
    while (home.home.size() > 1 && home.home.ends_with('/'))
        home.home.pop_back();
    // Without sessions nothing is in a home, and there may be none that can be written to.
    const bool has_sessions = !home.same_user || config.access.own_user == Tier::admin;
    if (!has_sessions && (!home.home.starts_with('/') || !check_own_home(home.home, entry.user.uid)))
        home.home = "/nonexistent";
    if (!home.home.starts_with('/'))
        return cannot_serve("the session's user " + entry.user.name + " has no home directory",
                            "set HOME for the daemon (an absolute path), or [session] user to a user with a home");
    if (home.same_user)
        if (auto checked = check_own_home(home.home, entry.user.uid); !checked) return checked.error();
    // Nothing else is looked at in another user's home: root is not to wait for a file system of that user's.
    if (!home.same_user && home.home == "/")
        return cannot_serve("[session] user: the home of " + entry.user.name + " is /, where that user cannot write",
                            "give that user a home in the password file");

    const auto place = [&](const std::optional<std::string>& configured, const char* variable) {
        if (configured || !home.same_user) return configured;
        auto own = own_variable(environment, variable);
        // A relative one would mean another place for every reader.
        return own && own->starts_with('/') ? own : std::nullopt;
    };
    home.codex_home = place(config.session.codex_home, "CODEX_HOME");
    home.xdg_config_home = place(config.session.xdg_config_home, "XDG_CONFIG_HOME");
    home.claude_config_dir = place(config.session.claude_config_dir, "CLAUDE_CONFIG_DIR");
    if (!home.same_user || !has_sessions) return home;
    for (const auto& [name, at] : {std::pair{"CODEX_HOME", home.codex_home},
                                   {"XDG_CONFIG_HOME", home.xdg_config_home},
                                   {"CLAUDE_CONFIG_DIR", home.claude_config_dir}})
        if (at)
            if (auto checked = check_roots_own(name, *at); !checked) return checked.error();
    return home;
}

}  // namespace capsule
