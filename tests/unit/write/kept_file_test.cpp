// Files that may be the user's own, in part: what is replaced is saved beside them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "daemon/agents/codex/own_files.hpp"
#include "daemon/write/apply.hpp"
#include "temporary_home.hpp"
#include "tests/support/child.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;
using test::mode_of;
using test::must;
using test::read_bytes;
using test::TemporaryHome;
using test::write_bytes;
using ::testing::HasSubstr;

std::vector<FileIntent> catalog(const std::string& path) {
    return {file_intent(OwnFileIntent{path, R"({"models":[{"slug":"M","display_name":"M"}]})"})};
}

TEST(KeptFile, AModelCatalogOfTheUsersIsSavedOnce) {
    const TemporaryHome home;
    const std::string path = home / "minimax.models.json";
    const auto files = catalog(path);
    for (int i = 0; i < 2; ++i) {
        write_bytes(path, "theirs");
        must(apply(files, ApplyMode::write, ApplyFor::session));
        EXPECT_EQ(read_bytes(path + ".before-capsuled"), "theirs");
        EXPECT_EQ(home.entries(), 2U);
    }
    write_bytes(path, "other");
    must(apply(files, ApplyMode::write, ApplyFor::session));
    EXPECT_EQ(read_bytes(path + ".before-capsuled"), "theirs");
    EXPECT_EQ(read_bytes(path + ".before-capsuled.2"), "other");
}

TEST(KeptFile, FiveAreSavedAndThenNothingIsReplaced) {
    const TemporaryHome home;
    const std::string path = home / "m.models.json";
    for (int i = 1; i <= 5; ++i) {
        write_bytes(path, "theirs " + std::to_string(i));
        const Applied applied = must(apply(catalog(path), ApplyMode::write, ApplyFor::session));
        const std::string kept = path + kept_ending + (i == 1 ? "" : "." + std::to_string(i));
        EXPECT_EQ(read_bytes(kept), "theirs " + std::to_string(i));
        ASSERT_EQ(applied.warnings.size(), 1U);
        EXPECT_THAT(applied.warnings[0].message,
                    HasSubstr("capsuled has overwritten it. The old file is saved as " + kept));
    }
    write_bytes(path, "one more");
    for (const ApplyMode mode : {ApplyMode::write, ApplyMode::preview}) {
        const auto full = apply(catalog(path), mode, ApplyFor::config_write);
        ASSERT_FALSE(full);
        EXPECT_EQ(full.error().code, ErrorCode::io_error);
        EXPECT_THAT(full.error().message, HasSubstr("5 earlier versions of it are saved already"));
        EXPECT_THAT(full.error().hint, HasSubstr("delete or move away " + path + kept_ending));
    }
    EXPECT_EQ(read_bytes(path), "one more");
    EXPECT_EQ(home.entries(), 6U);
}

TEST(KeptFile, APreviewSaysWhereItWouldBeSaved) {
    const TemporaryHome home;
    const std::string path = home / "m.models.json";
    write_bytes(path, "theirs");
    for (const std::string& name : {path + kept_ending, path + kept_ending + ".2"}) {
        const Applied applied = must(apply(catalog(path), ApplyMode::preview, ApplyFor::session));
        ASSERT_EQ(applied.warnings.size(), 1U);
        EXPECT_EQ(applied.warnings[0].code, "file.kept");
        EXPECT_THAT(applied.warnings[0].message,
                    HasSubstr("it would be overwritten, and the old file saved as " + name));
        EXPECT_TRUE(applied.warnings[0].message.ends_with(name)) << applied.warnings[0].message;
        EXPECT_FALSE(fs::exists(name));
        EXPECT_EQ(read_bytes(path), "theirs");
        write_bytes(name, "another");
    }
}

TEST(KeptFile, OneThatKeepsChangingIsAnErrorAndNotManyCopies) {
    const TemporaryHome home;
    const std::string path = home / "file";
    write_bytes(path, "theirs 0");
    int versions = 0;
    FileIntent intent;
    intent.path = path;
    intent.shown = [] { return std::optional<std::string>(); };
    intent.merge = [&](const std::optional<std::string>&) -> Result<Merged> {
        write_bytes(path + ".new", "theirs " + std::to_string(++versions));
        fs::rename(path + ".new", path);
        return Merged{std::string("ours"), false, {}, true};
    };
    const auto applied = apply({intent}, ApplyMode::write, ApplyFor::config_write);
    ASSERT_FALSE(applied);
    EXPECT_THAT(applied.error().message, HasSubstr("keeps changing"));
    EXPECT_EQ(read_bytes(path), "theirs " + std::to_string(versions));
    EXPECT_LE(home.entries(), 4U) << "the file and three versions of it";
    const Applied warned = must(apply({intent}, ApplyMode::write, ApplyFor::session));
    ASSERT_EQ(warned.warnings.size(), 1U);
    EXPECT_EQ(warned.warnings[0].code, "file.not_written");
}

