#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <thread>

#include "daemon/log/log.hpp"
#include "tests/support/silent_file.hpp"
#include "tests/support/silent_mount.hpp"

namespace capsule {
namespace {

using Clock = std::chrono::steady_clock;

/// stderr is a pipe, for as long as this lives.
struct Piped {
    Piped() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        read_end = UniqueFd(ends[0]);
        write_end = UniqueFd(ends[1]);
        before = UniqueFd(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
        ::dup2(write_end.get(), STDERR_FILENO);
        start_log("info", LogFormat::text, false);
    }
    ~Piped() {
        ::dup2(before.get(), STDERR_FILENO);
        start_log("info", LogFormat::text, false);
    }
    std::string read_some() const {
        std::array<char, 65536> text{};
        const ssize_t count = ::read(read_end.get(), text.data(), text.size());
        return {text.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
    }

    UniqueFd read_end, write_end, before;
};

TEST(LogThreads, WhatWasLoggedBeforeTheEndIsWritten) {
    Piped piped;
    for (int i = 0; i < 100; ++i)
        spdlog::info("line {}", i);
    start_log("info", LogFormat::text, false);
    EXPECT_THAT(piped.read_some(), testing::HasSubstr("line 99\n"));
}

TEST(LogThreads, WhoeverHoldsThePipeHoldsUpNobodyElse) {
    if (!test::has_mounts_of_its_own()) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    const auto until_it_fails = std::chrono::seconds(40);
    const std::string path = std::filesystem::temp_directory_path() / ("silent-log-" + std::to_string(::getpid()));
    {
        test::SilentFile silent(path, until_it_fails);
        const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        struct stat status {};
        ASSERT_EQ(::fstat(file.get(), &status), 0);  // from now on the kernel knows its size
        void* const page = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, file.get(), 0);
        ASSERT_NE(page, MAP_FAILED);
        Piped piped;
        std::thread other([&] { [[maybe_unused]] const auto failed = ::write(piped.write_end.get(), page, 4096); });
        const auto began = Clock::now();
        while (!silent.was_read() && Clock::now() - began < until_it_fails)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        spdlog::info("a line");
        EXPECT_TRUE(silent.was_read());
        EXPECT_LT(Clock::now() - began, until_it_fails / 2);
        silent.end();
        other.join();
        EXPECT_THAT(piped.read_some(), testing::HasSubstr("a line\n")) << "it is there when the other has ended";
        ::munmap(page, 4096);
    }
    std::filesystem::remove(path);
}

}  // namespace
}  // namespace capsule
