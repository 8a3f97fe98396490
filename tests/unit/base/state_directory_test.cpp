#include "daemon/base/state_directory.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace capsule {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class StateDirectoryTest : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "state-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        top_ = pattern;
    }
    void TearDown() override { fs::remove_all(top_); }

    std::string path() const { return (top_ / "state/capsule").string(); }
    fs::path lock_file() const { return fs::path(path()) / "capsuled.lock"; }

    void expect_refused(StateDirectory& state, const std::string& what) const {
        const auto locked = state.lock();
        ASSERT_FALSE(locked);
        EXPECT_NE((locked.error().message + locked.error().hint).find(what), std::string::npos)
            << locked.error().message;
        EXPECT_NE(locked.error().message.find(path()), std::string::npos);
        EXPECT_NE(locked.error().hint.find("STATE_DIRECTORY"), std::string::npos);
    }

    fs::path top_;
};

TEST_F(StateDirectoryTest, IsOneDaemonsAtATime) {
    StateDirectory second(path());
    {
        StateDirectory first(path());
        ASSERT_TRUE(first.make());
        ASSERT_TRUE(first.lock()) << "it has it";
        ASSERT_TRUE(first.make());
        expect_refused(second, "another capsuled");
        EXPECT_FALSE(second.make());
    }
    EXPECT_TRUE(second.lock());
}

// What another user adds to it would be read as the daemon's own.
TEST_F(StateDirectoryTest, OfEverybodysIsRefusedThoughNobodyCanReplaceWhatIsThere) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root's daemon asks";
    StateDirectory state(path());
    fs::create_directories(path());
    ASSERT_EQ(::chmod(path().c_str(), 01777), 0);
    expect_refused(state, "can be added to by any user");
}

// Of one that was open once.
TEST_F(StateDirectoryTest, WithWhatAnotherUserMadeInItIsRefused) {
    if (::geteuid() != 0) GTEST_SKIP() << "giving a file away takes root";
    fs::create_directories(path());
    const fs::path made = fs::path(path()) / "sessions";
    fs::create_symlink("/etc", made);
    ASSERT_EQ(::lchown(made.c_str(), 4711, 4711), 0);
    StateDirectory next(path());
    expect_refused(next, "sessions belongs to user 4711");
    fs::remove(made);
    EXPECT_TRUE(next.lock());
}

TEST_F(StateDirectoryTest, IsNotMadeToBeLocked) {
    StateDirectory first(path()), second(path());
    EXPECT_TRUE(first.lock());
    EXPECT_TRUE(second.lock());
    EXPECT_FALSE(fs::exists(top_ / "state"));
    ASSERT_TRUE(second.make());
    EXPECT_FALSE(first.make()) << "who writes first has it";
}

TEST_F(StateDirectoryTest, IsPrivate) {
    ASSERT_TRUE(StateDirectory(path()).make());
    struct stat directory {
    }, file{};
    ASSERT_EQ(::stat(path().c_str(), &directory), 0);
    ASSERT_EQ(::stat(lock_file().c_str(), &file), 0);
    EXPECT_EQ(directory.st_mode & 0777U, 0700U);
    EXPECT_EQ(file.st_mode & 0777U, 0600U);
}

TEST_F(StateDirectoryTest, OneThatIsStillEndingIsWaitedFor) {
    StateDirectory first(path()), second(path());
    ASSERT_TRUE(first.make());
    std::thread ends([&] {
        std::this_thread::sleep_for(100ms);
        first = StateDirectory();
    });
    EXPECT_TRUE(second.lock(60s));
    ends.join();
}

TEST_F(StateDirectoryTest, WhoWasKilledHasItNoMore) {
    std::array<int, 2> told{};
    ASSERT_EQ(::pipe(told.data()), 0);
    const pid_t first = ::fork();
    if (first == 0) {
        StateDirectory state(path());
        const char locked = state.make() ? 'y' : 'n';
        (void)!::write(told[1], &locked, 1);
        ::pause();
    }
    char locked = 0;
    EXPECT_EQ(::read(told[0], &locked, 1), 1);
    EXPECT_EQ(locked, 'y');
    StateDirectory second(path());
    expect_refused(second, "another capsuled");
    ::kill(first, SIGKILL);
    ::waitpid(first, nullptr, 0);
    EXPECT_TRUE(second.lock());
    ::close(told[0]);
    ::close(told[1]);
}

TEST_F(StateDirectoryTest, APlantedLockIsRefused) {
    fs::create_directories(path());
    std::ofstream(top_ / "target") << "precious";
    fs::create_symlink(top_ / "target", lock_file());
    StateDirectory state(path());
    expect_refused(state, "capsuled.lock");
    fs::remove(lock_file());
    ASSERT_EQ(::mkfifo(lock_file().c_str(), 0600), 0);
    expect_refused(state, "capsuled.lock");
    fs::remove(lock_file());
    if (::geteuid() != 0) return;
    std::ofstream(lock_file()) << "";
    ASSERT_EQ(::chown(lock_file().c_str(), 65534, 65534), 0);
    expect_refused(state, "capsuled.lock");
    fs::remove(lock_file());
    ASSERT_EQ(::chown(path().c_str(), 65534, 65534), 0);
    expect_refused(state, "belongs to user");
    EXPECT_FALSE(fs::exists(lock_file()));
}

TEST_F(StateDirectoryTest, OneWithoutAPathIsNobodys) {
    StateDirectory none;
    EXPECT_TRUE(none.lock());
    EXPECT_TRUE(none.make());
}

}  // namespace
}  // namespace capsule
