#include "daemon/home/worker.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>
#include <vector>

#include "daemon/base/time_limit.hpp"
#include "tests/unit/home/worker_fixture.hpp"

namespace capsule {
namespace {

namespace asio = boost::asio;

TEST_F(Worker, GivesWhatTheJobGives) {
    EXPECT_EQ(*ask([]() -> Result<int> { return 7; }, patient), 7);
    const auto failed = ask([]() -> Result<int> { return Error{ErrorCode::key_error, "no", ""}; }, patient);
    EXPECT_EQ(failed.error().code, ErrorCode::key_error);
    EXPECT_EQ(*thread(), *thread());
    EXPECT_NE(*thread(), std::this_thread::get_id());
}

// As a lease, a lock or a FIFO of the session's user would.
TEST_F(Worker, ACallThatWaitsIsInterruptedAtTheLimitAndTheThreadGoesOn) {
    const std::string fifo = directory_.path() + "/fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    const auto before = *thread();
    const auto error = std::make_shared<std::atomic<int>>(0);
    const auto result = ask(
        [fifo, error]() -> Result<int> {
            const int fd = ::open(fifo.c_str(), O_RDONLY | O_CLOEXEC);
            *error = errno;
            return fd;
        },
        soon);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::io_error);
    EXPECT_NE(result.error().message.find("somebody"), std::string::npos);
    EXPECT_FALSE(result.error().hint.empty());
    EXPECT_EQ(*error, EINTR);
    EXPECT_EQ(*thread(), before);
}

TEST_F(Worker, AThreadThatDoesNotComeBackIsLeftBehindAndAnotherGoesOn) {
    const auto go = std::make_shared<std::atomic<bool>>(false);
    const auto before = *thread();
    EXPECT_FALSE(ask(stuck(go), soon));
    const auto after = thread(2);
    ASSERT_TRUE(after);
    EXPECT_NE(*after, before);
    EXPECT_FALSE(ask(stuck(go), soon, 1));
    EXPECT_FALSE(thread(1)) << "two of each asker";
    EXPECT_TRUE(thread(2));
    *go = true;
}

TEST_F(Worker, ThoseThatAreLeftBehindAreNotMoreThanAFew) {
    const auto go = std::make_shared<std::atomic<bool>>(false);
    for (HomeWorker::Asker asker = 1; asker <= most_stuck_home_threads; ++asker)
        EXPECT_FALSE(ask(stuck(go), soon, asker));
    const auto began = std::chrono::steady_clock::now();
    EXPECT_FALSE(thread(100));
    EXPECT_LT(std::chrono::steady_clock::now() - began, patient / 2) << "it is refused at once";
    for (std::size_t i = 0; i < most_stuck_of_an_asker; ++i) {
        EXPECT_TRUE(thread(HomeWorker::first)) << "root has two more";
        EXPECT_FALSE(ask(stuck(go), soon, HomeWorker::first));
    }
    EXPECT_FALSE(thread(HomeWorker::first));
    *go = true;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!thread(100) && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(milliseconds(5));
    EXPECT_TRUE(thread(100)) << "they came back";
}

TEST_F(Worker, WhoWaitsBehindAnotherIsAnsweredAtItsOwnLimit) {
    const auto go = std::make_shared<std::atomic<bool>>(false);
    std::optional<bool> first;
    asio::co_spawn(io_, worker_.run(stuck(go), patient, 1),
                   [&](std::exception_ptr, Result<int> result) { first = static_cast<bool>(result); });
    bool ran = false;
    asio::co_spawn(io_,
                   worker_.run(
                       [&ran]() -> Result<int> {
                           ran = true;
                           return 0;
                       },
                       soon, 1),
                   [&](std::exception_ptr, Result<int> result) {
                       EXPECT_FALSE(result);
                       *go = true;
                   });
    io_.run();
    EXPECT_EQ(first, true);
    EXPECT_FALSE(ran);
}

TEST_F(Worker, ThoseThatWaitHaveItInTurns) {
    const auto go = std::make_shared<std::atomic<bool>>(false);
    std::vector<int> order;
    int left = 0;
    const auto add = [&](auto job, HomeWorker::Asker asker) {
        ++left;
        asio::co_spawn(io_, worker_.run(std::move(job), patient, asker), [&](std::exception_ptr, Result<int> result) {
            EXPECT_TRUE(result);
            --left;
        });
    };
    const auto note = [&order](int number) {
        return [&order, number]() -> Result<int> {
            order.push_back(number);
            return number;
        };
    };
    add(stuck(go), 1);
    for (int number = 10; number < 14; ++number)
        add(note(number), 1);
    add(note(20), 2);
    add(note(21), 2);
    add(note(30), HomeWorker::first);
    asio::post(io_, [&] { *go = true; });
    io_.run();
    EXPECT_EQ(left, 0);
    EXPECT_EQ(order, (std::vector<int>{30, 20, 10, 21, 11, 12, 13}));
}

TEST_F(Worker, AJobKnowsHowMuchTimeItHas) {
    EXPECT_FALSE(*ask([]() -> Result<bool> { return time_is_up(); }, patient));
    const auto up = ask(
        []() -> Result<bool> {
            while (!time_is_up())
                std::this_thread::sleep_for(milliseconds(1));
            return true;
        },
        soon);
    EXPECT_TRUE(up || up.error().code == ErrorCode::io_error);
    EXPECT_FALSE(time_is_up()) << "of that thread alone";
}

constexpr uid_t nobodys = 65533;
const SessionUser nobody{.name = "somebody", .uid = nobodys, .gid = 0, .groups = {}};

/// How many processes and threads this user may have. Root has no such limit.
bool allow(rlim_t processes) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NPROC, &limit) != 0) return false;
    limit.rlim_cur = processes;
    return ::setrlimit(RLIMIT_NPROC, &limit) == 0;
}

