// Everything that a file system can answer with: the file stays as it was, and the error says what to do.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/write/atomic_file.hpp"
#include "temporary_home.hpp"
#include "tests/support/child.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;
using test::in_child;
using test::read_bytes;
using test::TemporaryHome;
using test::write_bytes;
using ::testing::HasSubstr;

Result<Wanted> new_text(const std::optional<std::string>&) {
    return Wanted{std::string("new text\n")};
}

void expect_io_error(const Result<Updated>& result, const std::string& message, const std::string& hint) {
    ASSERT_TRUE(result.has_error()) << message;
    EXPECT_EQ(result.error().code, ErrorCode::io_error);
    EXPECT_THAT(result.error().message, HasSubstr(message));
    EXPECT_THAT(result.error().hint, HasSubstr(hint));
}

void become_nobody() {
    if (::geteuid() != 0) return;
    ASSERT_EQ(::setresgid(65534, 65534, 65534), 0);
    ASSERT_EQ(::setresuid(65534, 65534, 65534), 0);
}

TEST(Fault, NotAFile) {
    const TemporaryHome home;
    fs::create_directory(home / "directory");
    ASSERT_EQ(::mkfifo((home / "fifo").c_str(), 0600), 0);
    fs::create_symlink("/dev/zero", home / "device");
    expect_io_error(update_file(home / "directory", new_text), "directory is a directory", "move it");
    expect_io_error(update_file(home / "fifo", new_text), "fifo is a FIFO", "move it");
    expect_io_error(update_file(home / "device", new_text), "/dev/zero is a device", "move it");
    expect_io_error(preview_file(home / "fifo", new_text), "fifo is a FIFO", "move it");
    expect_io_error(update_file(home / "fifo/file", new_text), "Not a directory", "move it");
    EXPECT_EQ(read_file(home / "fifo").error().code, ErrorCode::io_error);
    fs::create_symlink("/proc/self/smaps_rollup", home / "proc");
    expect_io_error(update_file(home / "proc", new_text), "is made by the kernel as it is read", "move it");
    const auto read = read_file(home / "proc");
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().message.find("is made by the kernel"), std::string::npos);
    // One of a size, which the kernel computes under a lock that others can hold.
    fs::create_symlink("/sys/kernel/mm/transparent_hugepage/enabled", home / "sys");
    if (fs::exists(home / "sys"))
        expect_io_error(update_file(home / "sys", new_text), "is made by the kernel as it is read", "move it");
    EXPECT_EQ(home.entries(), 5U);
}

// Where to look up a name alone may wait for another process, for as long as its owner likes.
TEST(Fault, NothingOfAProcessIsLookedUp) {
    const TemporaryHome home;
    const std::string own = "/proc/" + std::to_string(::getpid());
    fs::create_symlink(own + "/map_files/1000-2000", home / "map");
    fs::create_symlink(own + "/map_files", home / "maps");
    fs::create_symlink(own + "/cwd", home / "cwd");  // leads out of it again
    for (const std::string& path : {home / "map", home / "maps/1000-2000", home / "maps/new/file", home / "cwd/file"}) {
        const std::string why = path + " is made by the kernel as it is read";
        expect_io_error(update_file(path, new_text), why, "move it");
        expect_io_error(preview_file(path, new_text), why, "move it");
        const auto read = read_file(path);
        ASSERT_FALSE(read) << path;
        EXPECT_EQ(read.error().message.substr(0, why.size()), why);
    }
    EXPECT_EQ(home.entries(), 3U);
}

TEST(Fault, LinksThatAreTooLongAreNotFollowed) {
    const TemporaryHome home;
    std::string nothing;
    while (nothing.size() < 3000)
        nothing += "./";
    write_bytes(home / "file", "old");
    fs::create_symlink(nothing + "file", home / "a");
    fs::create_symlink(nothing + "a", home / "b");
    EXPECT_EQ(read_file(home / "a")->value(), "old");
    expect_io_error(update_file(home / "b", new_text), "symbolic links", "circle");
    EXPECT_FALSE(read_file(home / "b"));
}

TEST(Fault, HugeFile) {
    const TemporaryHome home;
    write_bytes(home / "file", "");
    ASSERT_EQ(::truncate((home / "file").c_str(), static_cast<off_t>(max_file_bytes) + 1), 0);
    expect_io_error(update_file(home / "file", new_text), "larger than", "move it");
}

TEST(Fault, LinksInACircle) {
    const TemporaryHome home;
    fs::create_symlink("b", home / "a");
    fs::create_symlink("a", home / "b");
    expect_io_error(update_file(home / "a", new_text), "symbolic links", "circle");
}

TEST(Fault, FileSizeLimit) {
    const TemporaryHome home;
    write_bytes(home / "file", "old");
    in_child([&] {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{4, 4};
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
        expect_io_error(update_file(home / "file", new_text), "File too large", "ulimit -f");
    });
    EXPECT_EQ(read_bytes(home / "file"), "old");
    EXPECT_EQ(home.entries(), 1U);
}

