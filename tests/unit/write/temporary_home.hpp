// A directory of a test's own, gone afterwards.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "daemon/write/atomic_file.hpp"

namespace capsule::test {

inline std::string read_bytes(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void write_bytes(const std::string& path, const std::string& text) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
}

/// A link's own mode, not that of what it names.
inline mode_t mode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0);
    return status.st_mode & 0777U;
}

/// What a request gave; fails the test where it failed.
template <class T>
T must(const Result<T>& result) {
    EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
    return result ? *result : T{};
}

/// The file shall be that, whatever it was; nothing: it shall be gone.
inline Transform becomes(std::optional<std::string> text, bool private_mode = false) {
    return [=](const std::optional<std::string>&) -> Result<Wanted> { return Wanted{text, private_mode}; };
}

class TemporaryHome {
  public:
    TemporaryHome() {
        std::string name = "/tmp/capsule-write-XXXXXX";
        path_ = ::mkdtemp(name.data());
        std::filesystem::permissions(path_, std::filesystem::perms(0755));
    }
    TemporaryHome(const TemporaryHome&) = delete;
    TemporaryHome& operator=(const TemporaryHome&) = delete;
    ~TemporaryHome() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    const std::string& path() const { return path_; }

    std::size_t entries() const {
        const std::filesystem::directory_iterator all(path_);
        return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    }

  private:
    std::string path_;
};

}  // namespace capsule::test
