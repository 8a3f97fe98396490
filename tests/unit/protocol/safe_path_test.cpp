#include "protocol/safe_path.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace capsule {
namespace {

namespace fs = std::filesystem;

class SafePath : public ::testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(::mkdtemp(top_.data()), nullptr);
        fs::create_directories(top_ + "/above/last");
        for (const char* each : {"", "/above", "/above/last"})
            fs::permissions(top_ + each, fs::perms{0755});
    }
    void TearDown() override { fs::remove_all(top_); }

    std::string last() const { return top_ + "/above/last"; }
    std::string above() const { return top_ + "/above"; }
    static std::optional<UnsafePlace> look(const std::string& path) { return who_else_can_change(path, {::geteuid()}); }
    void expect_unsafe(const std::string& path, const std::string& directory, const std::string& reason) const {
        const auto unsafe = look(path);
        ASSERT_TRUE(unsafe);
        EXPECT_EQ(unsafe->directory, directory);
        EXPECT_EQ(unsafe->reason, reason);
    }

    std::string top_ = "/tmp/capsule-safe-XXXXXX";
};

TEST_F(SafePath, WhatOnlyRootAndTheTrustedCanChangeIsSafeBelowAStickyDirectory) {
    EXPECT_EQ(look(last()), std::nullopt);
    EXPECT_EQ(look("/"), std::nullopt);
    EXPECT_EQ(look(last() + "/../last/./"), std::nullopt);
}

TEST_F(SafePath, ADirectoryThatGroupOrOthersMayWriteToIsNotWhereverItStands) {
    for (const std::string& directory : {last(), above()}) {
        fs::permissions(directory, fs::perms{0775});
        expect_unsafe(last(), directory, "its group may write there");
        fs::permissions(directory, fs::perms{0757});
        expect_unsafe(last(), directory, "everybody may write there");
        fs::permissions(directory, fs::perms{0755});
    }
}

TEST_F(SafePath, TheStickyBitHelpsAboveTheLastOneOnly) {
    fs::permissions(above(), fs::perms{01777});
    EXPECT_EQ(look(last()), std::nullopt);
    expect_unsafe(above(), above(), "everybody may write there");
}

TEST_F(SafePath, LinksAreFollowedAndTheWayToTheirTargetCounts) {
    fs::create_directories(top_ + "/open/safe");
    fs::permissions(top_ + "/open", fs::perms{0777});
    fs::create_symlink("open/safe", top_ + "/link");
    expect_unsafe(top_ + "/link", top_ + "/open", "everybody may write there");
    fs::create_symlink(last(), top_ + "/good");
    EXPECT_EQ(look(top_ + "/good"), std::nullopt);
    fs::create_symlink("round", top_ + "/round");
    expect_unsafe(top_ + "/round", top_ + "/round", "the link cannot be followed");
}

TEST_F(SafePath, AnotherUsersDirectoryOrLinkIsNot) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a directory away";
    ASSERT_EQ(::chown(above().c_str(), 65534, 65534), 0);
    const auto unsafe = look(last());
    ASSERT_TRUE(unsafe);
    EXPECT_EQ(unsafe->owner, 65534U);
    EXPECT_EQ(who_else_can_change(last(), {65534}), std::nullopt);
    fs::create_symlink("/", top_ + "/link");
    ASSERT_EQ(::lchown((top_ + "/link").c_str(), 65534, 65534), 0);
    expect_unsafe(top_ + "/link", top_ + "/link", "it belongs to user 65534");
}

TEST_F(SafePath, WhatIsNotThereYetIsAsSafeAsWhatIsAboveIt) {
    EXPECT_EQ(look(last() + "/new/newer"), std::nullopt);
    fs::permissions(above(), fs::perms{0777});
    expect_unsafe(above() + "/new", above(), "everybody may write there");
}

TEST_F(SafePath, WhatOthersCouldMakeThereIsNot) {
    fs::permissions(above(), fs::perms{01777});
    const std::string missing = above() + "/new";
    for (const std::string& path : {missing, missing + "/newer"}) {
        expect_unsafe(path, above(), "everybody may write there, and " + missing + " is not there yet");
        EXPECT_TRUE(look(path)->is_missing);
    }
    fs::create_symlink(missing, top_ + "/link");
    EXPECT_TRUE(look(top_ + "/link"));
    EXPECT_EQ(look(last() + "/new"), std::nullopt) << "below it only its owner makes something";
}

TEST_F(SafePath, AFileOnTheWayIsUnsafe) {
    std::ofstream(top_ + "/real") << "a file";
    ASSERT_EQ(::symlink("real", (top_ + "/file").c_str()), 0);
    expect_unsafe(top_ + "/file", top_ + "/real", "it is no directory");
}

}  // namespace
}  // namespace capsule
