// What somebody beside the daemon can do and see: be another user, look at the process in /proc, read its memory.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/command.hpp"

namespace capsule::test {

/// Sanitizers keep freed memory back: what the daemon then holds says nothing about it.
#if defined(CAPSULE_SANITIZED)  // by CMake: the tests themselves are not instrumented
inline constexpr bool memory_is_the_daemons_own = false;
#else
inline constexpr bool memory_is_the_daemons_own = true;
#endif

/// This process as another user, for file access, connections and signals, until the end of the scope. Needs root.
class AsUser {
  public:
    explicit AsUser(Identity identity, const std::vector<gid_t>& groups = {});
    ~AsUser();
    AsUser(const AsUser&) = delete;
    AsUser& operator=(const AsUser&) = delete;
};

std::string proc_path(pid_t pid, std::string_view entry);

/// A field of /proc/<pid>/status, as "NoNewPrivs". Throws std::runtime_error when there is none.
std::string status_field(pid_t pid, std::string_view name);

/// Resident memory in KiB: now (VmRSS), or at its highest (VmHWM).
long resident_kib(pid_t pid, std::string_view field = "VmRSS");

/// How many descriptors it has open. Needs root: the daemon is not dumpable.
std::size_t open_descriptors(pid_t pid);

/// errno of opening it for reading, 0 when it opened.
int errno_of_open(const std::filesystem::path& path);

/// Calls `look` with each writable mapping's bytes, and its name. Needs CAP_SYS_PTRACE.
void each_writable_mapping(pid_t pid, const std::function<void(std::string_view bytes, const std::string& name)>& look);

/// Waits until `holds`; false after ten seconds.
bool eventually(const std::function<bool()>& holds);

}  // namespace capsule::test
