// A directory of a test's own, gone when the test is.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace capsule::test {

class TempDir {
  public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

/// Makes the directories above, too. Throws std::runtime_error.
void write_file(const std::filesystem::path& path, std::string_view text);

/// Throws std::runtime_error when it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// The permission bits, as 0600.
mode_t mode_of(const std::filesystem::path& path);

/// Everything below `root` with its content, links not followed: equal means that nothing was touched.
std::string snapshot(const std::filesystem::path& root);

}  // namespace capsule::test
