// A file whose bytes never come: whoever reads it waits, and so does the kernel that copies from a mapping of it.
#pragma once

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>

#include "protocol/unique_fd.hpp"

namespace capsule::test {

/// Needs has_mounts_of_its_own() (silent_mount.hpp).
class SilentFile {
  public:
    /// Everybody may read it. After that time whoever waits gets an error. Throws std::system_error.
    SilentFile(std::filesystem::path path, std::chrono::seconds limit)
        : path_(std::move(path)),
          device_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)),
          end_(std::chrono::steady_clock::now() + limit) {
        const UniqueFd place(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
        const std::string options =
            "fd=" + std::to_string(device_.get()) + ",rootmode=100644,user_id=0,group_id=0,allow_other";
        if (!device_ || !place || ::mount("silent", path_.c_str(), "fuse", 0, options.c_str()) != 0)
            throw std::system_error(errno, std::generic_category(), "cannot mount " + path_.string());
        server_ = std::thread([this] { serve(); });
    }
    SilentFile(const SilentFile&) = delete;
    SilentFile& operator=(const SilentFile&) = delete;
    ~SilentFile() {
        is_over_ = true;
        server_.join();
        ::umount2(path_.c_str(), MNT_DETACH);
    }

    const std::filesystem::path& path() const { return path_; }
    bool was_read() const { return was_read_; }
    /// From now on whoever waits gets an error.
    void end() { is_over_ = true; }

  private:
    void serve() {
        alignas(fuse_in_header) std::array<char, 1 << 17> request{};
        while (!is_over_ && std::chrono::steady_clock::now() < end_) {
            pollfd asked{device_.get(), POLLIN, 0};
            if (::poll(&asked, 1, 50) != 1) continue;
            if (::read(device_.get(), request.data(), request.size()) <= 0) continue;
            fuse_in_header head{};
            std::memcpy(&head, request.data(), sizeof head);
            answer(head);
        }
        device_ = UniqueFd();
    }

    void answer(const fuse_in_header& head) {
        if (head.opcode == FUSE_READ) was_read_ = true;
        if (head.opcode == FUSE_READ || head.opcode == FUSE_FORGET || head.opcode == FUSE_INTERRUPT) return;
        fuse_init_out first{};
        first.major = 7;
        first.minor = 31;
        first.max_write = 4096;
        fuse_attr_out attributes{};
        attributes.attr.ino = 1;
        attributes.attr.size = 65536;
        attributes.attr.mode = S_IFREG | 0644;
        attributes.attr.nlink = 1;
        const fuse_open_out opened{};
        if (head.opcode == FUSE_INIT)
            reply(head, 0, &first, sizeof first);
        else if (head.opcode == FUSE_GETATTR)
            reply(head, 0, &attributes, sizeof attributes);
        else if (head.opcode == FUSE_OPEN)
            reply(head, 0, &opened, sizeof opened);
        else
            reply(head, -ENOSYS, nullptr, 0);
    }

    void reply(const fuse_in_header& head, int error, const void* body, std::size_t size) const {
        const fuse_out_header out{static_cast<std::uint32_t>(sizeof out + size), error, head.unique};
        std::string bytes(reinterpret_cast<const char*>(&out), sizeof out);
        if (size > 0) bytes.append(static_cast<const char*>(body), size);
        [[maybe_unused]] const auto written = ::write(device_.get(), bytes.data(), bytes.size());
    }

    std::filesystem::path path_;
    UniqueFd device_;
    std::chrono::steady_clock::time_point end_;
    std::atomic<bool> is_over_ = false, was_read_ = false;
    std::thread server_;
};

}  // namespace capsule::test
