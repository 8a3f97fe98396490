// What a user gave a file beside its text: extended attributes, a second name.
#include "daemon/write/attributes.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <map>

#include "daemon/agents/codex/own_files.hpp"
#include "daemon/base/time_limit.hpp"
#include "daemon/write/apply.hpp"
#include "protocol/unique_fd.hpp"
#include "temporary_home.hpp"
#include "tests/support/child.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;
using test::becomes;
using test::in_child;
using test::mode_of;
using test::must;
using test::read_bytes;
using test::TemporaryHome;
using test::write_bytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Attributes = std::map<std::string, std::string>;

/// False on a file system without them, or without room for them.
bool give(int fd, const Attributes& attributes) {
    for (const auto& [name, value] : attributes)
        if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0) return false;
    return true;
}

Attributes attributes_of(int fd) {
    std::string list(65536, '\0');
    const ssize_t size = ::flistxattr(fd, list.data(), list.size());
    Attributes found;
    for (std::size_t at = 0; size > 0 && at < static_cast<std::size_t>(size); at += std::string(&list[at]).size() + 1) {
        const std::string name(&list[at]);
        std::string value(65536, '\0');
        const ssize_t bytes = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
        if (name.starts_with("user.")) found[name] = value.substr(0, bytes < 0 ? 0 : static_cast<std::size_t>(bytes));
    }
    return found;
}

