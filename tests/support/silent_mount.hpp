// A file system whose server does not answer: whoever looks for a name in it waits.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include "protocol/unique_fd.hpp"

namespace capsule::test {

/// Whether this process can mount what nobody else sees. From then on it has mounts of its own.
inline bool has_mounts_of_its_own() {
    return ::geteuid() == 0 && ::access("/dev/fuse", R_OK | W_OK) == 0 && ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

class SilentMount {
  public:
    /// As if that user had mounted it. Throws std::system_error.
    explicit SilentMount(std::filesystem::path path, uid_t user = 0)
        : path_(std::move(path)), server_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
        const std::string options = "fd=" + std::to_string(server_.get()) +
                                    ",rootmode=40755,user_id=" + std::to_string(user) + ",group_id=0,allow_other";
        if (!server_ || ::mount("silent", path_.c_str(), "fuse", 0, options.c_str()) != 0)
            throw std::system_error(errno, std::generic_category(), "cannot mount " + path_.string());
    }
    SilentMount(const SilentMount&) = delete;
    SilentMount& operator=(const SilentMount&) = delete;
    ~SilentMount() { ::umount2(path_.c_str(), MNT_DETACH); }

    /// From now on all of it is "Transport endpoint is not connected".
    void end_server() { server_ = UniqueFd(); }

  private:
    std::filesystem::path path_;
    UniqueFd server_;
};

}  // namespace capsule::test
