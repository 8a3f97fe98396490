// Whatever a remembered answer was made from: a change of it is known before anybody can ask again.
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "daemon/home/change_watch.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;

void write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
}

class ChangeWatchTest : public ::testing::Test {
  protected:
    void expect_watched(const std::string& path) {
        EXPECT_TRUE(watch_.watch(path)) << path;
        settle();
    }
    void settle() {
        watch_.look_again();
        seen_ = watch_.revision();
    }
    bool changed() {
        watch_.look_again();
        const bool answer = watch_.revision() != seen_;
        seen_ = watch_.revision();
        return answer;
    }
    std::string operator/(const std::string& name) const { return directory_.path() + "/" + name; }

    TempDir directory_;
    ChangeWatch watch_;
    std::uint64_t seen_ = 0;
};



TEST_F(ChangeWatchTest, AFilesContentModeAndEnd) {
    write((*this / "file"), "1");
    expect_watched((*this / "file"));
    EXPECT_FALSE(changed());
    write((*this / "file"), "2");
    EXPECT_TRUE(changed());
    expect_watched((*this / "file"));
    ::chmod((*this / "file").c_str(), 0600);
    EXPECT_TRUE(changed());
    expect_watched((*this / "file"));
    fs::remove((*this / "file"));
    EXPECT_TRUE(changed());
}

TEST_F(ChangeWatchTest, WhatIsNotThereYet) {
    expect_watched((*this / "a/b/c"));
    fs::create_directory((*this / "a"));
    EXPECT_TRUE(changed());
    expect_watched((*this / "a/b/c"));
    fs::create_directory((*this / "a/b"));
    EXPECT_TRUE(changed());
    expect_watched((*this / "a/b/c"));
    write((*this / "a/b/c"), "");
    EXPECT_TRUE(changed());
}

TEST_F(ChangeWatchTest, ADirectoryOnTheWayIsMoved) {
    fs::create_directories((*this / "a/b"));
    write((*this / "a/b/c"), "");
    expect_watched((*this / "a/b/c"));
    fs::rename((*this / "a"), (*this / "z"));
    EXPECT_TRUE(changed());
}

TEST_F(ChangeWatchTest, LinksAreFollowedAndWatchedThemselves) {
    fs::create_directories((*this / "v1"));
    fs::create_directories((*this / "v2"));
    write((*this / "v1/key"), "1");
    write((*this / "v2/key"), "2");
    fs::create_symlink("v1", (*this / "current"));
    fs::create_symlink("current/../current/key", (*this / "key"));
    expect_watched((*this / "key"));
    write((*this / "v1/key"), "one");
    EXPECT_TRUE(changed()) << "what they lead to";
    expect_watched((*this / "key"));
    fs::create_symlink("v2", (*this / "next"));
    fs::rename((*this / "next"), (*this / "current"));
    EXPECT_TRUE(changed()) << "one on the way";
    expect_watched((*this / "key"));
    write((*this / "v2/key"), "two");
    EXPECT_TRUE(changed()) << "where it leads now";
}

TEST_F(ChangeWatchTest, ALinkThatLeadsNowhereMayLeadSomewhere) {
    fs::create_symlink((*this / "target"), (*this / "link"));
    expect_watched((*this / "link"));
    write((*this / "target"), "");
    EXPECT_TRUE(changed());
}

TEST_F(ChangeWatchTest, AnotherNameOfTheSameFile) {
    write((*this / "file"), "");
    fs::create_directory((*this / "elsewhere"));
    fs::create_hard_link((*this / "file"), (*this / "elsewhere/name"));
    expect_watched((*this / "file"));
    write((*this / "elsewhere/name"), "changed");
    EXPECT_TRUE(changed());
}

TEST_F(ChangeWatchTest, WhatIsBesideDoesNotCount) {
    write((*this / "file"), "");
    expect_watched((*this / "file"));
    write((*this / "other"), "1");
    fs::remove((*this / "other"));
    fs::create_directory((*this / "directory"));
    EXPECT_FALSE(changed());
}

TEST_F(ChangeWatchTest, WhatTheDaemonLearnsCounts) {
    int told = 0;
    watch_.on_change([&] { ++told; });
    settle();
    watch_.note();
    EXPECT_TRUE(changed());
    EXPECT_EQ(told, 1);
    write((*this / "file"), "");
    expect_watched((*this / "file"));
    write((*this / "file"), "x");
    EXPECT_TRUE(changed());
    EXPECT_EQ(told, 2);
}

TEST_F(ChangeWatchTest, ItsDescriptorWakes) {
    write((*this / "file"), "");
    expect_watched((*this / "file"));
    pollfd ready{watch_.descriptor(), POLLIN, 0};
    EXPECT_EQ(::poll(&ready, 1, 0), 0);
    write((*this / "file"), "x");
    EXPECT_EQ(::poll(&ready, 1, 0), 1);
}

TEST_F(ChangeWatchTest, NoPromiseOfWhatOthersChange) {
    EXPECT_FALSE(watch_.watch("/proc/self/status")) << "no events";
    EXPECT_FALSE(watch_.watch("relative"));
    fs::create_symlink("itself", (*this / "itself"));
    EXPECT_FALSE(watch_.watch((*this / "itself")));
}

// A mount hides what is below it without an event there.
TEST_F(ChangeWatchTest, AMountOverIt) {
    fs::create_directory((*this / "secrets"));
    write((*this / "secrets/key"), "1");
    const pid_t child = ::fork();
    if (child == 0) {
        if (::unshare(::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
            ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            ::_exit(2);
        ChangeWatch watch;
        if (!watch.watch((*this / "secrets/key"))) ::_exit(3);
        watch.look_again();
        const auto before = watch.revision();
        watch.look_again();
        if (watch.revision() != before) ::_exit(4);
        if (::mount("none", (*this / "secrets").c_str(), "tmpfs", 0, nullptr) != 0) ::_exit(2);
        watch.look_again();
        ::_exit(watch.revision() != before ? 0 : 5);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 0) << "2: no mount to be had, 3: not watched, 4: a change that was none, 5: unseen";
}

}  // namespace
}  // namespace capsule
