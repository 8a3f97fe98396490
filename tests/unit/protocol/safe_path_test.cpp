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

TEST_F(SafePath, what_only_root_and_the_trusted_can_change_is_safe_below_a_sticky_directory) {
    EXPECT_EQ(look(last()), std::nullopt);
    EXPECT_EQ(look("/"), std::nullopt);
    EXPECT_EQ(look(last() + "/../last/./"), std::nullopt);
}

TEST_F(SafePath, a_directory_that_group_or_others_may_write_to_is_not_wherever_it_stands) {
    for (const std::string& directory : {last(), above()}) {
        fs::permissions(directory, fs::perms{0775});
        expect_unsafe(last(), directory, "its group may write there");
        fs::permissions(directory, fs::perms{0757});
        expect_unsafe(last(), directory, "everybody may write there");
        fs::permissions(directory, fs::perms{0755});
    }
}

TEST_F(SafePath, the_sticky_bit_helps_above_the_last_one_only) {
    fs::permissions(above(), fs::perms{01777});
    EXPECT_EQ(look(last()), std::nullopt);
    expect_unsafe(above(), above(), "everybody may write there");
}

TEST_F(SafePath, links_are_followed_and_the_way_to_their_target_counts) {
    fs::create_directories(top_ + "/open/safe");
    fs::permissions(top_ + "/open", fs::perms{0777});
    fs::create_symlink("open/safe", top_ + "/link");
    expect_unsafe(top_ + "/link", top_ + "/open", "everybody may write there");
    fs::create_symlink(last(), top_ + "/good");
    EXPECT_EQ(look(top_ + "/good"), std::nullopt);
    fs::create_symlink("round", top_ + "/round");
    expect_unsafe(top_ + "/round", top_ + "/round", "the link cannot be followed");
}

TEST_F(SafePath, another_users_directory_or_link_is_not) {
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

TEST_F(SafePath, what_is_not_there_yet_is_as_safe_as_what_is_above_it) {
    EXPECT_EQ(look(last() + "/new/newer"), std::nullopt);
    fs::permissions(above(), fs::perms{0777});
    expect_unsafe(above() + "/new", above(), "everybody may write there");
}

TEST_F(SafePath, a_file_on_the_way_is_unsafe) {
    std::ofstream(top_ + "/real") << "a file";
    ASSERT_EQ(::symlink("real", (top_ + "/file").c_str()), 0);
    expect_unsafe(top_ + "/file", top_ + "/real", "it is no directory");
}

}  // namespace
}  // namespace capsule
