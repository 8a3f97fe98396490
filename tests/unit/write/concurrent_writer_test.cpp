// Other programs that write at the same time: nobody's bytes are lost.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <sstream>
#include <thread>

#include "daemon/write/atomic_file.hpp"
#include "our_line.hpp"
#include "protocol/unique_fd.hpp"
#include "temporary_home.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;
using test::becomes;
using test::must;
using test::read_bytes;
using test::TemporaryHome;
using test::with_our_line;
using test::write_bytes;
using ::testing::HasSubstr;

void replace_by_rename(const std::string& path, const std::string& text, const std::string& temporary) {
    write_bytes(temporary, text);
    ASSERT_EQ(::rename(temporary.c_str(), path.c_str()), 0);
}

// What a writer put there between our reading and our exchange is merged, not lost. The first call of the transform
// decides whether there is anything to do, the second what is then put there.
TEST(ConcurrentWriter, IsMerged) {
    const TemporaryHome home;
    write_bytes(home / "file", "one\n");
    int calls = 0;
    const auto updated = update_file(home / "file", [&](const std::optional<std::string>& text) {
        if (++calls == 2) replace_by_rename(home / "file", "one\ntwo\n", home / "other");
        return with_our_line(text);
    });
    EXPECT_EQ(must(updated).change, FileChange::updated);
    EXPECT_EQ(calls, 3);
    EXPECT_EQ(read_bytes(home / "file"), "one\ntwo\nours\n");
    EXPECT_EQ(home.entries(), 1U);
}

// The bytes are not all that a user gives a file.
TEST(ConcurrentWriter, ThatChangesTheModeOnlyIsNotUndone) {
    const TemporaryHome home;
    write_bytes(home / "file", "one\n");
    fs::permissions(home / "file", fs::perms(0644));
    int calls = 0;
    must(update_file(home / "file", [&](const std::optional<std::string>& text) {
        if (++calls == 2) fs::permissions(home / "file", fs::perms(0600));
        return with_our_line(text);
    }));
    EXPECT_EQ(fs::status(home / "file").permissions(), fs::perms(0600));
    EXPECT_EQ(read_bytes(home / "file"), "one\nours\n");
    EXPECT_EQ(home.entries(), 1U);
}

TEST(ConcurrentWriter, TwiceInARow) {
    const TemporaryHome home;
    write_bytes(home / "file", "1\n");
    int calls = 0;
    const auto updated = update_file(home / "file", [&](const std::optional<std::string>& text) {
        if (++calls == 2) replace_by_rename(home / "file", "1\n2\n", home / "other");
        if (calls == 3) replace_by_rename(home / "file", "1\n2\n3\n", home / "other");
        return with_our_line(text);
    });
    must(updated);
    EXPECT_EQ(read_bytes(home / "file"), "1\n2\n3\nours\n");
    EXPECT_EQ(home.entries(), 1U);
}

