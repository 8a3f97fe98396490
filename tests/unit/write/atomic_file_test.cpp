#include "daemon/write/atomic_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temporary_home.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;
using test::becomes;
using test::mode_of;
using test::must;
using test::read_bytes;
using test::TemporaryHome;
using test::write_bytes;

TEST(UpdateFile, CreatesWithItsDirectories) {
    const TemporaryHome home;
    const Updated made = must(update_file(home / "a/b/file", becomes("text")));
    EXPECT_EQ(made.change, FileChange::created);
    EXPECT_EQ(made.mode, 0644U);
    EXPECT_EQ(mode_of(home / "a/b/file"), 0644U);
    EXPECT_EQ(mode_of(home / "a"), 0700U);
    EXPECT_EQ(mode_of(home / "a/b"), 0700U);
    EXPECT_EQ(read_bytes(home / "a/b/file"), "text");
    EXPECT_EQ(std::distance(fs::directory_iterator(home / "a/b"), {}), 1);
}

TEST(UpdateFile, MakesNoDirectoryForNothing) {
    const TemporaryHome home;
    EXPECT_EQ(must(update_file(home / "a/file", becomes(std::nullopt))).change, FileChange::unchanged);
    EXPECT_FALSE(fs::exists(home / "a"));
}

TEST(UpdateFile, KeepsTheModeAndTouchesNothingUnchanged) {
    const TemporaryHome home;
    write_bytes(home / "file", "old");
    ::chmod((home / "file").c_str(), 0640);
    EXPECT_EQ(must(update_file(home / "file", becomes("new"))).mode, 0640U);
    EXPECT_EQ(mode_of(home / "file"), 0640U);
    struct stat before {
    }, after{};
    ::stat((home / "file").c_str(), &before);
    EXPECT_EQ(must(update_file(home / "file", becomes("new"))).change, FileChange::unchanged);
    ::stat((home / "file").c_str(), &after);
    EXPECT_EQ(before.st_ino, after.st_ino);
    EXPECT_EQ(home.entries(), 1U);
}

TEST(UpdateFile, KeepsTheOwner) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const TemporaryHome home;
    write_bytes(home / "file", "old");
    ASSERT_EQ(::chown((home / "file").c_str(), 65534, 65534), 0);
    must(update_file(home / "file", becomes("new")));
    struct stat status {};
    ::stat((home / "file").c_str(), &status);
    EXPECT_EQ(status.st_uid, 65534U);
    EXPECT_EQ(status.st_gid, 65534U);
}

TEST(UpdateFile, ForcesAPrivateMode) {
    const TemporaryHome home;
    EXPECT_EQ(must(update_file(home / "new", becomes("key", true))).mode, 0600U);
    EXPECT_EQ(mode_of(home / "new"), 0600U);
    write_bytes(home / "old", "key");
    ::chmod((home / "old").c_str(), 0644);
    const Updated repaired = must(update_file(home / "old", becomes("key", true)));
    EXPECT_EQ(repaired.change, FileChange::updated);
    EXPECT_EQ(mode_of(home / "old"), 0600U);
    EXPECT_EQ(must(update_file(home / "old", becomes("key", true))).change, FileChange::unchanged);
}

TEST(UpdateFile, Removes) {
    const TemporaryHome home;
    write_bytes(home / "file", "text");
    const Updated removed = must(update_file(home / "file", becomes(std::nullopt)));
    EXPECT_EQ(removed.change, FileChange::removed);
    EXPECT_EQ(removed.mode, 0U);
    EXPECT_EQ(home.entries(), 0U);
}

TEST(UpdateFile, FollowsALinkThatStaysOne) {
    const TemporaryHome home;
    fs::create_directory(home / "dotfiles");
    write_bytes(home / "dotfiles/file", "old");
    fs::create_symlink("dotfiles/hop", home / "file");
    fs::create_symlink("file", home / "dotfiles/hop");
    const Updated updated = must(update_file(home / "file", becomes("new")));
    EXPECT_TRUE(updated.link);
    EXPECT_EQ(updated.change, FileChange::updated);
    EXPECT_TRUE(fs::is_symlink(home / "file"));
    EXPECT_TRUE(fs::is_symlink(home / "dotfiles/hop"));
    EXPECT_EQ(read_bytes(home / "dotfiles/file"), "new");
}

TEST(UpdateFile, CreatesTheTargetOfADanglingLink) {
    const TemporaryHome home;
    fs::create_symlink(home / "elsewhere/file", home / "link");
    EXPECT_EQ(must(update_file(home / "link", becomes("new"))).change, FileChange::created);
    EXPECT_TRUE(fs::is_symlink(home / "link"));
    EXPECT_EQ(read_bytes(home / "elsewhere/file"), "new");
}

TEST(UpdateFile, PassesOnTheTransformsError) {
    const TemporaryHome home;
    write_bytes(home / "file", "old");
    const Error error{ErrorCode::config_conflict, "no", "do"};
    const auto updated = update_file(home / "file", [&](const auto&) -> Result<Wanted> { return error; });
    ASSERT_TRUE(updated.has_error());
    EXPECT_EQ(updated.error(), error);
    EXPECT_EQ(read_bytes(home / "file"), "old");
    EXPECT_EQ(home.entries(), 1U);
}

TEST(PreviewFile, SaysWhatWouldBeAndWritesNothing) {
    const TemporaryHome home;
    EXPECT_EQ(must(preview_file(home / "a/file", becomes("text", true))).change, FileChange::created);
    EXPECT_EQ(must(preview_file(home / "a/file", becomes("text", true))).mode, 0600U);
    EXPECT_EQ(home.entries(), 0U);
    write_bytes(home / "file", "text");
    EXPECT_EQ(must(preview_file(home / "file", becomes("text"))).change, FileChange::unchanged);
    EXPECT_EQ(must(preview_file(home / "file", becomes("other"))).change, FileChange::updated);
    EXPECT_EQ(must(preview_file(home / "file", becomes(std::nullopt))).change, FileChange::removed);
    EXPECT_EQ(read_bytes(home / "file"), "text");
}

TEST(ReadFile, TextOrNone) {
    const TemporaryHome home;
    EXPECT_EQ(*read_file(home / "file"), std::nullopt);
    EXPECT_EQ(*read_file(home / "no/file"), std::nullopt);
    write_bytes(home / "file", "text");
    EXPECT_EQ(*read_file(home / "file"), "text");
    EXPECT_EQ(read_file(home / "file", 3).error().code, ErrorCode::io_error);
    EXPECT_EQ(*read_file(home / "file", 4), "text");
}

}  // namespace
}  // namespace capsule
