#include "daemon/sessions/keys_socket.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

#include "daemon/base/known_missing.hpp"
#include "tests/support/system_calls.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace capsule {
namespace {

// It is tried again every second for as long as the capsuled with the keys is away, and its directory in /run with it.
// To look for that there waits for whoever holds /run.
TEST(KeysSocket, IsNotLookedForInADirectoryThatOthersMayList) {
    const TempDir directory;
    const std::string path = directory.path() + "/capsule-keys/capsule.sock";
    std::filesystem::permissions(directory.path(), std::filesystem::perms{0755});
    std::this_thread::sleep_for(std::chrono::milliseconds(2'100));
    learn_what_is_beside(path);
    const auto tried = connect_to_keys(path);
    ASSERT_FALSE(tried);
    EXPECT_NE(tried.error().message.find("No such file"), std::string::npos) << tried.error().message;
    constexpr std::size_t never = 1'000'000;
    const auto again =
        test::run_with_fault({never, test::Calls::files}, [&] { return connect_to_keys(path).has_value() ? 1 : 0; });
    EXPECT_EQ(again.status, 0);
    EXPECT_EQ(again.calls.size(), 1U) << "the directory above is looked at";
}

}  // namespace
}  // namespace capsule
