// What a run that was killed left behind: nobody's bytes are lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/write/atomic_file.hpp"
#include "temporary_home.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;
using test::becomes;
using test::must;
using test::read_bytes;
using test::TemporaryHome;
using test::write_bytes;
using ::testing::HasSubstr;

TEST(Leftover, HalfWrittenGoes) {
    const TemporaryHome home;
    write_bytes(home / "file", "old");
    write_bytes(home / ".file.capsuled", "new");
    ::chmod((home / ".file.capsuled").c_str(), 01600);
    must(update_file(home / "file", becomes("old")));
    EXPECT_EQ(home.entries(), 1U);
    EXPECT_EQ(read_bytes(home / "file"), "old");
}

TEST(Leftover, AnotherProgramsVersionIsMerged) {
    const TemporaryHome home;
    leave_exchanged(home, "one\nours\n", "one\ntwo\n");
    must(update_file(home / "file", with_our_line));
    EXPECT_EQ(read_bytes(home / "file"), "one\ntwo\nours\n");
    EXPECT_EQ(home.entries(), 1U);
}

TEST(Leftover, AnotherProgramsVersionComesBackAfterACutOffRemoval) {
    const TemporaryHome home;
    write_bytes(home / ".file.capsuled", "theirs\n");
    must(update_file(home / "file", with_our_line));
    EXPECT_EQ(read_bytes(home / "file"), "theirs\nours\n");
    EXPECT_EQ(home.entries(), 1U);
}

TEST(Leftover, WhatMayBeAnotherProgramsIsNeverTouched) {
    const TemporaryHome home;
    const auto expect_in_the_way = [&](const std::string& beside) {
        const auto updated = update_file(home / "file", with_our_line);
        ASSERT_TRUE(updated.has_error());
        EXPECT_EQ(updated.error().code, ErrorCode::io_error);
        EXPECT_THAT(updated.error().message, HasSubstr(".file.capsuled is in the way"));
        EXPECT_EQ(read_bytes(home / ".file.capsuled"), beside);
        EXPECT_EQ(read_bytes(home / "file"), "much later\n");
    };
    leave_exchanged(home, "one\nours\n", "one\ntwo\n");
    replace_by_rename(home / "file", "much later\n", home / "other");
    expect_in_the_way("one\ntwo\n");
    // With the mode kept, as some editors do.
    leave_exchanged(home, "one\nours\n", "one\ntwo\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the kernel's clock for files has ticks
    write_bytes(home / "file", "much later\n");
    expect_in_the_way("one\ntwo\n");
    fs::remove(home / ".file.capsuled");
    ::chmod((home / "file").c_str(), 0644);
    fs::create_symlink("file", home / ".file.capsuled");
    expect_in_the_way("much later\n");
}

TEST(Leftover, OtherFilesAreLeftAlone) {
    const TemporaryHome home;
    for (const char* name : {".file.capsuled-", ".file.capsuled2", ".other.capsuled", "capsuled"})
        write_bytes(home / name, "x");
    must(update_file(home / "file", becomes("new")));
    EXPECT_EQ(home.entries(), 5U);
}

}  // namespace
}  // namespace capsule
