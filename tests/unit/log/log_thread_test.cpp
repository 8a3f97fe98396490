#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>

#include "daemon/log/log.hpp"
#include "daemon/log/log_sink.hpp"
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

/// The log is a FIFO with a name.
struct Named {
    Named() {
        EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
        read_end = UniqueFd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        write_end = UniqueFd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
        start_log("info", LogFormat::text, false, path);
    }
    ~Named() {
        start_log("info", LogFormat::text, false);
        std::filesystem::remove_all(directory);
    }
    /// Once it is there.
    std::string read_some() const {
        pollfd ready{read_end.get(), POLLIN, 0};
        ::poll(&ready, 1, 60'000);
        std::array<char, 65536> text{};
        const ssize_t count = ::read(read_end.get(), text.data(), text.size());
        return {text.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
    }
    static std::string own_directory() {
        std::string name = std::filesystem::temp_directory_path() / "log-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        return name;
    }

    const std::string directory = own_directory(), path = directory + "/log";
    UniqueFd read_end, write_end;
};

/// What somebody else writes to the log's pipe or FIFO does not come, and the kernel holds it meanwhile.
template <class Log>
void expect_that_who_holds_it_holds_up_nobody_else() {
    const auto until_it_fails = std::chrono::seconds(40);
    const std::string path = std::filesystem::temp_directory_path() / ("silent-log-" + std::to_string(::getpid()));
    {
        test::SilentFile silent(path, until_it_fails);
        const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        struct stat status {};
        ASSERT_EQ(::fstat(file.get(), &status), 0);  // from now on the kernel knows its size
        void* const page = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, file.get(), 0);
        ASSERT_NE(page, MAP_FAILED);
        Log log;
        std::thread other([&] { [[maybe_unused]] const auto failed = ::write(log.write_end.get(), page, 4096); });
        const auto began = Clock::now();
        while (!silent.was_read() && Clock::now() - began < until_it_fails)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        spdlog::info("a line");
        EXPECT_TRUE(silent.was_read());
        EXPECT_LT(Clock::now() - began, until_it_fails / 2);
        silent.end();
        other.join();
        EXPECT_THAT(log.read_some(), testing::HasSubstr("a line\n")) << "it is there when the other has ended";
        ::munmap(page, 4096);
    }
    std::filesystem::remove(path);
}

TEST(LogThreads, WhoeverHoldsThePipeHoldsUpNobodyElse) {
    if (!test::has_mounts_of_its_own()) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    expect_that_who_holds_it_holds_up_nobody_else<Piped>();
}

TEST(LogThreads, NorDoesWhoeverHoldsTheFifoThatTheLogIs) {
    if (!test::has_mounts_of_its_own()) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    expect_that_who_holds_it_holds_up_nobody_else<Named>();
}

TEST(LogThreads, AFifoIsNotRenamedHoweverMuchHasGoneThroughIt) {
    Named log;
    const std::string line(6000, 'x');
    for (int i = 0; i < 800; ++i) {  // of a thousand some would be left out
        spdlog::info(line);
        while (!log.read_some().ends_with('\n')) {
        }
    }
    EXPECT_TRUE(std::filesystem::is_fifo(log.path));
}

// Lines that could not be written do not fill the file, so they do not put it aside.
TEST(LogFile, OnAFullDiskWhatWasWrittenStays) {
    const std::string directory = Named::own_directory(), path = directory + "/log";
    start_log("info", LogFormat::text, false, path);
    spdlog::info("the first line");
    // As a disk that is full, of which this process alone knows.
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit full{4096, before.rlim_max};
    const auto handler = ::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
    const std::string line(LogSink::largest_file / 16, 'x');
    for (int i = 0; i < 40; ++i)
        spdlog::info(line);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    ::signal(SIGXFSZ, handler);
    spdlog::info("a line with room");
    start_log("info", LogFormat::text, false);
    std::ifstream file(path);
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    EXPECT_LT(text.find("the first line\n"), 100U);
    const std::size_t told = text.find("39 lines were left out here: File too large\n");
    EXPECT_LT(told, text.find("a line with room\n"));
    EXPECT_NE(text.find("a line with room\n"), text.npos);
    EXPECT_FALSE(std::filesystem::exists(path + ".1"));
    std::filesystem::remove_all(directory);
}

TEST(LogFile, OneThatCannotBeRenamedIsEmptiedAndSaysSo) {
    const std::string directory = Named::own_directory(), path = directory + "/log";
    std::filesystem::create_directories(path + ".1/of somebody's");
    start_log("info", LogFormat::text, false, path);
    const std::string line(LogSink::largest_file / 8, 'x');
    for (int i = 0; i < 20; ++i)
        spdlog::info(line);
    spdlog::info("the last line");
    start_log("info", LogFormat::text, false);
    EXPECT_LE(std::filesystem::file_size(path), LogSink::largest_file);
    std::ifstream file(path);
    std::string first;
    std::getline(file, first);
    EXPECT_THAT(first,
                testing::AllOf(testing::HasSubstr("is gone: it cannot be renamed to " + path + ".1 (Is a directory)"),
                               testing::HasSubstr("move away")));
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    EXPECT_NE(text.find("the last line\n"), text.npos);
    std::filesystem::remove_all(directory);
}

TEST(LogFile, WithoutADescriptorForTheNextTheLinesStayInTheOneBefore) {
    const std::string directory = Named::own_directory(), path = directory + "/log";
    start_log("info", LogFormat::text, false, path);
    std::filesystem::resize_file(path, LogSink::largest_file);
    start_log("info", LogFormat::text, false, path);  // which looks how large it is
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{3, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    spdlog::info("a line");
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    start_log("info", LogFormat::text, false);
    std::ifstream file(path + ".1");
    file.seekg(static_cast<std::streamoff>(LogSink::largest_file));
    std::string line;
    std::getline(file, line);
    EXPECT_THAT(line, testing::EndsWith("a line"));
    std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace capsule