TEST(Fault, OpenFilesLimitAtEveryOpening) {
    const TemporaryHome home;
    write_bytes(home / "file", "old");
    in_child([&] {
        bool done = false;
        int failures = 0;
        const int free_one = ::dup(0);
        ::close(free_one);
        for (int more = 0; !done && more < 10; ++more) {
            const auto n = static_cast<rlim_t>(free_one + more);
            const rlimit limit{n, 1024};
            ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
            const auto updated = update_file(home / "file", new_text);
            if (!updated) expect_io_error(updated, "Too many open files", "ulimit -n");
            const rlimit all{1024, 1024};
            ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &all), 0);
            const std::string text = read_bytes(home / "file");
            ASSERT_EQ(text, updated ? "new text\n" : "old");
            done = updated.has_value();
            failures += done ? 0 : 1;
        }
        EXPECT_TRUE(done);
        EXPECT_GE(failures, 2);
    });
    EXPECT_EQ(home.entries(), 1U);
}

TEST(Fault, ReadOnlyDirectory) {
    const TemporaryHome home;
    write_bytes(home / "file", "old");
    ::chmod((home / "file").c_str(), 0644);
    fs::permissions(home.path(), fs::perms(0555));
    in_child([&] {
        become_nobody();
        expect_io_error(update_file(home / "file", new_text), "cannot write " + (home / "file") + ": Permission denied",
                        "let the session's user");
        expect_io_error(update_file(home / "sub/file", new_text), "cannot make the directory",
                        "let the session's user");
    });
    fs::permissions(home.path(), fs::perms(0755));
    EXPECT_EQ(read_bytes(home / "file"), "old");
    EXPECT_EQ(home.entries(), 1U);
}

TEST(Fault, UnreadableFile) {
    const TemporaryHome home;
    write_bytes(home / "file", "old");
    ::chmod((home / "file").c_str(), 0);
    fs::permissions(home.path(), fs::perms(0777));
    in_child([&] {
        become_nobody();
        expect_io_error(update_file(home / "file", new_text), "cannot read", "let the session's user");
    });
    EXPECT_EQ(home.entries(), 1U);
}

// Root of a mount namespace of its own, by way of a user namespace where the test is not root already.
bool own_mounts() {
    const uid_t uid = ::geteuid();
    const gid_t gid = ::getegid();
    if (::unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    if (uid != 0) {
        write_bytes("/proc/self/setgroups", "deny");
        write_bytes("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
        write_bytes("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
    }
    return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

TEST(Fault, BindMountedFile) {
    const TemporaryHome home;
    write_bytes(home / "file", "old");
    write_bytes(home / "source", "mounted");
    in_child([&] {
        if (!own_mounts()) GTEST_SKIP();
        ASSERT_EQ(::mount((home / "source").c_str(), (home / "file").c_str(), nullptr, MS_BIND, nullptr), 0);
        expect_io_error(update_file(home / "file", new_text), "cannot replace", "mount its directory instead");
        expect_io_error(update_file(home / "file", [](const auto&) -> Result<Wanted> { return Wanted{}; }),
                        "cannot remove", "mount its directory instead");
        EXPECT_EQ(read_bytes(home / "file"), "mounted");
    });
    EXPECT_EQ(home.entries(), 2U);
}

TEST(Fault, ReadOnlyFileSystemAndFullDisk) {
    const TemporaryHome home;
    fs::create_directory(home / "disk");
    in_child([&] {
        if (!own_mounts()) GTEST_SKIP();
        const std::string disk = home / "disk";
        ASSERT_EQ(::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=16k"), 0);
        write_bytes(disk + "/file", "old");
        write_bytes(disk + "/filler", std::string(12000, 'x'));
        const auto full =
            update_file(disk + "/file", [](const auto&) -> Result<Wanted> { return Wanted{std::string(8192, 'n')}; });
        expect_io_error(full, "No space left", "free some space");
        EXPECT_EQ(read_bytes(disk + "/file"), "old");
        ASSERT_EQ(::mount(nullptr, disk.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
        expect_io_error(update_file(disk + "/file", new_text), "Read-only file system", "mount the home writable");
        EXPECT_EQ(read_bytes(disk + "/file"), "old");
        EXPECT_EQ(std::distance(fs::directory_iterator(disk), {}), 2);
    });
}

// Killed at any moment: the file is the old or the new one, whole, and the next write finds nothing left over.
TEST(Fault, KilledAtAnyMoment) {
    const TemporaryHome home;
    const std::string a(100000, 'a');
    const std::string b(100000, 'b');
    write_bytes(home / "file", a);
    int done = 0;
    for (int round = 0; round < 60 || (done == 0 && round < 300); ++round) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            for (int i = 0;; ++i)
                std::ignore = update_file(home / "file",
                                          [&](const auto&) -> Result<Wanted> { return Wanted{i % 2 == 0 ? b : a}; });
        }
        ::usleep(static_cast<useconds_t>(500 + 1009 * (round % 80)));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        const std::string text = read_bytes(home / "file");
        ASSERT_TRUE(text == a || text == b);
        ASSERT_TRUE(
            update_file(home / "file", [](const auto& now) -> Result<Wanted> { return Wanted{now}; }).has_value());
        ASSERT_EQ(home.entries(), 1U);
        done += text == b ? 1 : 0;
    }
    EXPECT_GT(done, 0);
}

}  // namespace
}  // namespace capsule
