// Who has the socket's place, when several want it in the same moment.
#include "daemon/server/listener.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <tuple>

namespace capsule {
namespace {

namespace fs = std::filesystem;

class Listener : public ::testing::Test {
  protected:
    void SetUp() override { ASSERT_NE(mkdtemp(directory_.data()), nullptr); }
    void TearDown() override { fs::remove_all(directory_); }

    std::string path() const { return directory_ + "/s"; }

    /// A socket that nobody listens on, as a killed daemon leaves it.
    void leave_a_stale_one() const {
        fs::remove(path());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path().copy(address.sun_path, sizeof address.sun_path - 1);
        const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ASSERT_EQ(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        ::close(descriptor);
    }

    std::string directory_ = "/tmp/capsule-listener-XXXXXX";
};

using Pipe = std::array<int, 2>;

// Between the look that a socket is stale and the taking of its place another one may have come up there.
TEST_F(Listener, OfManyThatOpenAtOnceOneHasThePlace) {
    constexpr int many = 6;
    for (int round = 0; round < 500 && !HasFailure(); ++round) {
        leave_a_stale_one();
        Pipe start{};
        Pipe said{};
        ASSERT_EQ(::pipe2(start.data(), O_CLOEXEC), 0);
        ASSERT_EQ(::pipe2(said.data(), O_CLOEXEC), 0);
        std::array<pid_t, many> children{};
        for (pid_t& child : children) {
            child = ::fork();
            if (child != 0) continue;
            ::close(start[1]);
            char unused = 0;
            std::ignore = ::read(start[0], &unused, 1);  // until nobody can write any more
            const auto socket = ListeningSocket::open(path(), std::nullopt);
            const char has_it = socket ? 'y' : 'n';
            std::ignore = ::write(said[1], &has_it, 1);
            ::pause();
        }
        ::close(start[0]);
        ::close(start[1]);
        int have_it = 0;
        for (int i = 0; i < many; ++i) {
            char has_it = 0;
            ASSERT_EQ(::read(said[0], &has_it, 1), 1);
            have_it += has_it == 'y';
        }
        EXPECT_EQ(have_it, 1) << "round " << round;
        for (const pid_t child : children) {
            ::kill(child, SIGKILL);
            ::waitpid(child, nullptr, 0);
        }
        ::close(said[0]);
        ::close(said[1]);
    }
}

// A program that a killed daemon was about to run has its socket a moment longer. Nobody has waited for the daemon yet.
TEST_F(Listener, WhatAKilledDaemonsProgramStillHasIsWaitedFor) {
    Pipe said{};
    Pipe until{};
    ASSERT_EQ(::pipe2(said.data(), O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(until.data(), O_CLOEXEC), 0);
    const pid_t daemon = ::fork();
    if (daemon == 0) {
        const auto socket = ListeningSocket::open(path(), std::nullopt);
        if (::fork() == 0) {
            ::close(until[1]);
            std::ignore = ::write(said[1], "y", 1);
            char unused = 0;
            std::ignore = ::read(until[0], &unused, 1);
            ::usleep(300'000);
            ::_exit(0);
        }
        ::pause();
    }
    char unused = 0;
    ASSERT_EQ(::read(said[0], &unused, 1), 1);
    const auto beside_it = ListeningSocket::open(path(), std::nullopt);
    ASSERT_FALSE(beside_it) << "it lives";
    EXPECT_NE(beside_it.error().message.find("another daemon answers"), std::string::npos) << beside_it.error().message;
    ::kill(daemon, SIGKILL);
    siginfo_t gone{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(daemon), &gone, WEXITED | WNOWAIT), 0);
    ::close(until[1]);
    EXPECT_TRUE(ListeningSocket::open(path(), std::nullopt));
    ::waitpid(daemon, nullptr, 0);
    for (const int end : {said[0], said[1], until[0]})
        ::close(end);
}

// It binds under its path and its number, and renames what it has bound.
TEST_F(Listener, WhatIsNotItsOwnIsLeftWhereItIs) {
    const std::string beside = path() + "." + std::to_string(::getpid() % 100'000);
    std::ofstream(beside) << "somebody's";
    const auto refused = ListeningSocket::open(path(), std::nullopt);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find(beside + " is in the way"), std::string::npos) << refused.error().message;
    EXPECT_EQ(fs::file_size(beside), 10U);
    fs::remove(beside);
    leave_a_stale_one();
    fs::rename(path(), beside);
    EXPECT_TRUE(ListeningSocket::open(path(), std::nullopt)) << "as a killed daemon leaves it";
    EXPECT_FALSE(fs::exists(beside));
}

}  // namespace
}  // namespace capsule
