// Keys that are not there, by the calls that are made to find that out.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "daemon/base/known_missing.hpp"
#include "daemon/keys/directory_source.hpp"
#include "daemon/keys/secret_file.hpp"
#include "protocol/trusted_path.hpp"
#include "temporary_home.hpp"
#include "tests/support/silent_mount.hpp"
#include "tests/support/system_calls.hpp"

namespace capsule {
namespace {

using test::Calls;
using test::TemporaryHome;

// To look for a name that a tmpfs does not have waits for whoever holds the directory.
TEST(ClosedDirectory, OneThatIsNotThereIsNotLookedForAgain) {
    const TemporaryHome home;
    const std::string secrets = home.path() + "/secrets";
    const auto calls = [&] {
        constexpr std::size_t never = 1'000'000;
        return test::run_with_fault({never, Calls::files}, [&] { return is_closed(secrets) ? 0 : 1; });
    };
    EXPECT_TRUE(is_closed(secrets));
    EXPECT_GT(calls().calls.size(), 1U) << "something has just happened there";
    const std::string link = home.path() + "/link", target = home.path() + "/below/secrets";
    std::filesystem::create_directory(home.path() + "/below");
    std::filesystem::create_symlink(target, link);
    std::this_thread::sleep_for(std::chrono::milliseconds(2'100));
    EXPECT_TRUE(is_closed(secrets));
    EXPECT_TRUE(is_closed(link));
    std::filesystem::create_directory(target);
    EXPECT_FALSE(is_closed(link)) << "where it leads has come";
    const test::Ended again = calls();
    EXPECT_EQ(again.status, 0);
    EXPECT_EQ(again.calls.size(), 1U) << "the directory above is looked at";
    std::filesystem::create_directory(secrets);
    learn_what_is_beside(secrets);  // however slow the machine is
    EXPECT_FALSE(is_closed(secrets));
    std::filesystem::remove(secrets);
    EXPECT_TRUE(is_closed(secrets));
}

TEST(KnownMissing, AFileIsNotLookedForInADirectoryThatOthersMayList) {
    const TemporaryHome home;
    const std::string secrets = home.path() + "/secrets", path = secrets + "/ZAI_API_KEY";
    std::filesystem::create_directory(secrets);
    std::filesystem::permissions(secrets, std::filesystem::perms{0755});
    std::this_thread::sleep_for(std::chrono::milliseconds(2'100));
    EXPECT_TRUE(is_known_missing(path));
    const auto calls_of = [&](const std::function<bool()>& look) {
        constexpr std::size_t never = 1'000'000;
        return test::run_with_fault({never, Calls::files}, [&] { return look() ? 0 : 1; }).calls.size();
    };
    EXPECT_EQ(calls_of([&] { return read_secret_file(path) && !*read_secret_file(path); }), 2U)
        << "the directory is looked at";
    EXPECT_EQ(calls_of([&] { return !others_can_read(path); }), 1U);
}

// Nor is the directory itself, where that is not there: the listing of the first one above it that is says so.
TEST(KnownMissing, ADirectoryIsNotLookedForInOneThatOthersMayList) {
    const TemporaryHome home;
    const std::string run = home.path() + "/run", path = run + "/llm/keys/ZAI_API_KEY";
    std::filesystem::create_directory(run);
    std::filesystem::permissions(run, std::filesystem::perms{0755});
    std::this_thread::sleep_for(std::chrono::milliseconds(2'100));
    learn_what_is_beside(path);
    EXPECT_TRUE(is_known_missing(path));
    EXPECT_TRUE(is_known_missing(run + "/llm/keys"));
    const auto calls_of = [&](const std::function<bool()>& look) {
        constexpr std::size_t never = 1'000'000;
        return test::run_with_fault({never, Calls::files}, [&] { return look() ? 0 : 1; }).calls.size();
    };
    EXPECT_EQ(calls_of([&] { return read_secret_file(path) && !*read_secret_file(path); }), 2U)
        << "the directory above is looked at";
    EXPECT_EQ(calls_of([&] { return is_closed(run + "/llm/keys"); }), 1U);
    std::ofstream(run + "/other") << "";
    learn_what_is_beside(path);
    const std::size_t to_see_the_directory = calls_of([&] { return look_at_trusted(run).error == 0; });
    EXPECT_EQ(calls_of([&] { return is_closed(run + "/llm/keys"); }), 1U + to_see_the_directory) << "and listed anew";
    std::filesystem::create_directories(run + "/llm/keys");
    learn_what_is_beside(path);  // however slow the machine is
    EXPECT_FALSE(is_closed(run + "/llm/keys"));
    std::ofstream(path) << "FAKE-zai-key-0000000001";
    learn_what_is_beside(path);
    EXPECT_FALSE(is_known_missing(path));
    std::filesystem::remove_all(run + "/llm");
    EXPECT_TRUE(is_known_missing(path));
}

TEST(KnownMissing, AFileIsThereAsSoonAsItIsWritten) {
    const TemporaryHome home;
    const std::string secrets = home.path() + "/secrets", path = secrets + "/ZAI_API_KEY";
    std::filesystem::create_directory(secrets);
    std::filesystem::permissions(secrets, std::filesystem::perms{0755});
    for (int round = 0; round < 3; ++round) {
        learn_what_is_beside(path);
        EXPECT_TRUE(is_known_missing(path));
        std::ofstream(path) << "FAKE-zai-key-0000000001";
        EXPECT_FALSE(is_known_missing(path));
        std::filesystem::remove(path);
        EXPECT_TRUE(is_known_missing(path));
    }
}

TEST(KnownMissing, OnlyWhereItIsCertainAndWorthIt) {
    const TemporaryHome home;
    const std::string secrets = home.path() + "/secrets", path = secrets + "/ZAI_API_KEY";
    EXPECT_TRUE(is_known_missing(path)) << "the directory is missing";
    std::filesystem::create_directory(secrets);
    for (const mode_t mode : {0711U, 0700U, 0777U, 01777U}) {
        std::filesystem::permissions(secrets, std::filesystem::perms{mode});
        EXPECT_FALSE(is_known_missing(path)) << std::oct << mode;
    }
    EXPECT_FALSE(is_known_missing("ZAI_API_KEY"));
    EXPECT_FALSE(is_known_missing("/ZAI_API_KEY"));
    EXPECT_FALSE(is_known_missing(secrets + "/"));
    std::filesystem::permissions(secrets, std::filesystem::perms{0755});
    EXPECT_TRUE(is_known_missing(path));
}

TEST(ClosedDirectory, BelowAnotherUsersFileSystemNothingIsAsked) {
    if (!test::has_mounts_of_its_own()) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    const TemporaryHome home;
    const test::SilentMount theirs(home.path(), 4711);
    EXPECT_FALSE(is_closed(home.path() + "/run/secrets")) << "what is read there is refused";
}

}  // namespace
}  // namespace capsule
