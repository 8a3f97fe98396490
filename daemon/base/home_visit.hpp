// One visit of a home: the names that are looked up there are many, most of them are not there, and they are in few
// directories. Each of these is opened once (home_path.hpp).
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/base/home_path.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {

/// A descriptor that several have.
class SharedFd {
  public:
    SharedFd() = default;
    explicit SharedFd(UniqueFd fd) : fd_(fd ? std::make_shared<const UniqueFd>(std::move(fd)) : nullptr) {}

    int get() const noexcept { return fd_ ? fd_->get() : -1; }
    explicit operator bool() const noexcept { return fd_ != nullptr; }

  private:
    std::shared_ptr<const UniqueFd> fd_;
};

/// As long as there is one, the calling thread knows the directories that it has opened. One at a time.
class HomeVisit {
  public:
    HomeVisit();
    ~HomeVisit();
    HomeVisit(const HomeVisit&) = delete;
    HomeVisit& operator=(const HomeVisit&) = delete;
};

/// open_path() for a directory in which names are looked up. Without a visit each time anew.
SharedFd open_directory(std::string_view path);

/// To be called when a directory has been made.
void forget_directories();

/// The status of what `path` leads to, where the calling thread's identity may access it so. 0, or open_path()'s errno.
int look_up(const std::string& path, struct stat& status, LastLink last = LastLink::followed, int access = F_OK);

}  // namespace capsule
