// Other programs that write at the same time, and what a run that was killed left behind: nobody's bytes are lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <sstream>
#include <thread>

#include "daemon/write/atomic_file.hpp"
#include "daemon/write/file_access.hpp"
#include "temporary_home.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::read_bytes;
using ::testing::StartsWith;
using testing::TemporaryHome;
using testing::write_bytes;

Transform becomes(const std::string& text) {
    return [=](const std::optional<std::string>&) -> Result<Wanted> { return Wanted{text}; };
}

// Adds a last line, once.
Result<Wanted> with_our_line(const std::optional<std::string>& text) {
    const std::string now = text.value_or("");
    return Wanted{now.find("ours\n") == std::string::npos ? now + "ours\n" : now};
}

Updated must(const Result<Updated>& result) {
    EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
    return result ? *result : Updated{};
}

void replace_by_rename(const std::string& path, const std::string& text, const std::string& temporary) {
    write_bytes(temporary, text);
    ASSERT_EQ(::rename(temporary.c_str(), path.c_str()), 0);
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
TEST(ConcurrentWriter, LosesNothingInTenThousandRewrites) {
    constexpr int rewrites = 10000;
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
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
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
        for (int i = 0; i < 200; ++i)
            must(update_file(path, [mark](const std::optional<std::string>& text) -> Result<Wanted> {
                return Wanted{text.value_or("") + mark};
            }));
    };
    std::thread a(work, 'a'), b(work, 'b');
    a.join();
    b.join();
    const std::string text = read_bytes(path);
    EXPECT_EQ(std::ranges::count(text, 'a'), 200);
    EXPECT_EQ(std::ranges::count(text, 'b'), 200);
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
