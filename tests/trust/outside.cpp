#include "tests/trust/outside.hpp"

#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace capsule::test {

namespace fs = std::filesystem;

AsUser::AsUser(Identity identity, const std::vector<gid_t>& groups) {
    if (setgroups(groups.size(), groups.data()) != 0 || setegid(identity.gid) != 0 || seteuid(identity.uid) != 0)
        throw std::runtime_error("cannot become another user");
}

AsUser::~AsUser() {
    // A test that stays another user would prove nothing any more.
    if (seteuid(0) != 0 || setegid(0) != 0 || setgroups(0, nullptr) != 0) std::abort();
}

std::string proc_path(pid_t pid, std::string_view entry) {
    return "/proc/" + std::to_string(pid) + "/" + std::string(entry);
}

std::string status_field(pid_t pid, std::string_view name) {
    std::ifstream in(proc_path(pid, "status"));
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(std::string(name) + ":")) {
            const std::size_t value = line.find_first_not_of(" \t", name.size() + 1);
            return value == std::string::npos ? "" : line.substr(value);
        }
    throw std::runtime_error("no " + std::string(name) + " in /proc/<pid>/status");
}

long resident_kib(pid_t pid, std::string_view field) {
    return std::stol(status_field(pid, field));
}

std::size_t open_descriptors(pid_t pid) {
    const fs::directory_iterator entries(proc_path(pid, "fd"));
    return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

int errno_of_open(const fs::path& path) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return errno;
    close(descriptor);
    return 0;
}

void each_writable_mapping(pid_t pid, const std::function<void(std::string_view, const std::string&)>& look) {
    const int memory = open(proc_path(pid, "mem").c_str(), O_RDONLY | O_CLOEXEC);
    if (memory < 0) throw std::runtime_error("cannot read the process's memory: it takes root with CAP_SYS_PTRACE");
    std::ifstream maps(proc_path(pid, "maps"));
    for (std::string line; std::getline(maps, line);) {
        std::istringstream in(line);
        std::uint64_t from = 0;
        std::uint64_t to = 0;
        char dash = 0;
        std::string mode, offset, device, inode, name;
        in >> std::hex >> from >> dash >> to >> mode >> offset >> device >> inode >> name;
        if (!mode.starts_with("rw")) continue;
        std::string bytes(to - from, '\0');
        std::size_t got = 0;
        while (got < bytes.size()) {
            const ssize_t count = pread(memory, bytes.data() + got, bytes.size() - got, static_cast<off_t>(from + got));
            if (count <= 0) break;
            got += static_cast<std::size_t>(count);
        }
        look(std::string_view(bytes).substr(0, got), name);
    }
    close(memory);
}

bool eventually(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!holds()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
}

}  // namespace capsule::test