bool says_no_thread(const Error& error) {
    return error.message.find("cannot start a thread") != std::string::npos && !error.hint.empty();
}

/// As a user who may have no process more. Gives the process's exit status.
int start_without_a_place() {
    if (!allow(0) || ::setresuid(nobodys, nobodys, nobodys) != 0) return 2;
    try {
        const HomeWorker worker(nobody, true);
    } catch (const Failure& failure) {
        return says_no_thread(failure.error()) ? 0 : 3;
    } catch (...) {
        return 4;
    }
    return 1;
}

TEST(WorkerWithoutAThread, SaysSo) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to be another user";
    EXPECT_EXIT(::_exit(start_without_a_place()), ::testing::ExitedWithCode(0), "");
}

/// With three threads, where five are wanted. Gives the process's exit status.
int have_a_few() {
    if (!allow(4) || ::setresuid(nobodys, nobodys, nobodys) != 0) return 2;
    asio::io_context io;
    HomeWorker worker(nobody, true);
    const auto go = std::make_shared<std::atomic<bool>>(false);
    for (HomeWorker::Asker asker = 1; asker < 4; ++asker)
        asio::co_spawn(io, worker.run(stuck(go), patient, asker), [](std::exception_ptr, const Result<int>&) {});
    bool served = false;
    auto of_root = [go]() -> Result<int> {
        *go = true;
        return 0;
    };
    asio::co_spawn(io, worker.run(std::move(of_root), patient, HomeWorker::first),
                   [&](std::exception_ptr, const Result<int>& result) { served = bool(result); });
    io.run();
    return served ? 0 : 3;
}

TEST(WorkerWithoutAThread, RootHasItsOwnAmongFew) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to be another user";
    EXPECT_EXIT(::_exit(have_a_few()), ::testing::ExitedWithCode(0), "");
}

/// The thread is held up while there is no other to have. Gives the process's exit status.
int lose_the_thread() {
    if (!allow(100) || ::setresuid(nobodys, nobodys, nobodys) != 0) return 2;
    asio::io_context io;
    HomeWorker worker(nobody, true, 1);
    HomeWorker::Asker asker = 0;
    const auto ask = [&](auto job, milliseconds limit) { return run(io, worker.run(std::move(job), limit, ++asker)); };
    const auto seven = []() -> Result<int> { return 7; };
    if (!ask(seven, patient) || !allow(0)) return 3;
    const auto go = std::make_shared<std::atomic<bool>>(false);
    if (ask(stuck(go), soon)) return 4;
    const auto refused = ask(seven, patient);
    if (refused || !says_no_thread(refused.error())) return 5;
    if (!allow(100)) return 6;
    return ask(seven, patient) ? 0 : 7;
}

TEST(WorkerWithoutAThread, HasOneAgainWhenThereIsOneToHave) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to be another user";
    EXPECT_EXIT(::_exit(lose_the_thread()), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace capsule
