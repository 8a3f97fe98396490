#include "daemon/home/scratch_home.hpp"

#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

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

    /// "": nothing stays. It is asked as nobody, whom modes are in the way of; all but "of-root" is that user's.
    std::string why_it_stays(const std::string& home) const {
        constexpr uid_t nobody = 65534;
        int before = -1;
        if (::geteuid() == 0) {
            EXPECT_EQ(::chown(directory_.path().c_str(), nobody, nobody), 0);
            for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory_.path()))
                EXPECT_TRUE(entry.path().filename() == "of-root" ||
                            ::lchown(entry.path().c_str(), nobody, nobody) == 0);
            before = ::setfsuid(nobody);
        }
        const auto removed = remove_scratch_home(home);
        if (before != -1) ::setfsuid(static_cast<uid_t>(before));
        return removed ? "" : removed.error().message;
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
    EXPECT_TRUE(remove_scratch_home(*made));
    EXPECT_TRUE(fs::is_empty(directory_.path() + "/tmp"));
    fs::create_symlink("/proc/self/root/tmp", directory_.path() + "/proc");
    EXPECT_FALSE(make_scratch_home(directory_.path() + "/proc"));
}

TEST_F(ScratchHome, GoesWithAllThatIsInIt) {
    fs::create_directories(home_ + "/a/b/c");
    fill(home_ + "/a/b", 100);
    EXPECT_TRUE(remove_scratch_home(home_));
    EXPECT_FALSE(fs::exists(home_));
    EXPECT_TRUE(remove_scratch_home(home_)) << "nothing is left of it";
}

TEST_F(ScratchHome, GoesWhateverRightsItsOwnerHasTakenFromIt) {
    for (const unsigned mode : {0000U, 0100U, 0200U, 0300U, 0400U, 0500U, 0600U}) {
        const std::string home = *make_scratch_home(directory_.path());
        const std::string nobodys = home + "/a/b";
        fs::create_directories(nobodys);
        fill(nobodys, 3);
        for (const std::string& each : {nobodys, home + "/a", home})
            ASSERT_EQ(::chmod(each.c_str(), mode), 0);
        EXPECT_EQ(why_it_stays(home), "") << std::oct << mode;
        EXPECT_FALSE(fs::exists(home)) << std::oct << mode;
    }
}

TEST_F(ScratchHome, NobodyElsesModeIsChangedForIt) {
    const std::string other = directory_.path() + "/other";
    fs::create_directory(other);
    ASSERT_EQ(::chmod(other.c_str(), 0), 0);
    fs::create_directory(home_ + "/a");
    fs::create_symlink(other, home_ + "/a/link");
    ASSERT_EQ(::chmod((home_ + "/a").c_str(), 0), 0);
    EXPECT_EQ(why_it_stays(home_), "");
    fs::create_symlink(other, home_);
    EXPECT_EQ(why_it_stays(home_), "Not a directory");
    struct stat status {};
    ASSERT_EQ(::stat(other.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0U);
}

// A user cannot remove what is in a directory of another's, here of root's.
TEST_F(ScratchHome, WhatCannotBeRemovedIsTold) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to make what is another user's";
    fs::create_directories(home_ + "/of-root");
    fill(home_ + "/of-root", 1);
    fill(home_, 3);
    EXPECT_EQ(why_it_stays(home_), "Permission denied");
    EXPECT_EQ(std::distance(fs::directory_iterator(home_), fs::directory_iterator()), 1) << "the rest is removed";
}

TEST_F(ScratchHome, LinksInItLeadNowhere) {
    const std::string other = directory_.path() + "/other";
    fs::create_directory(other);
    fill(other, 3);
    fs::create_symlink(other, home_ + "/link");
    EXPECT_TRUE(remove_scratch_home(home_));
    EXPECT_FALSE(fs::exists(home_));
    EXPECT_TRUE(fs::exists(other + "/2"));
}

TEST_F(ScratchHome, WhoMovesMoreIntoItKeepsIt) {
    fill(home_, most_scratch_entries + 100);
    EXPECT_EQ(remove_scratch_home(home_).error().message, "more than 4096 files were in it");
    EXPECT_EQ(std::distance(fs::directory_iterator(home_), fs::directory_iterator()), 100);
    std::string deep = home_;
    for (int i = 0; i < deepest_scratch_directory + 5; ++i)
        deep += "/d";
    fs::create_directories(deep);
    EXPECT_EQ(remove_scratch_home(home_).error().message, "directories in it are more than 32 deep");
    EXPECT_TRUE(fs::exists(deep));
}

// No machine removes that many in a millisecond.
TEST_F(ScratchHome, NoLongerThanThereIsTimeFor) {
    fill(home_, most_scratch_entries - 100);
    set_time_limit(std::chrono::steady_clock::now() + std::chrono::milliseconds(1));
    const auto removed = remove_scratch_home(home_);
    set_time_limit(std::chrono::steady_clock::time_point::max());
    EXPECT_FALSE(removed);
    EXPECT_FALSE(fs::is_empty(home_));
}

}  // namespace
}  // namespace capsule
