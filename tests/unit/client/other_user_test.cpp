// What the process says that becomes another user's, and how long root waits for it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <new>
#include <string>
#include <vector>

#include "client/terminal/descriptors.hpp"
#include "client/verify/other_user.hpp"
#include "tests/support/silent_file.hpp"
#include "tests/support/silent_mount.hpp"
#include "tests/support/temp_dir.hpp"

namespace capsule {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr milliseconds long_enough{120'000};
constexpr milliseconds short_limit{300};

void say(std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(STDOUT_FILENO, text.data(), text.size());
        if (count <= 0) ::_exit(2);
        text.remove_prefix(static_cast<std::size_t>(count));
    }
}

[[noreturn]] void say_no_more() {
    for (;;)
        ::pause();
}

class OtherUser : public ::testing::Test {
  protected:
    Heard hear(std::function<void()> work, milliseconds first_limit = long_enough) {
        return hear_other_user({std::move(work),
                                [this](std::string_view line) -> std::optional<milliseconds> {
                                    lines_.emplace_back(line);
                                    if (line == "last") return milliseconds(0);
                                    if (line == "kill") ::kill(::getpid(), SIGTERM);
                                    if (line == "soon") return short_limit;
                                    return std::nullopt;
                                },
                                first_limit});
    }

    std::vector<std::string> lines_;
};

TEST_F(OtherUser, IsHeardToTheLastLine) {
    EXPECT_EQ(hear([] { say("one\n\xff\n\nlast\n"); }), Heard::all);
    EXPECT_THAT(lines_, ElementsAre("one", "\xff", "", "last"));
}

TEST_F(OtherUser, MayEndBeforeThat) {
    EXPECT_EQ(hear([] { say("one\nhalf"); }), Heard::ended);
    EXPECT_THAT(lines_, ElementsAre("one"));
    EXPECT_EQ(hear([] { ::raise(SIGKILL); }), Heard::ended);
}

TEST_F(OtherUser, HasNothingButItsOutput) {
    EXPECT_EQ(hear([] {
                  std::string seen;
                  for (int descriptor = 0; descriptor < 1000; ++descriptor)
                      if (::fcntl(descriptor, F_GETFD) >= 0) seen += std::to_string(descriptor) + " ";
                  const bool leads = ::getsid(0) == ::getpid();
                  char* const there = ::getcwd(nullptr, 0);
                  say(seen + (leads ? "leads " : "follows ") + there + "\nlast\n");
              }),
              Heard::all);
    EXPECT_THAT(lines_, ElementsAre("0 1 2 leads /", "last"));
}

TEST_F(OtherUser, IsWaitedForWithALimit) {
    EXPECT_EQ(hear(say_no_more, short_limit), Heard::too_late);
    EXPECT_EQ(hear([] {
                  say("soon\n");
                  say_no_more();
              }),
              Heard::too_late);
    EXPECT_EQ(hear(
                  [] {
                      for (;;)
                          say("more\n"), ::usleep(1000);
                  },
                  short_limit),
              Heard::too_late)
        << "a line that says nothing makes it no longer";
}

TEST_F(OtherUser, EndsWithRoots) {
    void* const page =
        ::mmap(nullptr, sizeof(std::atomic<pid_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    auto* const its = new (page) std::atomic<pid_t>(0);
    const pid_t root = ::fork();
    if (root == 0) {
        ::signal(SIGTERM, SIG_IGN);  // as a shell with `trap '' TERM` has it
        hear([&] {
            *its = ::getpid();
            say_no_more();
        });
        ::_exit(0);
    }
    for (int i = 0; i < 60'000 && *its == 0; ++i)
        ::usleep(1000);
    ASSERT_NE(*its, 0);
    const int end = static_cast<int>(::syscall(SYS_pidfd_open, its->load(), 0));
    ::kill(root, SIGKILL);
    ::waitpid(root, nullptr, 0);
    pollfd polled{end, POLLIN, 0};
    EXPECT_EQ(::poll(&polled, 1, 60'000), 1);
    ::kill(*its, SIGKILL);
    ::close(end);
    ::munmap(page, sizeof(std::atomic<pid_t>));
}

TEST(Nothing, IsInTheirPlaceWhereDevNullCannotBeOpened) {
    const pid_t child = ::fork();
    if (child == 0) {
        const rlimit none{0, 0};
        ::setrlimit(RLIMIT_NOFILE, &none);
        replace_with_nothing({STDIN_FILENO});
        ::_exit(::fcntl(STDIN_FILENO, F_GETFD) < 0 ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

// Whoever has taken what it writes to keeps it open.
TEST_F(OtherUser, WhoHasItsOutputTooHoldsNothingUp) {
    const auto leave_one = [](std::string_view text) {
        if (::fork() == 0) {
            ::sleep(20);
            ::_exit(0);
        }
        say(text);
    };
    EXPECT_EQ(hear([&] { leave_one("one\n"); }), Heard::ended);
    EXPECT_EQ(hear([&] { leave_one("last\n"); }), Heard::all);
}

// The kernel copies from memory that never comes, into what root reads.
TEST_F(OtherUser, NorDoesWhoIsStillWritingToIt) {
    if (!test::has_mounts_of_its_own()) GTEST_SKIP() << "needs /dev/fuse and mounts of its own";
    const test::TempDir directory;
    const test::SilentFile silent(directory / "silent", std::chrono::seconds(60));
    const auto began = std::chrono::steady_clock::now();
    const auto hold = [&] {
        const int file = ::open(silent.path().c_str(), O_RDONLY | O_CLOEXEC);
        struct stat status {};
        ::fstat(file, &status);  // the kernel asks how long it is
        std::string line(4095, 'x');
        line += '\n';
        std::array<iovec, 2> parts{iovec{line.data(), line.size()},
                                   iovec{::mmap(nullptr, line.size(), PROT_READ, MAP_PRIVATE, file, 0), line.size()}};
        if (::fork() == 0) ::_exit(::writev(STDOUT_FILENO, parts.data(), parts.size()) > 0 ? 0 : 1);
        say_no_more();
    };
    EXPECT_EQ(hear(hold, milliseconds(3000)), Heard::too_late);
    EXPECT_TRUE(silent.was_read());
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(40));
}

TEST_F(OtherUser, SaysTooMuch) {
    const auto talk = [](const std::string& text) {
        for (;;)
            say(text);
    };
    EXPECT_EQ(hear([&] { talk(std::string(65536, 'x')); }), Heard::too_much);
    EXPECT_THAT(lines_, IsEmpty());
    EXPECT_EQ(hear([] {
                  for (int i = 0; i < 128; ++i)
                      say(std::string(65535, 'x') + "\n");
                  say("last\n");
              }),
              Heard::too_much);
}

TEST_F(OtherUser, ASignalToRootsEndsTheWait) {
    EXPECT_EQ(hear([] {
                  say("kill\n");
                  say_no_more();
              }),
              Heard::interrupted);
}

}  // namespace
}  // namespace capsule
