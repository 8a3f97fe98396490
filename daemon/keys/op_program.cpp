#include "daemon/keys/op_program.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "daemon/keys/quotable_path.hpp"
#include "daemon/users/users.hpp"
#include "protocol/trusted_path.hpp"

namespace capsule {
namespace {

bool can_be_executed(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
           ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0;
}

/// Somebody may have added op's arguments, with its token. What is above the component was looked at: it is a path.
Error untrusted(const std::string& path, UntrustedPath problem) {
    problem.component = without_arguments(problem.component);
    return {ErrorCode::key_error,
            "1Password's op is not run as " + without_arguments(path) + ": " + problem.component + " " + problem.why,
            problem.cure() + " ([keys] op)"};
}

}  // namespace

Result<std::string> find_op(const std::optional<std::string>& configured) {
    if (configured) {
        // Before anything of it is looked at.
        if (const auto problem = untrusted_component(*configured)) return untrusted(*configured, *problem);
        if (can_be_executed(*configured)) return *configured;
        return Error{ErrorCode::key_error, "[keys] op: " + quotable_path(*configured) + " cannot be executed",
                     "install the 1Password CLI there, or name the place where it is: a path alone, no arguments"};
    }
    std::optional<Error> first;
    for (std::string_view left = trusted_directories; !left.empty();) {
        const std::size_t end = std::min(left.find(':'), left.size());
        const std::string path = std::string(left.substr(0, end)) + "/op";
        left.remove_prefix(std::min(end + 1, left.size()));
        const auto problem = untrusted_component(path);
        if (!problem && can_be_executed(path)) return path;
        if (problem && !first) first = untrusted(path, *problem);
    }
    if (first) return *first;
    return Error{ErrorCode::key_error, "1Password's op is not installed",
                 "install the 1Password CLI in /usr/bin or /usr/local/bin (the daemon's PATH is not searched), name "
                 "its path as [keys] op, or store the key itself"};
}

bool is_ops_to_use(const std::string& path) {
    // Where the daemon is not root, op is nobody that another user could gain from.
    return path.starts_with('/') && (::geteuid() != 0 || !untrusted_directory(path));
}

std::optional<std::string> op_home(const std::optional<std::string>& daemons) {
    // What it makes there: in /tmp somebody else could make it first.
    const auto good = [](const std::string& home) {
        return is_ops_to_use(home + "/.config/op") && is_ops_to_use(home + "/.op");
    };
    if (daemons && good(*daemons)) return daemons;
    const auto entry = find_user(::geteuid());
    return entry && good(entry->home) ? std::optional(entry->home) : std::nullopt;
}

}  // namespace capsule