UniqueFd opened(const std::string& path) {
    return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

/// So many of them, each with this value.
Attributes many(int count, const std::string& value) {
    Attributes out;
    for (int i = 0; i < count; ++i)
        out["user.n" + std::to_string(i)] = value;
    return out;
}

TEST(UserAttributes, AreKept) {
    const TemporaryHome home;
    const std::string path = home / "config.toml";
    const Attributes given{
        {"user.origin", "https://dotfiles.example"}, {"user.xdg.tags", std::string("a\0b\xff", 4)}, {"user.empty", ""}};
    write_bytes(path, "old");
    if (!give(opened(path).get(), given)) GTEST_SKIP() << "needs a file system with extended attributes";
    const Updated updated = must(update_file(path, becomes("new")));
    EXPECT_EQ(updated.not_copied, "");
    EXPECT_EQ(read_bytes(path), "new");
    EXPECT_EQ(attributes_of(opened(path).get()), given);
    must(update_file(path, becomes("newer", true)));
    EXPECT_EQ(attributes_of(opened(path).get()), given);
    EXPECT_EQ(home.entries(), 1U);
}

// A mode that keeps its own user from writing to a file keeps that user from setting its attributes, too.
TEST(UserAttributes, OfAFileThatNobodyMayWriteToAreKept) {
    const TemporaryHome home;
    const std::string path = home / "config.toml";
    write_bytes(path, "old");
    if (!give(opened(path).get(), {{"user.origin", "mine"}}))
        GTEST_SKIP() << "needs a file system with extended attributes";
    ASSERT_EQ(::chmod(path.c_str(), 0400), 0);
    if (::geteuid() == 0) {
        ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
        ASSERT_EQ(::chown(home.path().c_str(), 65534, 65534), 0);
    }
    in_child([&] {
        if (::geteuid() == 0) {
            ASSERT_EQ(::setresgid(65534, 65534, 65534), 0);
            ASSERT_EQ(::setresuid(65534, 65534, 65534), 0);
        }
        EXPECT_EQ(must(update_file(path, becomes("new"))).not_copied, "");
    });
    EXPECT_EQ(mode_of(path), 0400U);
    EXPECT_EQ(attributes_of(opened(path).get()), (Attributes{{"user.origin", "mine"}}));
}

TEST(UserAttributes, ThatCannotBeCopiedAreTold) {
    const TemporaryHome home;
    const std::string path = home / "config.toml";
    const auto changed_without = [&](long call, int error) {
        in_child([&] {
            test::forbid(call, error);
            const std::string lost = must(update_file(path, becomes(error == ENOSPC ? "new" : "newer"))).not_copied;
            write_bytes(home / "lost", lost);
        });
        return read_bytes(home / "lost");
    };
    write_bytes(path, "old");
    if (!give(opened(path).get(), {{"user.or\x1bgin", "mine"}}))
        GTEST_SKIP() << "needs a file system with extended attributes";
    EXPECT_EQ(changed_without(SYS_flistxattr, EIO), "its extended attributes, if it has any (Input/output error)");
    EXPECT_EQ(read_bytes(path), "newer");
    ASSERT_TRUE(give(opened(path).get(), {{"user.or\x1bgin", "mine"}}));
    EXPECT_EQ(changed_without(SYS_fsetxattr, ENOSPC), "its extended attribute user.or gin (No space left on device)");
    EXPECT_EQ(read_bytes(path), "new");
    EXPECT_EQ(changed_without(SYS_flistxattr, ENOTSUP), "") << "a file system that has none";
}

TEST(UserAttributes, SoManyAreCopiedAndTheRestIsTold) {
    const TemporaryHome home;
    const std::string path = home / "config.toml";
    write_bytes(path, "old\n");
    if (!give(opened(path).get(), many(103, "v"))) GTEST_SKIP() << "needs a file system that can have so many";
    const Updated updated = must(update_file(path, becomes("new")));
    EXPECT_THAT(updated.not_copied, HasSubstr("3 of its extended attributes (the first is user.n"));
    EXPECT_THAT(updated.not_copied, HasSubstr(": only 100 are copied)"));
    EXPECT_EQ(attributes_of(opened(path).get()).size(), 100U);
    EXPECT_EQ(must(update_file(path, becomes("newer"))).not_copied, "");
}

TEST(UserAttributes, SoMuchIsCopiedAndTheRestIsTold) {
    std::array<std::string, 2> names{"/dev/shm/capsule-attributes-XXXXXX", "/dev/shm/capsule-attributes-XXXXXX"};
    const UniqueFd from(::mkstemp(names[0].data())), to(::mkstemp(names[1].data()));
    for (const std::string& name : names)
        ::unlink(name.c_str());
    if (!from || !to || !give(from.get(), many(4, std::string(20'000, 'v'))))
        GTEST_SKIP() << "needs a tmpfs with extended attributes (Linux 6.6)";
    std::string not_copied;
    EXPECT_EQ(copy_attributes(from.get(), to.get(), not_copied), 0);
    EXPECT_THAT(not_copied, HasSubstr("its extended attribute user.n"));
    EXPECT_THAT(not_copied, HasSubstr(" (only 64 KiB of them are copied)"));
    EXPECT_EQ(attributes_of(to.get()).size(), 3U);
}

// Whose file system takes its time with each of a hundred.
TEST(UserAttributes, AreNotCopiedWhenTheTimeIsUp) {
    const TemporaryHome home;
    const std::string path = home / "config.toml";
    write_bytes(path, "old");
    write_bytes(home / "new", "new");
    const UniqueFd from = opened(path), to = opened(home / "new");
    if (!give(from.get(), many(3, "v"))) GTEST_SKIP() << "needs a file system with extended attributes";
    const auto now = std::chrono::steady_clock::now();
    set_time_limit(now - std::chrono::seconds(1));
    std::string not_copied;
    EXPECT_EQ(copy_attributes(from.get(), to.get(), not_copied), ETIME);
    set_time_limit(now + std::chrono::hours(1));
    EXPECT_THAT(attributes_of(to.get()), IsEmpty());
}

TEST(UserAttributes, WithoutAnyThereIsNothingToTell) {
    const UniqueFd none(::open("/dev/null", O_RDWR | O_CLOEXEC));
    std::string not_copied;
    EXPECT_EQ(copy_attributes(none.get(), none.get(), not_copied), 0);
    EXPECT_EQ(not_copied, "");
}

TEST(SecondName, KeepsWhatTheFileHadAndThatIsSaidOnce) {
    const TemporaryHome home;
    const std::string path = home / "config.toml";
    write_bytes(path, "old");
    fs::create_hard_link(path, home / "other");
    EXPECT_FALSE(must(update_file(path, becomes("old"))).had_another_name) << "nothing is written";
    EXPECT_FALSE(must(preview_file(path, becomes("new"))).had_another_name);
    EXPECT_TRUE(must(update_file(path, becomes("new"))).had_another_name);
    EXPECT_EQ(read_bytes(home / "other"), "old");
    EXPECT_EQ(read_bytes(path), "new");
    EXPECT_FALSE(must(update_file(path, becomes("newer"))).had_another_name);
    fs::remove(home / "other");
    fs::create_hard_link(path, home / "other");
    EXPECT_TRUE(must(update_file(path, becomes(std::nullopt))).had_another_name);
    EXPECT_EQ(read_bytes(home / "other"), "newer");
}

// The mode belongs to both names: no new file is needed.
TEST(SecondName, StaysWhereOnlyTheModeIsMended) {
    const TemporaryHome home;
    write_bytes(home / "file", "key");
    ASSERT_EQ(::chmod((home / "file").c_str(), 0644), 0);
    fs::create_hard_link(home / "file", home / "other");
    EXPECT_FALSE(must(update_file(home / "file", becomes("key", true))).had_another_name);
    EXPECT_EQ(mode_of(home / "other"), 0600U);
}

std::vector<std::string> warned(const FileIntent& intent, ApplyMode mode) {
    std::vector<std::string> out;
    for (const Warning& warning : must(apply({intent}, mode, ApplyFor::session)).warnings) {
        EXPECT_THAT(warning.message, HasSubstr(intent.path));
        out.push_back(warning.code);
    }
    return out;
}

TEST(OldFile, WhatItHadBesideItsTextIsTold) {
    const TemporaryHome home;
    const std::string path = home / "config.toml";
    const FileIntent block = file_intent(
        TomlBlockIntent{path, {{"minimax", "[model_providers.minimax]\nname = \"MiniMax\"\n"}}, {"minimax"}});
    write_bytes(path, "# mine\n");
    const bool has_attributes = give(opened(path).get(), many(101, "v"));
    fs::create_hard_link(path, home / "dotfiles.toml");
    EXPECT_THAT(warned(block, ApplyMode::preview), IsEmpty());
    if (has_attributes)
        EXPECT_THAT(warned(block, ApplyMode::write), ElementsAre("file.hard_link", "file.attributes"));
    else
        EXPECT_THAT(warned(block, ApplyMode::write), ElementsAre("file.hard_link"));
    EXPECT_EQ(read_bytes(home / "dotfiles.toml"), "# mine\n");
    EXPECT_THAT(warned(block, ApplyMode::write), IsEmpty()) << "once";
    fs::remove(path);
    fs::remove(home / "dotfiles.toml");
    write_bytes(home / "dotfiles.toml", "# mine\n");
    fs::create_symlink("dotfiles.toml", path);
    EXPECT_THAT(warned(block, ApplyMode::write), IsEmpty()) << "what the warning suggests";
    EXPECT_THAT(read_bytes(home / "dotfiles.toml"), HasSubstr("[model_providers.minimax]"));
}

}  // namespace
}  // namespace capsule
