#include "protocol/path_walk.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "protocol/message_sender.hpp"
#include "protocol/trusted_server.hpp"
#include "tests/support/sent_descriptor.hpp"
#include "tests/support/silent_mount.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;

class PathWalkTest : public ::testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(::mkdtemp(top_.data()), nullptr);
        fs::create_directories(top_ + "/a/b");
        std::ofstream(top_ + "/a/b/file") << "x";
    }
    void TearDown() override { fs::remove_all(top_); }

    static std::string end_of(const std::string& path) {
        const auto found = walk_to(path);
        if (!found) return found.error().message;
        return found->place ? found->path : found->path + ": " + std::generic_category().message(found->error);
    }
    UniqueFd listen_at(const std::string& path) const {
        UniqueFd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, path.size());
        EXPECT_EQ(::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listening.get(), 8), 0);
        return listening;
    }
    static Result<int> connect(const std::string& path) {
        const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        return connect_to(client.get(), path);
    }

    std::string top_ = "/tmp/capsule-walk-XXXXXX";
};

// Their end may wait, and this process for it when it ends.
TEST_F(PathWalkTest, TheOtherEndOfAConnectionCanSendNoDescriptors) {
    const UniqueFd listening = listen_at(top_ + "/s"), client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!take_no_descriptors(listening.get())) GTEST_SKIP() << "the kernel is older than 6.16";
    EXPECT_EQ(connect_to(client.get(), top_ + "/s").value(), 0);
    const UniqueFd server(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_EQ(test::send_with_descriptor(server.get(), listening.get(), 0), EPERM);
    EXPECT_EQ(::send(server.get(), "x", 1, 0), 1);
}

TEST_F(PathWalkTest, ComesToWhatThePathNames) {
    fs::create_symlink("../a", top_ + "/a/up");
    fs::create_symlink(top_ + "/a/b", top_ + "/all");
    fs::create_symlink(".", top_ + "/self");
    const std::string file = top_ + "/a/b/file";
    for (const char* path :
         {"/a/b/file", "//a/./b/../b/file", "/a/up/up/b/file", "/all/file", "/self/self/all/../b/file"})
        EXPECT_EQ(end_of(top_ + path), file) << path;
    EXPECT_EQ(end_of(top_ + "/self"), top_);
    EXPECT_EQ(end_of("/"), "/");
    EXPECT_EQ(end_of("/../.."), "/");
}

TEST_F(PathWalkTest, BeginsWhereTheProcessIsWhereThePathSaysNoOtherPlace) {
    const fs::path before = fs::current_path();
    fs::current_path(top_ + "/a");
    EXPECT_EQ(end_of("b/file"), top_ + "/a/b/file");
    EXPECT_EQ(end_of("../a"), top_ + "/a");
    fs::current_path(before);
}

TEST_F(PathWalkTest, SaysWhatIsMissingAndWhatCannotBeFollowed) {
    EXPECT_EQ(end_of(top_ + "/a/none/more"), top_ + "/a/none/more: No such file or directory");
    fs::create_symlink("gone", top_ + "/link");
    EXPECT_EQ(end_of(top_ + "/link"), top_ + "/gone: No such file or directory");
    EXPECT_EQ(end_of(top_ + "/a/b/file/more"), top_ + "/a/b/file/more: Not a directory");
    fs::create_symlink("round", top_ + "/round");
    EXPECT_EQ(end_of(top_ + "/round"), top_ + "/round: Too many levels of symbolic links");
}

TEST_F(PathWalkTest, EndsOnAWayThatLinksMakeLong) {
    const auto round = [](int times) {
        std::string path;
        for (int i = 0; i < times; ++i)
            path += "a/../";
        return path + "a";
    };
    fs::create_symlink(round(200), top_ + "/fine");
    EXPECT_EQ(end_of(top_ + "/fine"), top_ + "/a");
    fs::create_symlink(round(800), top_ + "/long");
    EXPECT_THAT(end_of(top_ + "/long"), ::testing::HasSubstr("Too many levels of symbolic links"));
}

