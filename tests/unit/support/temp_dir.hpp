// A directory for one test, with programs in it.
#pragma once

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace capsule {

class TempDir {
  public:
    TempDir() {
        std::string pattern = (std::filesystem::temp_directory_path() / "capsule-test-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() { std::filesystem::remove_all(path_); }

    const std::string& path() const { return path_; }

    std::string program(const std::string& name, const std::string& script) const {
        const std::string file = path_ + "/" + name;
        const std::string beside = file + ".new";
        std::ofstream(beside) << "#!/bin/sh\n" << script << '\n';
        ::chmod(beside.c_str(), 0755);
        std::filesystem::rename(beside, file);
        return file;
    }

  private:
    std::string path_;
};

}  // namespace capsule
