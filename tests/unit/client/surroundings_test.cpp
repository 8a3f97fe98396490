// The files that verify writes for an agent's trial, where the agent's user has put others in their place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "client/verify/start.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;

TEST(VerifySurroundings, AFifoOrALinkInTheProjectIsReplacedAndNotOpened) {
    const TempDir dir;
    const fs::path project = fs::path(dir.path()) / "project", victim = fs::path(dir.path()) / "victim";
    write_project(project, 1);
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(project))
        if (entry.is_regular_file()) files.push_back(entry.path());
    ASSERT_GE(files.size(), 3U);
    std::ofstream(victim) << "as it was";
    for (std::size_t i = 0; i < files.size(); ++i) {
        fs::remove(files[i]);
        if (i == 0)
            fs::create_symlink(victim, files[i]);
        else
            ASSERT_EQ(::mkfifo(files[i].c_str(), 0600), 0);
    }
    write_project(project, 1);  // would wait for a reader
    for (const fs::path& file : files)
        EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(file))) << file;
    std::ifstream kept(victim);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(kept), {}), "as it was");
}

}  // namespace
}  // namespace capsule
