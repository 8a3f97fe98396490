#include "daemon/handlers/asking_process.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "tests/support/silent_mount.hpp"

namespace capsule {
namespace {

namespace asio = boost::asio;
class AskingProcess : public ::testing::Test {
  protected:
    void SetUp() override {
        if (pid_ != 0) return;
        ::pause();
        ::_exit(0);
    }
    void TearDown() override { end(); }
    void end() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(std::exchange(pid_, -1), nullptr, 0);
    }

    Caller caller() const {
        Caller out;
        out.pid = pid_;
        out.connected_at = ticks_since_boot();
        return out;
    }
    Result<FoundProcess> ask(Caller caller) {
        std::optional<Result<FoundProcess>> out;
        asio::co_spawn(io_, asking_process(services_, caller),
                       [&](const std::exception_ptr& failed, Result<FoundProcess> found) {
                           if (!failed) out = std::move(found);
                       });
        io_.restart();
        while (!out && io_.run_one_for(std::chrono::minutes(1)) != 0)
            continue;
        return out.value();
    }
    static bool has_ended(const Result<FoundProcess>& found) { return found && !found->process && found->has_ended; }
    static bool is_over(const WatchedProcess& process, int milliseconds) {
        pollfd one{process.end.get(), POLLIN, 0};
        return ::poll(&one, 1, milliseconds) == 1;
    }

    pid_t pid_ = ::fork();
    asio::io_context io_;
    Services services_{io_.get_executor(), {}};
};

TEST_F(AskingProcess, IsFoundByItsInode) {
    Caller asks = caller();
    asks.process_inode = process_with(pid_)->inode;
    if (asks.process_inode == 0) GTEST_SKIP() << "needs Linux 6.9";
    const auto found = ask(asks);
    ASSERT_TRUE(found && found->process);
    EXPECT_FALSE(is_over(*found->process, 0));
    ++asks.process_inode;
    EXPECT_TRUE(has_ended(ask(asks))) << "another process has the pid";
    --asks.process_inode;
    end();
    EXPECT_TRUE(is_over(*found->process, 20'000));
    EXPECT_TRUE(has_ended(ask(asks)));
}

TEST_F(AskingProcess, IsFoundByItsStartBeforeThat) {
    Caller asks = caller();
    const auto found = ask(asks);
    ASSERT_TRUE(found && found->process);
    EXPECT_FALSE(is_over(*found->process, 0));
    asks.connected_at = found->process->identity.started - 1;
    EXPECT_TRUE(has_ended(ask(asks))) << "the process that connected then is another one";
    asks.connected_at = caller().connected_at;
    end();
    EXPECT_TRUE(is_over(*found->process, 20'000));
    EXPECT_TRUE(has_ended(ask(asks)));
}

TEST_F(AskingProcess, OfAnotherPidNamespaceIsNotKnown) {
    Caller asks = caller();
    asks.process_inode = process_with(pid_)->inode;
    asks.pid = 0;
    for (const std::uint64_t inode : {asks.process_inode, std::uint64_t{0}}) {
        asks.process_inode = inode;
        const auto found = ask(asks);
        ASSERT_TRUE(found);
        EXPECT_TRUE(!found->process && !found->has_ended);
    }
}

TEST_F(AskingProcess, IsNotWaitedForLongWhereProcIsBusy) {
    if (!test::has_mounts_of_its_own()) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    Caller asks = caller();
    asks.process_inode = process_with(pid_)->inode;
    const test::SilentMount busy("/proc");
    if (asks.process_inode != 0) {
        EXPECT_TRUE(ask(asks).value().process) << "/proc is not needed";
    }
    asks.process_inode = 0;
    const auto found = ask(asks);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().message, "which process asks could not be found out");
}

}  // namespace
}  // namespace capsule
