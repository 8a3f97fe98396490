#include "daemon/write/atomic_file.hpp"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "temporary_home.hpp"
#include "tests/support/access_list.hpp"

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

/// Its owner and another user may read it, its group may not.
std::string list_for(std::uint32_t user, std::uint16_t others = 0) {
    return test::AccessList{.owner = 6, .user = user, .users = 4, .group = 0, .mask = 4, .others = others}.text();
}

std::string list_of(const std::string& path) {
    std::array<char, 256> list{};
    const ssize_t size = ::getxattr(path.c_str(), "system.posix_acl_access", list.data(), list.size());
    return size < 0 ? "" : std::string(list.data(), static_cast<std::size_t>(size));
}

// With an access list the mode shows the list's mask where the group's rights would be.
TEST(UpdateFile, KeepsTheAccessListAndGivesTheGroupNothing) {
    const TemporaryHome home;
    const std::string path = home / "file";
    write_bytes(path, "old");
    ::chmod(path.c_str(), 0600);
    const std::string list = list_for(4711);
    if (::setxattr(path.c_str(), "system.posix_acl_access", list.data(), list.size(), 0) != 0)
        GTEST_SKIP() << "needs a file system with access lists";
    ASSERT_EQ(mode_of(path), 0640U);
    must(update_file(path, becomes("new")));
    EXPECT_EQ(mode_of(path), 0640U);
    EXPECT_EQ(list_of(path), list);
    EXPECT_EQ(must(update_file(path, becomes("new"))).change, FileChange::unchanged);
    must(update_file(path, [](const auto&) { return Result<Wanted>(Wanted{.text = "secret", .private_mode = true}); }));
    EXPECT_EQ(mode_of(path), 0600U) << "nobody else's, whatever the list says";
}

TEST(UpdateFile, TakesNoAccessListOfTheDirectorys) {
    const TemporaryHome home;
    const std::string path = home / "file";
    write_bytes(path, "old");
    ::chmod(path.c_str(), 0640);
    const std::string list = list_for(4711);
    if (::setxattr(home.path().c_str(), "system.posix_acl_default", list.data(), list.size(), 0) != 0)
        GTEST_SKIP() << "needs a file system with access lists";
    must(update_file(path, becomes("new")));
    EXPECT_EQ(list_of(path), "");
    EXPECT_EQ(mode_of(path), 0640U);
}

/// A file of another user's, whose group that user is not in, with this list or none. Changes it as that user, and
/// looks whether it is that user's group's now.
void change_with_another_group(const std::string& home, const std::string& path, const std::string& list) {
    write_bytes(path, "old");
    ASSERT_EQ(::chown(home.c_str(), 4711, 4711), 0);
    ASSERT_EQ(::chown(path.c_str(), 4711, 4712), 0);
    ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
    if (!list.empty() && ::setxattr(path.c_str(), "system.posix_acl_access", list.data(), list.size(), 0) != 0)
        GTEST_SKIP() << "needs a file system with access lists";
    const pid_t child = ::fork();
    if (child == 0) {
        if (::setgroups(0, nullptr) != 0 || ::setgid(4711) != 0 || ::setuid(4711) != 0) ::_exit(1);
        const auto updated = update_file(path, becomes("new"));
        if (!updated) ::_exit(2);
        ::_exit(updated->not_copied.find("what its group 4712 may do") != std::string::npos ? 0 : 3);
    }
    int status = 1;
    ::waitpid(child, &status, 0);
    ASSERT_EQ(WEXITSTATUS(status), 0) << "3: the loss is not told";
    struct stat now {};
    ::stat(path.c_str(), &now);
    EXPECT_EQ(now.st_gid, 4711U);
}

// A group that the file cannot be given to has rights of its mode that no other group is to have.
TEST(UpdateFile, GivesNoOtherGroupItsGroupsRights) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const TemporaryHome home;
    change_with_another_group(home.path(), home / "file", "");
    EXPECT_EQ(mode_of(home / "file"), 0604U);
}

// Nor does another group get what the access list says of a group, and whom the list kept out gets in no other way.
TEST(UpdateFile, GivesNoOtherGroupWhatItsGroupMightByAList) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const TemporaryHome home;
    change_with_another_group(home.path(), home / "file", list_for(4713, 4));
    if (testing::Test::IsSkipped()) return;
    EXPECT_EQ(list_of(home / "file"), "");
    EXPECT_EQ(mode_of(home / "file"), 0600U);
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
