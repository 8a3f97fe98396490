#include "daemon/write/atomic_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <sstream>
#include <thread>

#include "daemon/write/file_access.hpp"
#include "temporary_home.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::read_bytes;
using ::testing::StartsWith;
using testing::TemporaryHome;
using testing::write_bytes;

Transform becomes(std::optional<std::string> text, bool private_mode = false) {
    return [=](const std::optional<std::string>&) -> Result<Wanted> { return Wanted{text, private_mode}; };
}

// Adds a last line, once.
Result<Wanted> with_our_line(const std::optional<std::string>& text) {
    const std::string now = text.value_or("");
    return Wanted{now.find("ours\n") == std::string::npos ? now + "ours\n" : now};
}

mode_t mode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0);
    return status.st_mode & 0777U;
}

Updated must(const Result<Updated>& result) {
    EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
    return result ? *result : Updated{};
}

void replace_by_rename(const std::string& path, const std::string& text, const std::string& temporary) {
    write_bytes(temporary, text);
    ASSERT_EQ(::rename(temporary.c_str(), path.c_str()), 0);
}

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

// What a writer put there between our reading and our exchange is merged, not lost.
TEST(ConcurrentWriter, IsMerged) {
    const TemporaryHome home;
    write_bytes(home / "file", "one\n");
    int calls = 0;
    const auto updated = update_file(home / "file", [&](const std::optional<std::string>& text) {
        if (++calls == 1) replace_by_rename(home / "file", "one\ntwo\n", home / "other");
        return with_our_line(text);
    });
    EXPECT_EQ(must(updated).change, FileChange::updated);
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(read_bytes(home / "file"), "one\ntwo\nours\n");
    EXPECT_EQ(home.entries(), 1U);
}

TEST(ConcurrentWriter, TwiceInARow) {
    const TemporaryHome home;
    write_bytes(home / "file", "1\n");
    int calls = 0;
    const auto updated = update_file(home / "file", [&](const std::optional<std::string>& text) {
        if (++calls == 1) replace_by_rename(home / "file", "1\n2\n", home / "other");
        if (calls == 2) replace_by_rename(home / "file", "1\n2\n3\n", home / "other");
        return with_our_line(text);
    });
    must(updated);
    EXPECT_EQ(read_bytes(home / "file"), "1\n2\n3\nours\n");
    EXPECT_EQ(home.entries(), 1U);
}

TEST(ConcurrentWriter, IsPutBackWhenItCannotBeMerged) {
    const TemporaryHome home;
    write_bytes(home / "file", "good\n");
    int calls = 0;
    const auto updated = update_file(home / "file", [&](const std::optional<std::string>& text) -> Result<Wanted> {
        if (++calls > 1) return Error{ErrorCode::config_conflict, "broken", "mend it"};
        replace_by_rename(home / "file", "broken\n", home / "other");
        return with_our_line(text);
    });
    ASSERT_TRUE(updated.has_error());
    EXPECT_EQ(updated.error().code, ErrorCode::config_conflict);
    EXPECT_EQ(read_bytes(home / "file"), "broken\n");
    EXPECT_EQ(home.entries(), 1U);
}

TEST(ConcurrentWriter, IsPutBackWhateverItMade) {
    const TemporaryHome home;
    write_bytes(home / "file", "good\n");
    const auto updated = update_file(home / "file", [&](const std::optional<std::string>& text) {
        fs::remove(home / "file");
        fs::create_directory(home / "file");
        return with_our_line(text);
    });
    ASSERT_TRUE(updated.has_error());
    EXPECT_EQ(updated.error().code, ErrorCode::io_error);
    EXPECT_TRUE(fs::is_directory(home / "file"));
    EXPECT_EQ(home.entries(), 1U);
}

TEST(ConcurrentWriter, MadeTheFileFirst) {
    const TemporaryHome home;
    int calls = 0;
    must(update_file(home / "file", [&](const std::optional<std::string>& text) {
        if (++calls == 1) write_bytes(home / "file", "theirs\n");
        return with_our_line(text);
    }));
    EXPECT_EQ(read_bytes(home / "file"), "theirs\nours\n");
    EXPECT_EQ(home.entries(), 1U);
}

TEST(ConcurrentWriter, DeletedTheFile) {
    const TemporaryHome home;
    write_bytes(home / "file", "theirs\n");
    int calls = 0;
    const Updated updated = must(update_file(home / "file", [&](const std::optional<std::string>& text) {
        if (++calls == 1) fs::remove(home / "file");
        return with_our_line(text);
    }));
    EXPECT_EQ(updated.change, FileChange::created);
    EXPECT_EQ(read_bytes(home / "file"), "ours\n");
}

TEST(ConcurrentWriter, KeepsWhatItWroteBeforeARemoval) {
    const TemporaryHome home;
    write_bytes(home / "file", "ours\n");
    int calls = 0;
    must(update_file(home / "file", [&](const std::optional<std::string>& text) -> Result<Wanted> {
        if (++calls == 1) replace_by_rename(home / "file", "theirs\n", home / "other");
        if (*text == "ours\n") return Wanted{};
        return Wanted{text};
    }));
    EXPECT_EQ(read_bytes(home / "file"), "theirs\n");
    EXPECT_EQ(home.entries(), 1U);
}

