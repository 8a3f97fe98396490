// Where the daemon will not listen, and whose place it does not take.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/support/capsule_test.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

class SocketPlace : public CapsuleTest {
  protected:
    Program capsuled() const {
        // Elsewhere, since what is wrong with the directory of the test would be wrong with these, too.
        return {
            .argv = {CAPSULED_BINARY, "--socket", socket()},
            .env = with(base_env(), {{"STATE_DIRECTORY", state_.path().string()}, {"HOME", state_.path().string()}})};
    }

    void expect_refused(const char* reason) const {
        const Outcome outcome = run_command(capsuled());
        EXPECT_EQ(outcome.exit_code, 1);
        EXPECT_THAT(outcome.err,
                    AllOf(HasSubstr(socket().parent_path().string()), HasSubstr(reason), HasSubstr("--socket")));
        EXPECT_FALSE(fs::exists(socket()));
    }

  private:
    TempDir state_;
};

TEST_F(SocketPlace, ALinkedDirectoryIsRefused) {
    fs::create_directories(dir_ / "elsewhere");
    fs::create_directory_symlink(dir_ / "elsewhere", dir_ / "run");
    expect_refused("symbolic link");
    EXPECT_TRUE(fs::is_empty(dir_ / "elsewhere"));
}

// The kernel goes up from where the link leads to: there, into a directory of another user's.
TEST_F(SocketPlace, APathThatGoesUpFromALinkIsRefused) {
    fs::create_directories(dir_ / "run");
    fs::create_directories(dir_ / "theirs/below");
    fs::create_directory_symlink(dir_ / "theirs/below", dir_ / "run/link");
    if (am_root()) {
        ASSERT_EQ(chown((dir_ / "theirs").c_str(), nobody.uid, nobody.gid), 0);
    }
    Program program = capsuled();
    program.argv.back() = (dir_ / "run/link/../capsule.sock").string();
    const Outcome outcome = run_command(program);
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err, HasSubstr("has a \"..\" in it"));
    EXPECT_FALSE(fs::exists(dir_ / "theirs/capsule.sock"));
}

TEST_F(SocketPlace, AnotherUsersDirectoryIsRefused) {
    if (!am_root()) GTEST_SKIP() << "needs root to give a directory away";
    fs::create_directories(dir_ / "run");
    ASSERT_EQ(chown((dir_ / "run").c_str(), nobody.uid, nobody.gid), 0);
    expect_refused("nobody");
}

TEST_F(SocketPlace, ADirectoryThatEverybodyMayWriteToIsRefused) {
    fs::create_directories(dir_ / "run");
    fs::permissions(dir_ / "run", fs::perms{0777});
    expect_refused("everybody may write");
}

TEST_F(SocketPlace, ADirectoryThatItsGroupMayWriteToIsRefused) {
    fs::create_directories(dir_ / "run");
    fs::permissions(dir_ / "run", fs::perms{0770});
    expect_refused("its group may write");
}

TEST_F(SocketPlace, ADirectoryBelowOneThatOthersMayWriteToIsRefused) {
    fs::create_directories(dir_ / "run");
    fs::permissions(dir_ / "run", fs::perms{0750});
    for (const int mode : {0775, 0777}) {
        fs::permissions(dir_.path(), fs::perms(mode));
        expect_refused(mode == 0775 ? "its group may write" : "everybody may write");
    }
    fs::remove(dir_ / "run");
    expect_refused("everybody may write");
    EXPECT_FALSE(fs::exists(dir_ / "run")) << "nothing is made there either";
    fs::permissions(dir_.path(), fs::perms{0755});
}

TEST_F(SocketPlace, ADirectoryBelowAnotherUsersIsRefused) {
    if (!am_root()) GTEST_SKIP() << "needs root to give a directory away";
    fs::create_directories(dir_ / "run");
    fs::permissions(dir_ / "run", fs::perms{0750});
    ASSERT_EQ(chown(dir_.path().c_str(), nobody.uid, nobody.gid), 0);
    expect_refused("nobody");
    ASSERT_EQ(chown(dir_.path().c_str(), 0, 0), 0);
}

TEST_F(SocketPlace, AFileInTheDirectorysPlaceIsRefused) {
    write_file(dir_ / "run", "precious");
    expect_refused("");
    EXPECT_EQ(read_file(dir_ / "run"), "precious");
}

TEST_F(SocketPlace, ALinkInTheSocketsPlaceIsNotFollowed) {
    write_file(dir_ / "precious", "precious");
    fs::create_directories(dir_ / "run");
    fs::permissions(dir_ / "run", fs::perms{0750});
    fs::create_symlink(dir_ / "precious", socket());
    EXPECT_EQ(run_command(capsuled()).exit_code, 1);
    EXPECT_EQ(read_file(dir_ / "precious"), "precious");
}

// Several at once over a stale socket: one of them serves, the others say so and leave it alone.
TEST_F(SocketPlace, OfSeveralDaemonsThatStartAtOnceOneServes) {
    start();
    daemon().signal(SIGKILL);
    daemon().wait();
    ASSERT_TRUE(fs::exists(socket()));
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int round = 0; round < 5; ++round) {
        std::vector<pid_t> running;
        for (int i = 0; i < 4; ++i)
            running.push_back(start_program(capsuled(), {nothing, nothing, nothing}));
        EXPECT_TRUE(eventually([&] {
            std::erase_if(running, [](pid_t pid) {
                int status = 0;
                if (waitpid(pid, &status, WNOHANG) != pid) return false;
                EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 1);
                return true;
            });
            return running.size() <= 1;
        }));
        ASSERT_EQ(running.size(), 1U);
        RawConnection connection(socket());
        EXPECT_EQ(at(parse(connection.ask(request("1", "status"))), "/result/pid").to_number<pid_t>(), running[0]);
        kill(running[0], SIGKILL);
        waitpid(running[0], nullptr, 0);
    }
    close(nothing);
}

TEST_F(SocketPlace, ASocketOfASuccessorIsNotRemoved) {
    start();
    fs::rename(socket(), dir_ / "run/moved.sock");
    const auto first = std::move(daemon_);
    fs::create_directories(dir_ / "other-state");
    fs::permissions(dir_ / "other-state", fs::perms{0700});
    start({.env = {{"STATE_DIRECTORY", (dir_ / "other-state").string()}}});
    EXPECT_EQ(first->stop(), 0);
    EXPECT_TRUE(fs::exists(socket())) << "it is the second one's";
    expect_alive();
}

}  // namespace
}  // namespace capsule::test