TEST_F(PathWalkTest, AsksNoServerOfAnotherUsersFileSystem) {
    if (!test::has_mounts_of_its_own()) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    const test::SilentMount theirs(top_ + "/a", 4711);
    fs::create_symlink(top_ + "/a/b", top_ + "/all");
    const std::string refused = top_ + "/a is on a file system that user 4711 serves";
    for (const char* path : {"/a", "/a/b/file", "/all/file"})
        EXPECT_EQ(end_of(top_ + path), refused) << path;
    const auto connected = connect(top_ + "/a/b/socket");
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().code, ErrorCode::access_denied);
    EXPECT_EQ(connected.error().message, refused);
}

TEST_F(PathWalkTest, ConnectsToASocketByAnyName) {
    const std::string path = top_ + "/a/b/socket";
    const UniqueFd listening = listen_at(path);
    fs::create_symlink(path, top_ + "/link");
    EXPECT_EQ(connect(path).value(), 0);
    EXPECT_EQ(connect(top_ + "/link").value(), 0);
    EXPECT_EQ(connect(top_ + "/none").value(), ENOENT);
    // Whoever looked at the path once more to say so could wait for what is there by then.
    EXPECT_EQ(connect(top_ + "/a/b/file").value(), ENOTSOCK);
    EXPECT_EQ(connect(top_ + "/a/b/file/more").value(), ENOTDIR);
}

// A lookup in /proc/PID/map_files waits for what that process does with its memory.
TEST_F(PathWalkTest, GoesByNoOtherUsersLinkToTheKernelsFiles) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, who can give links away";
    const auto give_away = [&](const std::string& path) { ASSERT_EQ(::lchown(path.c_str(), 4711, 4711), 0); };
    const std::string own = "/proc/self/cmdline";
    fs::create_symlink(own, top_ + "/ours");
    fs::create_symlink(own, top_ + "/theirs");
    fs::create_symlink(own, top_ + "/a/b/in-theirs");
    fs::create_symlink("a", top_ + "/to-theirs");
    give_away(top_ + "/theirs");
    give_away(top_ + "/a");
    EXPECT_EQ(end_of(own), "/proc/" + std::to_string(::getpid()) + "/cmdline");
    EXPECT_EQ(end_of(top_ + "/ours"), "/proc/" + std::to_string(::getpid()) + "/cmdline");
    EXPECT_EQ(end_of(top_ + "/a/b/file"), top_ + "/a/b/file");
    for (const char* path : {"/theirs", "/a/b/in-theirs", "/to-theirs/b/in-theirs"})
        EXPECT_EQ(end_of(top_ + path), "/proc is the kernel's own, where another user's process may be waited for");
}

// Whose directory is on the way can have the walk end nowhere, and be another way for the kernel. (Of a link in /proc,
// the text leads nowhere once the file is gone, and the link does.)
TEST_F(PathWalkTest, ConnectsByNoPathThatItDidNotWalk) {
    const std::string path = top_ + "/socket";
    const UniqueFd listening = listen_at(path), seen(::open(path.c_str(), O_PATH | O_CLOEXEC));
    const std::string link = "/proc/self/fd/" + std::to_string(seen.get());
    EXPECT_EQ(connect(link).value(), 0);
    fs::remove(path);
    EXPECT_EQ(connect(link).value(), ENOENT);
}

TEST_F(PathWalkTest, EachStepIsTakenFromWhatWasThere) {
    PathWalk walk(top_ + "/a/b/file");
    while (walk.path() != top_ + "/a")
        walk.next();
    fs::rename(top_ + "/a", top_ + "/moved");
    fs::create_directories(top_ + "/a");  // another one, in which nothing is
    while (walk.error() == 0 && !walk.at_end())
        walk.next();
    EXPECT_EQ(walk.error(), 0);
    EXPECT_TRUE(S_ISREG(walk.status().st_mode));
}

}  // namespace
}  // namespace capsule
