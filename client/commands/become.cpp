#include "client/commands/become.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "client/output.hpp"
#include "protocol/capabilities.hpp"
#include "protocol/own_signals.hpp"
#include "protocol/session_keyring.hpp"
#include "protocol/trusted_path.hpp"

namespace capsule {
namespace {

Error system_error(std::string what, int number, std::string hint) {
    return {ErrorCode::io_error, std::move(what) + ": " + std::generic_category().message(number), std::move(hint)};
}

std::string describe(const SessionUser& user) {
    return user.name + " (uid " + std::to_string(user.uid) + ")";
}

std::vector<gid_t> sorted(std::vector<gid_t> groups) {
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
    return groups;
}

std::vector<gid_t> current_groups() {
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
    const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
    groups.resize(static_cast<std::size_t>(std::max(count, 0)));
    return groups;
}

bool has_ids(const SessionUser& user) {
    uid_t ruid = 0, euid = 0, suid = 0;
    gid_t rgid = 0, egid = 0, sgid = 0;
    if (::getresuid(&ruid, &euid, &suid) != 0 || ::getresgid(&rgid, &egid, &sgid) != 0) return false;
    return ruid == user.uid && euid == user.uid && suid == user.uid && rgid == user.gid && egid == user.gid &&
           sgid == user.gid;
}

/// A launcher that gave up its effective user or group alone could be who it was again, and so could the session.
Result<void> check_no_other_user(const SessionUser& user) {
    uid_t ruid = 0, euid = 0, suid = 0;
    gid_t rgid = 0, egid = 0, sgid = 0;
    const bool known = ::getresuid(&ruid, &euid, &suid) == 0 && ::getresgid(&rgid, &egid, &sgid) == 0;
    const bool is_user = known && ruid == user.uid && suid == user.uid;
    if (is_user && rgid == egid && sgid == egid) return {};
    if (is_user)
        return Error{ErrorCode::access_denied,
                     "the session runs as " + describe(user) +
                         ", and the real or saved group of this process is another: the session could have that one",
                     "start this as root, or give up all three group ids before (setresgid, not setegid)"};
    return Error{ErrorCode::access_denied,
                 "the session runs as " + describe(user) +
                     ", and the real or saved user of this process is another: the session could become that one",
                 "start this as root, or give up all three user ids before (setresuid, not seteuid)"};
}

bool is_program(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
           ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0;
}

/// Why root does not run it: whoever can change it would be root.
std::optional<Error> of_another_user(const std::string& program) {
    if (::geteuid() != 0) return std::nullopt;
    const auto unsafe = untrusted_component(program);
    if (!unsafe) return std::nullopt;
    return Error{ErrorCode::io_error, program + " is not run as root: " + unsafe->component + " " + unsafe->why,
                 unsafe->cure() + "; or set [session] user of capsule.toml, so that sessions are not root's"};
}

std::string how_to_install(std::string_view name) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> packages{
        {{"claude", "@anthropic-ai/claude-code"}, {"codex", "@openai/codex"}, {"opencode", "opencode-ai"}}};
    for (const auto& [program, package] : packages)
        if (program == name)
            return "install it (npm install -g " + std::string(package) +
                   "), or put its directory into the daemon's or your PATH";
    return "install it, or put its directory into the daemon's or your PATH";
}

/// While this process is still root. A capability that cannot be dropped cannot be gained either, see no_new_privs.
void empty_bounding_set() {
    for (unsigned long each = 0; ::prctl(PR_CAPBSET_READ, each, 0, 0, 0) >= 0; ++each)
        ::prctl(PR_CAPBSET_DROP, each, 0, 0, 0);
}

bool clear_capabilities() {
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);  // fails where the kernel has none, which is as good
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    return ::syscall(SYS_capset, &header, none.data()) == 0;
}

}  // namespace

