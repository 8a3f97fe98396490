#include "daemon/sessions/process_life.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <charconv>

namespace capsule {
namespace {

// Of linux/magic.h and asm-generic/socket.h; Debian 12's headers are older than these.
constexpr auto pid_file_system = 0x50494446;
constexpr int so_peerpidfd = 77;

/// A small file of /proc.
std::string read_proc(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 2048> text{};
    const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : -1;
    return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

/// A pidfd. None: no process of this PID namespace has that pid, or no descriptor is left (errno).
UniqueFd open_process(pid_t pid) {
    return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

/// As ProcessIdentity::inode. Before Linux 6.9 all pidfds of a machine have one inode.
std::uint64_t inode_of(const UniqueFd& process) {
    struct statfs system {};
    struct stat status {};
    if (!process || ::fstatfs(process.get(), &system) != 0 || system.f_type != pid_file_system) return 0;
    return ::fstat(process.get(), &status) == 0 ? status.st_ino : 0;
}

}  // namespace

std::uint64_t inode_of_peer(int socket) {
    int descriptor = -1;
    socklen_t size = sizeof descriptor;
    if (::getsockopt(socket, SOL_SOCKET, so_peerpidfd, &descriptor, &size) != 0) return 0;
    return inode_of(UniqueFd(descriptor));
}

std::uint64_t ticks_since_boot() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    constexpr std::uint64_t nanoseconds = 1'000'000'000;
    return static_cast<std::uint64_t>(now.tv_sec) * per_second +
           static_cast<std::uint64_t>(now.tv_nsec) * per_second / nanoseconds;
}

std::optional<ProcessIdentity> process_with(pid_t pid) {
    const UniqueFd process = open_process(pid);
    if (!process) return std::nullopt;
    const std::uint64_t inode = inode_of(process);
    return inode != 0 ? ProcessIdentity{pid, 0, inode} : process_by_start(pid);
}

std::optional<ProcessIdentity> process_by_start(pid_t pid) {
    if (pid <= 0) return std::nullopt;
    const std::string stat = read_proc("/proc/" + std::to_string(pid) + "/stat");
    // The program's name may hold anything, a ')' too: what follows the last one is fields 3 and on.
    const std::size_t name_end = stat.rfind(") ");
    if (name_end == stat.npos) return std::nullopt;
    constexpr int start_time = 22, first = 3;
    std::size_t at = name_end + 2;
    for (int field = first; field < start_time && at != stat.npos; ++field) {
        at = stat.find(' ', at);
        if (at != stat.npos) ++at;
    }
    ProcessIdentity out{.pid = pid};
    if (at == stat.npos || std::from_chars(stat.data() + at, stat.data() + stat.size(), out.started).ec != std::errc())
        return std::nullopt;
    return out;
}

std::optional<UniqueFd> watch_process(const ProcessIdentity& process) {
    UniqueFd descriptor = open_process(process.pid);
    if (!descriptor) return std::nullopt;
    // From here on the descriptor means one process, whoever has the pid later: is it the right one?
    if (process.inode != 0)
        return inode_of(descriptor) == process.inode ? std::optional(std::move(descriptor)) : std::nullopt;
    const auto now = process_by_start(process.pid);
    if (!now || now->started != process.started) return std::nullopt;
    return descriptor;
}

const std::string& boot_id() {
    static const std::string id = [] {
        std::string text = read_proc("/proc/sys/kernel/random/boot_id");
        while (text.ends_with('\n'))
            text.pop_back();
        return text;
    }();
    return id;
}

}  // namespace capsule
