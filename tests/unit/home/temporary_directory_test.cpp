#include "daemon/home/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "daemon/agents/build.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;

class TemporaryDirectory : public testing::Test {
  protected:
    TemporaryDirectory() {
        home_.same_user = false;
        home_.user = {"agent", ::geteuid(), ::getegid(), {}};
        home_.home = directory_.path() + "/home";
        fs::create_directory(home_.home);
        fs::create_directory(above_);
        fs::permissions(above_, fs::perms::all | fs::perms::sticky_bit);
    }

    /// "": it has none.
    std::string given(ApplyMode mode = ApplyMode::write) {
        plan_.warnings.clear();
        give_temporary_directory(plan_, home_, mode, above_);
        const auto found = plan_.env.find("TMPDIR");
        return found == plan_.env.end() ? "" : std::string(found->second.reveal());
    }

    TempDir directory_;
    std::string above_ = directory_.path() + "/tmp";
    std::string ours_ = above_ + "/capsule-" + std::to_string(::geteuid());
    SessionHome home_;
    Plan plan_;
};

TEST_F(TemporaryDirectory, IsMadeForTheSessionsUserAlone) {
    EXPECT_EQ(given(ApplyMode::preview), ours_);
    EXPECT_FALSE(fs::exists(ours_)) << "explain makes nothing";
    plan_.env.clear();
    EXPECT_EQ(given(), ours_);
    struct stat status {};
    ASSERT_EQ(::lstat(ours_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0700U);
    plan_.env.clear();
    EXPECT_EQ(given(), ours_) << "the next session has the same";
    EXPECT_TRUE(plan_.warnings.empty());
}

TEST_F(TemporaryDirectory, IsNotGivenWhereThereIsOneOrTheUserIsTheDaemons) {
    set_variable(plan_, "TMPDIR", "/var/tmp", "[env]");
    EXPECT_EQ(given(), "/var/tmp");
    plan_.env.clear();
    home_.same_user = true;
    home_.user.uid = 1000;
    EXPECT_EQ(given(), "");
    EXPECT_TRUE(fs::is_empty(above_));
    EXPECT_TRUE(plan_.warnings.empty());
}

// With the key, and all else that root can do, in the hands of whoever made the names first.
TEST_F(TemporaryDirectory, IsMadeForRootAlsoWhereTheDaemonIsRoot) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to make root's directory";
    home_.same_user = true;
    EXPECT_EQ(given(), ours_);
    fs::remove(ours_);
    fs::create_directory(ours_);
    fs::permissions(ours_, fs::perms::owner_all);
    ASSERT_EQ(::chown(ours_.c_str(), 65534, 65534), 0);
    plan_.env.clear();
    EXPECT_EQ(given(), home_.home + "/.capsule-tmp") << "another user made it first";
    plan_.env.clear();
    set_variable(plan_, "TMPDIR", "/var/tmp", "[env]");
    EXPECT_EQ(given(), "/var/tmp");
    EXPECT_TRUE(plan_.warnings.empty());
}

TEST_F(TemporaryDirectory, OfRootsSessionIsNoneThatAnotherUserCanChange) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a directory away";
    home_.same_user = true;
    const std::string theirs = directory_.path() + "/theirs";
    fs::create_directory(theirs);
    ASSERT_EQ(::chown(theirs.c_str(), 65534, 65534), 0);
    set_variable(plan_, "TMPDIR", theirs, "daemon environment");
    EXPECT_EQ(given(), ours_);
    ASSERT_EQ(plan_.warnings.size(), 1U);
    EXPECT_EQ(plan_.warnings.front().code, "session.tmpdir");
    EXPECT_THAT(plan_.warnings.front().message, testing::HasSubstr(theirs + " (daemon environment)"));
}

TEST_F(TemporaryDirectory, IsNoneThatOthersMade) {
    const std::string in_home = home_.home + "/.capsule-tmp";
    const auto expect_in_home = [&](const char* what) {
        plan_.env.clear();
        EXPECT_EQ(given(), in_home) << what;
        fs::remove_all(ours_);
    };
    fs::create_directory(above_ + "/elsewhere");
    fs::permissions(above_ + "/elsewhere", fs::perms::owner_all);
    fs::create_directory_symlink(above_ + "/elsewhere", ours_);
    expect_in_home("a link");
    fs::create_directory(ours_);
    fs::permissions(ours_, fs::perms::all);
    expect_in_home("one that others can write to");
    if (::geteuid() == 0) {
        fs::create_directory(ours_);
        fs::permissions(ours_, fs::perms::owner_all);
        ASSERT_EQ(::chown(ours_.c_str(), 65534, 65534), 0);
        expect_in_home("another user's");
    }
    fs::permissions(above_, fs::perms::all);
    expect_in_home("in a directory where others can replace it");
}

TEST_F(TemporaryDirectory, SaysWhereItIsMissing) {
    fs::create_directory_symlink(above_, ours_);
    fs::create_directory_symlink(above_, home_.home + "/.capsule-tmp");
    EXPECT_EQ(given(), "");
    ASSERT_EQ(plan_.warnings.size(), 1U);
    EXPECT_EQ(plan_.warnings.front().code, "session.tmpdir");
    EXPECT_THAT(plan_.warnings.front().message, testing::HasSubstr(ours_));
}

}  // namespace
}  // namespace capsule