Result<void> become_user(const SessionUser& user) {
    const std::string hint = "the session's user is [session] user of capsule.toml";
    const bool is_already = has_ids(user);
    if (::geteuid() != 0) {
        if (is_already) return {};
        if (::geteuid() == user.uid) return check_no_other_user(user);
        return Error{ErrorCode::access_denied,
                     "the session runs as " + describe(user) + ", and you are uid " + std::to_string(::geteuid()) +
                         ", who cannot become that user",
                     "run this as root" + (user.uid == 0 ? std::string() : " or as " + user.name) + "; " + hint};
    }
    const std::vector<gid_t> groups(user.groups.begin(), user.groups.end());
    if (is_already && sorted(groups) == sorted(current_groups())) return {};
    leave_session_keyring();
    if (::setgroups(groups.size(), groups.data()) != 0)
        return system_error("cannot take the groups of " + describe(user), errno, hint);
    if (::setresgid(user.gid, user.gid, user.gid) != 0)
        return system_error("cannot take the group of " + describe(user), errno, hint);
    if (::setresuid(user.uid, user.uid, user.uid) != 0)
        return system_error("cannot become " + describe(user), errno, hint);
    // The change of the user has set it to fs.suid_dumpable; 1 lets that user's processes trace this one.
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return system_error("cannot keep others from tracing this process", errno, hint);
    if (user.uid != 0 && !give_up_own_capabilities(Given::for_good))
        return system_error("cannot give up root's capabilities", errno, hint);
    const bool can_return = user.uid != 0 && ::setuid(0) == 0;
    if (!has_ids(user) || can_return || sorted(groups) != sorted(current_groups()))
        return Error{ErrorCode::io_error, "becoming " + describe(user) + " did not take", hint};
    return {};
}

Result<void> become_without_privileges(const SessionUser& user, bool keep) {
    if (keep) return become_user(user);
    // First: from the moment that this process is that user's, a process of that user's may take it over
    // (fs.suid_dumpable), and would gain what a set-uid program gives.
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return system_error("cannot set no_new_privs", errno, "see [session] privileges of capsule.toml");
    if (user.uid != 0) empty_bounding_set();
    if (auto done = become_user(user); !done) return done;
    if (user.uid != 0 && !clear_capabilities())
        return system_error("cannot give up the capabilities", errno, "see [session] privileges of capsule.toml");
    return {};
}

/// Calls that have ended leave what they had on the stack.
[[gnu::noinline]] static void wipe_stack() {
    std::array<char, 256 * 1024> below;
    ::explicit_bzero(below.data(), below.size());
}

void forget_environment() {
    constexpr std::array kept{"TERM", "NO_COLOR"};  // how errors are shown from here on
    std::array<std::optional<std::string>, kept.size()> values;
    for (std::size_t i = 0; i < kept.size(); ++i)
        if (const char* value = std::getenv(kept[i])) values[i] = value;
    for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry)
        ::explicit_bzero(*entry, std::strlen(*entry));
    ::clearenv();
    for (std::size_t i = 0; i < kept.size(); ++i)
        if (values[i]) ::setenv(kept[i], values[i]->c_str(), 1);
    wipe_stack();
}

Result<std::string> find_program(const std::string& name, std::string_view path) {
    if (name.find('/') != std::string::npos) {
        if (name.starts_with('/')) {
            if (const auto unsafe = of_another_user(name)) return *unsafe;
            if (is_program(name)) return name;
        }
        return Error{ErrorCode::io_error, name + " is no program that can be run", how_to_install("")};
    }
    std::optional<Error> left_out;
    for (std::string_view left = path; !left.empty();) {
        const std::size_t end = std::min(left.find(':'), left.size());
        const std::string candidate = std::string(left.substr(0, end)) + "/" + name;
        left.remove_prefix(std::min(end + 1, left.size()));
        if (!candidate.starts_with('/')) continue;
        // First: what another user has mounted may let those wait who look for the file.
        if (auto unsafe = of_another_user(candidate)) {
            if (!left_out) left_out = std::move(unsafe);
        } else if (is_program(candidate)) {
            return candidate;
        }
    }
    if (left_out) return *left_out;
    return Error{ErrorCode::io_error,
                 name + " is not installed: it is not in the session's PATH (" + std::string(path) + ")",
                 how_to_install(name)};
}

std::string title_sequence(std::string_view title, std::string_view terminal_type) {
    if (terminal_type.empty() || terminal_type == "dumb" || terminal_type.starts_with("linux")) return {};
    return "\x1b]0;" + printable(title) + "\x07";
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> out;
    for (const std::string& word : words)
        out.push_back(const_cast<char*>(word.c_str()));
    out.push_back(nullptr);
    return out;
}

Error become_program(const std::string& program, const SpawnResult& session) {
    std::vector<std::string> variables;
    for (const auto& [name, value] : session.env)
        variables.push_back(name + "=" + value);
    const auto argv = pointers(session.argv);
    const auto environment = pointers(variables);
    give_signals_back();
    ::execve(program.c_str(), argv.data(), environment.data());
    const std::string hint = errno == E2BIG     ? "give fewer or shorter arguments"
                             : errno == ENOEXEC ? "its first line must be #! and an interpreter"
                                                : "is it, and what interprets it, whole and of this machine's kind?";
    return system_error("cannot start " + program, errno, hint);
}

}  // namespace capsule
