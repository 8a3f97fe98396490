#include "daemon/process/hardening.hpp"

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "protocol/errors.hpp"

namespace capsule {
namespace {

/// libsystemd reads these by getenv(); none is a secret.
constexpr std::array<std::string_view, 7> for_libraries{
    "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "JOURNAL_STREAM"};

void require(bool done, std::string_view what) {
    if (done) return;
    throw Failure({ErrorCode::internal_error,
                   "cannot harden the process: " + std::string(what) + ": " + std::generic_category().message(errno),
                   "capsuled holds keys and does not start without this protection"});
}

}  // namespace

std::map<std::string, Secret> take_environment() {
    std::map<std::string, Secret> taken;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos)
            taken.insert_or_assign(std::string(text.substr(0, equals)), Secret(text.substr(equals + 1)));
        explicit_bzero(*entry, text.size());
    }
    ::clearenv();
    for (const std::string_view name : for_libraries)
        if (const auto found = taken.find(std::string(name)); found != taken.end())
            ::setenv(found->first.c_str(), std::string(found->second.reveal()).c_str(), 1);
    return taken;
}

void harden_process() {
    require(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, "PR_SET_DUMPABLE");
    require(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "PR_SET_NO_NEW_PRIVS");
    const rlimit no_core{0, 0};
    require(::setrlimit(RLIMIT_CORE, &no_core) == 0, "RLIMIT_CORE");
    rlimit files{};
    require(::getrlimit(RLIMIT_NOFILE, &files) == 0, "RLIMIT_NOFILE");
    // Its own sockets, pipes and files take about twenty; less than that and nobody would ever get an answer.
    constexpr rlim_t fewest = 64;
    if (files.rlim_max < fewest)
        throw Failure({ErrorCode::io_error,
                       "the limit of open files is too low: " + std::to_string(files.rlim_max) + " (ulimit -n)",
                       "raise it to " + std::to_string(fewest) +
                           " or more: LimitNOFILE= of the service, --ulimit "
                           "nofile of the container, ulimit -n in a shell"});
    files.rlim_cur = files.rlim_max;
    require(::setrlimit(RLIMIT_NOFILE, &files) == 0, "RLIMIT_NOFILE");
}

}  // namespace capsule