TEST(ConcurrentWriter, ThatNeverStopsIsAnError) {
    const TemporaryHome home;
    write_bytes(home / "file", "0");
    int calls = 0;
    const auto updated = update_file(home / "file", [&](const std::optional<std::string>& text) -> Result<Wanted> {
        replace_by_rename(home / "file", std::to_string(++calls), home / "other");
        return Wanted{*text + "x"};
    });
    ASSERT_TRUE(updated.has_error());
    EXPECT_EQ(updated.error().code, ErrorCode::io_error);
    EXPECT_THAT(updated.error().message, HasSubstr("keeps changing"));
    EXPECT_EQ(read_bytes(home / "file"), std::to_string(calls));
    EXPECT_EQ(home.entries(), 1U);
}

// A program that reads, adds a number, and renames, while we take our line out and put it in all the time.
TEST(ConcurrentWriter, LosesNothingInTwoThousandRewrites) {
    constexpr int rewrites = 2000;
    const TemporaryHome home;
    const std::string path = home / "file";
    write_bytes(path, "");
    std::atomic<bool> stop = false;
    std::thread writer([&] {
        for (int i = 0; i < rewrites; ++i)
            replace_by_rename(path, read_bytes(path) + std::to_string(i) + "\n", home / "other");
        stop = true;
    });
    int updates = 0;
    while (!stop) {
        must(update_file(path, with_our_line));
        must(update_file(path, [](const std::optional<std::string>& text) -> Result<Wanted> {
            std::string now = text.value_or("");
            if (const std::size_t at = now.find("ours\n"); at != std::string::npos) now.erase(at, 5);
            return Wanted{now};
        }));
        ++updates;
    }
    writer.join();
    must(update_file(path, with_our_line));
    std::istringstream lines(read_bytes(path));
    int expected = 0;
    bool ours = false;
    for (std::string line; std::getline(lines, line);) {
        if (line == "ours")
            ours = true;
        else
            ASSERT_EQ(line, std::to_string(expected++));
    }
    EXPECT_EQ(expected, rewrites);
    EXPECT_TRUE(ours);
    EXPECT_GT(updates, 0);
    EXPECT_EQ(home.entries(), 1U);
}

TEST(ConcurrentWriter, OurOwnThreadsLoseNothingOfEachOther) {
    const TemporaryHome home;
    const std::string path = home / "file";
    const auto work = [&](char mark) {
        for (int i = 0; i < 20; ++i)
            must(update_file(path, [mark](const std::optional<std::string>& text) -> Result<Wanted> {
                return Wanted{text.value_or("") + mark};
            }));
    };
    std::thread a(work, 'a'), b(work, 'b');
    a.join();
    b.join();
    const std::string text = read_bytes(path);
    EXPECT_EQ(std::ranges::count(text, 'a'), 20);
    EXPECT_EQ(std::ranges::count(text, 'b'), 20);
    EXPECT_EQ(home.entries(), 1U);
}

TEST(Leftover, HalfWrittenGoes) {
    const TemporaryHome home;
    write_bytes(home / "file", "old");
    const std::string half = home / temporary_name("file", {fingerprint("old"), fingerprint("new text")});
    write_bytes(half, "new");
    ::chmod(half.c_str(), 01600);
    must(update_file(home / "file", becomes("old")));
    EXPECT_EQ(home.entries(), 1U);
    EXPECT_EQ(read_bytes(home / "file"), "old");
}

TEST(Leftover, OursAndWhatItReplacedGo) {
    const TemporaryHome home;
    write_bytes(home / "file", "new");
    write_bytes(home / temporary_name("file", {fingerprint("old"), fingerprint("new")}), "old");
    write_bytes(home / temporary_name("file", {fingerprint("old"), fingerprint("newer")}), "newer");
    must(update_file(home / "file", becomes("new")));
    EXPECT_EQ(home.entries(), 1U);
    EXPECT_EQ(read_bytes(home / "file"), "new");
}

TEST(Leftover, AnotherProgramsVersionIsMerged) {
    const TemporaryHome home;
    write_bytes(home / "file", "one\nours\n");
    write_bytes(home / temporary_name("file", {fingerprint("one\n"), fingerprint("one\nours\n")}), "one\ntwo\n");
    must(update_file(home / "file", with_our_line));
    EXPECT_EQ(read_bytes(home / "file"), "one\ntwo\nours\n");
    EXPECT_EQ(home.entries(), 1U);
}

TEST(Leftover, AnotherProgramsVersionComesBackAfterACutOffRemoval) {
    const TemporaryHome home;
    write_bytes(home / temporary_name("file", {fingerprint("ours\n"), fingerprint("ours\n")}), "theirs\n");
    must(update_file(home / "file", with_our_line));
    EXPECT_EQ(read_bytes(home / "file"), "theirs\nours\n");
    EXPECT_EQ(home.entries(), 1U);
}

TEST(Leftover, IsKeptInSightWhenTheFileWentOn) {
    const TemporaryHome home;
    write_bytes(home / "file", "much later\n");
    write_bytes(home / temporary_name("file", {fingerprint("one\n"), fingerprint("one\nours\n")}), "one\ntwo\n");
    const Updated updated = must(update_file(home / "file", with_our_line));
    ASSERT_EQ(updated.saved.size(), 1U);
    EXPECT_THAT(updated.saved[0], StartsWith(home / "file.capsuled-saved-"));
    EXPECT_EQ(read_bytes(updated.saved[0]), "one\ntwo\n");
    EXPECT_EQ(read_bytes(home / "file"), "much later\nours\n");
}

TEST(Leftover, OtherFilesAreLeftAlone) {
    const TemporaryHome home;
    for (const char* name : {".file.capsuled-", ".file.capsuled-abcdefgh", ".other.capsuled-abcdefgh-0-0", "capsuled"})
        write_bytes(home / name, "x");
    must(update_file(home / "file", becomes("new")));
    EXPECT_EQ(home.entries(), 5U);
}

}  // namespace
}  // namespace capsule
