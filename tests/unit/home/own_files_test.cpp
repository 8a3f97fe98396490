#include "daemon/home/own_files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "daemon/process/interrupt.hpp"
#include "tests/unit/home/worker_fixture.hpp"

namespace capsule {
namespace {

/// Whether this process (but for threads with files of their own) has such a file open.
bool has_open(const std::string& path) {
    std::error_code ignored;
    for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd"))
        if (std::filesystem::read_symlink(each.path(), ignored) == path) return true;
    return false;
}

// Whoever starts a program would otherwise wait until the server of the file's file system answers.
TEST_F(Worker, WhatAJobHasOpenNoOtherThreadHas) {
    const std::string path = directory_.path() + "/file";
    std::ofstream(path) << "x";
    const auto opened = std::make_shared<std::promise<bool>>();
    const auto go = std::make_shared<std::promise<void>>();
    std::thread looks([&] {
        EXPECT_TRUE(opened->get_future().get());
        EXPECT_FALSE(has_open(path));
        go->set_value();
    });
    const auto closed = ask(
        [path, opened, go]() -> Result<int> {
            const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
            opened->set_value(fd >= 0);
            go->get_future().wait();
            return ::close(fd);
        },
        patient);
    looks.join();
    EXPECT_EQ(*closed, 0);
    EXPECT_TRUE(has_open(std::filesystem::read_symlink("/proc/self/fd/0").string())) << "it would have been seen";
}

// Of the process's signals: their handlers write to a pipe that the thread does not have.
TEST_F(Worker, AThreadTakesNoSignalButTheOneForIt) {
    const auto blocked = ask(
        []() -> Result<int> {
            sigset_t mask;
            ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
            int count = 0;
            for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, interrupting_signal()})
                count += ::sigismember(&mask, signal);
            return ::sigismember(&mask, interrupting_signal()) == 0 ? count : -1;
        },
        patient);
    EXPECT_EQ(*blocked, 4);
}

// A socket is closed for the other end when all that have it have closed it, even if a thread never comes back.
TEST(WorkerWithFilesOfItsOwn, KeepsNothingOpenThatTheDaemonCloses) {
    asio::io_context io;
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    HomeWorker worker({.name = "somebody", .uid = ::geteuid(), .gid = ::getegid(), .groups = {}}, true);
    EXPECT_EQ(*run(io, worker.run([]() -> Result<int> { return 7; }, patient, 1)), 7) << "the loop is woken";
    ::close(ends[1]);
    // Another thread of the worker's may just have begun: it closes its copy, too.
    pollfd end{ends[0], POLLIN, 0};
    EXPECT_EQ(::poll(&end, 1, 30'000), 1);
    char byte = 0;
    EXPECT_EQ(::read(ends[0], &byte, 1), 0) << "the end";
    ::close(ends[0]);
}

}  // namespace
}  // namespace capsule
