#include "tests/e2e/namespaces.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "client/recorder/loopback.hpp"

namespace capsule::e2e {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(
        what + ": " + std::strerror(errno) +
        "\nThe end-to-end tests need unprivileged user namespaces (`unshare -rmn true` must work; in "
        "a container, allow unshare and mount in its seccomp profile).");
}

void write_proc(const char* path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    if (!file) fail(std::string("cannot write ") + path);
}

/// Puts a file of this content over `path`, for this process and its children alone.
void cover(const fs::path& directory, const char* path, const std::string& content) {
    const fs::path source = directory / fs::path(path).filename();
    std::ofstream(source) << content;
    if (mount(source.c_str(), path, nullptr, MS_BIND, nullptr) != 0) fail(std::string("cannot cover ") + path);
}

}  // namespace

void enter_namespaces(const std::vector<std::string>& names) {
    const auto uid = std::to_string(getuid());
    const auto gid = std::to_string(getgid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0) fail("unshare");
    write_proc("/proc/self/setgroups", "deny");
    write_proc("/proc/self/uid_map", "0 " + uid + " 1");
    write_proc("/proc/self/gid_map", "0 " + gid + " 1");
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail("cannot make mounts private");
    if (!bring_loopback_up()) fail("cannot bring loopback up");

    std::string directory = (fs::temp_directory_path() / "capsule-e2e-XXXXXX").string();
    if (mkdtemp(directory.data()) == nullptr) fail("mkdtemp");
    std::string lines = "127.0.0.1 localhost\n";
    for (const auto& host : names)
        lines += "127.0.0.1 " + host + "\n";
    cover(directory, "/etc/hosts", lines);
    // Nothing listens there, so that an unknown name fails at once and not after a resolver's time limit.
    cover(directory, "/etc/resolv.conf", "nameserver 127.0.0.1\n");
    fs::remove_all(directory);  // the mounts keep the files
}

}  // namespace capsule::e2e