TEST(KeptFile, WhatIsSavedIsItsOwnersAlone) {
    const TemporaryHome home;
    const std::string path = home / "m.models.json";
    for (const int mode : {0644, 0640, 0600, 0400}) {
        write_bytes(path, "theirs");
        fs::permissions(path, fs::perms(mode));
        must(apply(catalog(path), ApplyMode::write, ApplyFor::session));
        EXPECT_EQ(mode_of(path + kept_ending), 0600U);
        fs::permissions(path, fs::perms(0644));
        fs::remove(path + kept_ending);
    }
}

// Another program puts a version of ours there, and the first one back: what is replaced in the end is what is saved.
TEST(KeptFile, TheVersionThatWasSeenIsSaved) {
    const TemporaryHome home;
    const std::string path = home / "file";
    const auto put = [&](const std::string& text) {
        write_bytes(path + ".new", text);
        fs::rename(path + ".new", path);
    };
    put("theirs");
    FileIntent intent;
    intent.path = path;
    intent.shown = [] { return std::optional<std::string>(); };
    int rounds = 0;
    intent.merge = [&](const std::optional<std::string>& existing) -> Result<Merged> {
        if (++rounds == 1) put("ours of yesterday");
        if (rounds == 2) put("theirs");
        return Merged{std::string("ours"), false, {}, existing == "theirs"};
    };
    std::vector<std::string> saved;
    must(apply({intent}, ApplyMode::write, ApplyFor::session));
    EXPECT_EQ(read_bytes(path), "ours");
    for (const auto& entry : fs::directory_iterator(home.path()))
        saved.push_back(read_bytes(entry.path()));
    EXPECT_THAT(saved, ::testing::Contains("theirs"));
}

TEST(KeptFile, WhatAMergeSavesInItsPlaceIsSaved) {
    const TemporaryHome home;
    const std::string path = home / "file";
    write_bytes(path, "theirs, and a key");
    FileIntent intent;
    intent.path = path;
    intent.shown = [] { return std::optional<std::string>(); };
    intent.merge = [](const std::optional<std::string>&) -> Result<Merged> {
        return Merged{std::string("ours"), false, {}, true, "theirs"};
    };
    must(apply({intent}, ApplyMode::write, ApplyFor::session));
    EXPECT_EQ(read_bytes(path), "ours");
    EXPECT_EQ(read_bytes(path + kept_ending), "theirs");
}

/// Without hard links: fs.protected_hardlinks says EPERM of another user's file, a file system of all.
void copies_without_hard_links(int problem, bool has_exchange) {
    test::forbid(SYS_linkat, problem);
    if (!has_exchange) test::forbid(SYS_renameat2, EINVAL);
    const TemporaryHome home;
    const std::string path = home / "m.models.json";
    write_bytes(path, "theirs");
    must(apply(catalog(path), ApplyMode::write, ApplyFor::session));
    EXPECT_THAT(read_bytes(path), HasSubstr("slug"));
    EXPECT_EQ(read_bytes(path + kept_ending), "theirs");
    EXPECT_EQ(home.entries(), 2U);
    write_bytes(path + kept_ending, "another");
    write_bytes(path, "theirs");
    must(apply(catalog(path), ApplyMode::write, ApplyFor::session));
    EXPECT_EQ(read_bytes(path + kept_ending), "another");
    EXPECT_EQ(read_bytes(path + kept_ending + ".2"), "theirs");
}

TEST(KeptFile, ACopyIsSavedWhereThereAreNoHardLinks) {
    for (const int problem : {EPERM, EOPNOTSUPP, EMLINK, ENOSYS})
        test::in_child([problem] { copies_without_hard_links(problem, true); });
}

TEST(KeptFile, ACopyIsSavedWhereThereIsNoExchangeEither) {
    test::in_child([] { copies_without_hard_links(EPERM, false); });
}

}  // namespace
}  // namespace capsule