// As a shell's `>` does it, git's checkout, and OpenCode at its first start.
TEST(ConcurrentWriter, OneThatWritesInPlaceLosesNothing) {
    for (const bool removes : {false, true}) {
        const TemporaryHome home;
        write_bytes(home / "file", "one\n");
        UniqueFd file(::open((home / "file").c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
        int calls = 0;
        must(update_file(home / "file", [&](const std::optional<std::string>& text) -> Result<Wanted> {
            if (++calls == 4) {
                EXPECT_EQ(::write(file.get(), "two\n", 4), 4);
                file = UniqueFd();
            }
            if (removes && text->empty()) return Wanted{};
            return with_our_line(text);
        }));
        EXPECT_EQ(read_bytes(home / "file"), "two\nours\n");
        EXPECT_EQ(home.entries(), 1U);
    }
}

TEST(ConcurrentWriter, OneThatNeverClosesTheFileIsAnError) {
    const TemporaryHome home;
    write_bytes(home / "file", "theirs\n");
    const UniqueFd file(::open((home / "file").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    const auto updated = update_file(home / "file", with_our_line);
    ASSERT_TRUE(updated.has_error());
    EXPECT_THAT(updated.error().hint, HasSubstr("has it open to write"));
    EXPECT_EQ(read_bytes(home / "file"), "theirs\n");
    EXPECT_EQ(home.entries(), 1U);
}

TEST(ConcurrentWriter, IsPutBackWhenItCannotBeMerged) {
    const TemporaryHome home;
    write_bytes(home / "file", "good\n");
    int calls = 0;
    const auto updated = update_file(home / "file", [&](const std::optional<std::string>& text) -> Result<Wanted> {
        if (++calls > 2) return Error{ErrorCode::config_conflict, "broken", "mend it"};
        if (calls == 2) replace_by_rename(home / "file", "broken\n", home / "other");
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
    int calls = 0;
    const auto updated = update_file(home / "file", [&](const std::optional<std::string>& text) {
        if (++calls == 2) {
            fs::remove(home / "file");
            fs::create_directory(home / "file");
        }
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
        if (++calls == 2) write_bytes(home / "file", "theirs\n");
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
        if (++calls == 2) fs::remove(home / "file");
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
        if (++calls == 2) replace_by_rename(home / "file", "theirs\n", home / "other");
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

// A program that adds a number to what it wrote last and renames, with a pause now and then, while we take our line out
// and put it in. As Codex does, it keeps what it found in the file besides. That we meet it too often is an error, and
// not a loss.
TEST(ConcurrentWriter, LosesNothingInTenThousandRewrites) {
    constexpr int rewrites = 10000;
    const TemporaryHome home;
    const std::string path = home / "file";
    write_bytes(path, "");
    std::atomic<bool> stop = false;
    std::thread writer([&] {
        std::string numbers;
        for (int i = 0; i < rewrites; ++i) {
            numbers += std::to_string(i) + "\n";
            const bool ours = read_bytes(path).find("ours\n") != std::string::npos;
            replace_by_rename(path, numbers + (ours ? "ours\n" : ""), home / "other");
            if (i % 100 == 99) std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        stop = true;
    });
    int updates = 0;
    while (!stop) {
        for (const auto& updated : {update_file(path, with_our_line),
                                    update_file(path, [](const std::optional<std::string>& text) -> Result<Wanted> {
                                        std::string now = text.value_or("");
                                        if (const std::size_t at = now.find("ours\n"); at != std::string::npos)
                                            now.erase(at, 5);
                                        return Wanted{now};
                                    })}) {
            if (updated)
                ++updates;
            else
                EXPECT_THAT(updated.error().message, HasSubstr("keeps changing"));
        }
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
    constexpr int rounds = 100;
    const TemporaryHome home;
    const std::string path = home / "file";
    const auto work = [&](char mark) {
        for (int i = 0; i < rounds; ++i) {
            must(update_file(path, [mark](const std::optional<std::string>& text) -> Result<Wanted> {
                return Wanted{text.value_or("") + mark};
            }));
            std::this_thread::sleep_for(std::chrono::microseconds(97 * (i % 31)));  // the turn is anybody's
        }
    };
    std::thread a(work, 'a'), b(work, 'b');
    a.join();
    b.join();
    const std::string text = read_bytes(path);
    EXPECT_EQ(std::ranges::count(text, 'a'), rounds);
    EXPECT_EQ(std::ranges::count(text, 'b'), rounds);
    EXPECT_EQ(home.entries(), 1U);
}

// A lock on the directory, which any program of that user can take, does not hold us.
TEST(ConcurrentWriter, AProgramThatKeepsTheLockHoldsNothingUp) {
    const TemporaryHome home;
    write_bytes(home / "file", "old");
    write_bytes(home / ".file.capsuled", "of a daemon that has the lock");
    ::chmod((home / ".file.capsuled").c_str(), 01600);
    const int lock = ::open(home.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_EQ(::flock(lock, LOCK_EX), 0);
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(must(update_file(home / "file", becomes("new"))).change, FileChange::updated);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(1900));
    EXPECT_EQ(read_bytes(home / "file"), "new");
    EXPECT_EQ(read_bytes(home / ".file.capsuled"), "of a daemon that has the lock");
    EXPECT_EQ(home.entries(), 2U);
    ::close(lock);
    EXPECT_EQ(must(update_file(home / "file", becomes("newer"))).change, FileChange::updated);
    EXPECT_EQ(home.entries(), 1U) << "a leftover by now";
}

// Nor does a lease on the file.
TEST(ConcurrentWriter, AProgramThatKeepsALeaseIsAnError) {
    const TemporaryHome home;
    write_bytes(home / "file", "old");
    ::signal(SIGIO, SIG_IGN);  // by which the kernel tells a lease's holder that somebody waits
    const int file = ::open((home / "file").c_str(), O_RDWR | O_CLOEXEC);
    if (::fcntl(file, F_SETLEASE, F_WRLCK) != 0) GTEST_SKIP() << "no leases here";
    const auto updated = update_file(home / "file", becomes("new"));
    ASSERT_TRUE(updated.has_error());
    EXPECT_THAT(updated.error().hint, HasSubstr("holds the file"));
    ::close(file);
}

// As a run leaves them that is killed right after its exchange: what came out may be newer than what it had read.
void leave_exchanged(const TemporaryHome& home, const std::string& placed, const std::string& came_out) {
    write_bytes(home / ".file.capsuled", placed);
    write_bytes(home / "file", came_out);
    ::chmod((home / ".file.capsuled").c_str(), 01644);
    const int directory = ::open(home.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_EQ(::renameat2(directory, ".file.capsuled", directory, "file", RENAME_EXCHANGE), 0);
    ::close(directory);
}

}  // namespace
}  // namespace capsule
