#include "daemon/home/scratch_home.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "daemon/base/time_limit.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;

class ScratchHome : public testing::Test {
  protected:
    void fill(const std::string& place, int files) const {
        for (int i = 0; i < files; ++i)
            std::ofstream(place + "/" + std::to_string(i));
    }

    TempDir directory_;
    std::string home_ = *make_scratch_home(directory_.path());
};

TEST_F(ScratchHome, IsForItsOwnerAlone) {
    struct stat status {};
    ASSERT_EQ(::stat(home_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700U);
    EXPECT_FALSE(make_scratch_home(directory_.path() + "/none"));
}

TEST_F(ScratchHome, AFileInItIsItsOwnersAlone) {
    ASSERT_TRUE(write_in_scratch_home(home_, "file", "text"));
    struct stat status {};
    ASSERT_EQ(::stat((home_ + "/file").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
    EXPECT_EQ(status.st_size, 4);
}

TEST_F(ScratchHome, NothingIsWrittenThroughWhatWasPlanted) {
    const std::string precious = directory_.path() + "/precious";
    std::ofstream(precious) << "old";
    fs::create_symlink(precious, home_ + "/link");
    ASSERT_EQ(::mkfifo((home_ + "/fifo").c_str(), 0600), 0);
    EXPECT_FALSE(write_in_scratch_home(home_, "link", "new"));
    EXPECT_FALSE(write_in_scratch_home(home_, "fifo", "new"));
    EXPECT_EQ(fs::file_size(precious), 3U);
    fs::remove_all(home_);
    fs::create_symlink(directory_.path(), home_);
    EXPECT_FALSE(write_in_scratch_home(home_, "precious.new", "new")) << "the home itself is a link";
}

TEST_F(ScratchHome, IsMadeThroughLinksButNotThroughProc) {
    fs::create_directory(directory_.path() + "/tmp");
    fs::create_symlink("tmp", directory_.path() + "/linked");
    const auto made = make_scratch_home(directory_.path() + "/linked");
    ASSERT_TRUE(made);
    EXPECT_TRUE(made->starts_with(directory_.path() + "/linked/capsuled-")) << *made;
    ASSERT_TRUE(write_in_scratch_home(*made, "file", "text"));
    remove_scratch_home(*made);
    EXPECT_TRUE(fs::is_empty(directory_.path() + "/tmp"));
    fs::create_symlink("/proc/self/root/tmp", directory_.path() + "/proc");
    EXPECT_FALSE(make_scratch_home(directory_.path() + "/proc"));
}

TEST_F(ScratchHome, GoesWithAllThatIsInIt) {
    fs::create_directories(home_ + "/a/b/c");
    fill(home_ + "/a/b", 100);
    remove_scratch_home(home_);
    EXPECT_FALSE(fs::exists(home_));
}

TEST_F(ScratchHome, LinksInItLeadNowhere) {
    const std::string other = directory_.path() + "/other";
    fs::create_directory(other);
    fill(other, 3);
    fs::create_symlink(other, home_ + "/link");
    remove_scratch_home(home_);
    EXPECT_FALSE(fs::exists(home_));
    EXPECT_TRUE(fs::exists(other + "/2"));
}

TEST_F(ScratchHome, WhoMovesMoreIntoItKeepsIt) {
    fill(home_, most_scratch_entries + 100);
    remove_scratch_home(home_);
    EXPECT_EQ(std::distance(fs::directory_iterator(home_), fs::directory_iterator()), 100);
    std::string deep = home_;
    for (int i = 0; i < deepest_scratch_directory + 5; ++i)
        deep += "/d";
    fs::create_directories(deep);
    remove_scratch_home(home_);
    EXPECT_TRUE(fs::exists(deep));
}

TEST_F(ScratchHome, NoLongerThanThereIsTimeFor) {
    fill(home_, 10);
    set_time_limit(std::chrono::steady_clock::now());
    remove_scratch_home(home_);
    set_time_limit(std::chrono::steady_clock::time_point::max());
    EXPECT_TRUE(fs::exists(home_ + "/5"));
}

}  // namespace
}  // namespace capsule
