#include "daemon/users/groups.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace capsule {
namespace {

TEST(PrivateGroup, IsOneThatNobodyElseIsIn) {
    const std::string groups = "/tmp/capsule-groups-" + std::to_string(::getpid()), users = groups + "-users";
    const auto is_private = [&](gid_t gid, const std::string& group_line, const std::string& user_line = "") {
        std::ofstream(groups) << "root:x:0:\n" << group_line << "\n";
        std::ofstream(users) << "root:x:0:0::/root:/bin/sh\nagent:x:4711:4712::/a:/bin/sh\n" << user_line << "\n";
        return is_private_group(gid, {"agent", 4711, 4712, {}}, groups, users);
    };
    EXPECT_TRUE(is_private(4712, "agent:x:4712:"));
    EXPECT_TRUE(is_private(4712, "agent:x:4712:agent,root"));
    EXPECT_TRUE(is_private(0, ""));
    EXPECT_TRUE(is_private(4711, "")) << "as containers have it";
    EXPECT_FALSE(is_private(4712, "")) << "whose it is, is not known";
    EXPECT_FALSE(is_private(4712, "users:x:4712:")) << "those of a directory service may be in it";
    EXPECT_FALSE(is_private(4712, "agent:x:4712:eve"));
    EXPECT_FALSE(is_private(4712, "agent:x:4712:", "eve:x:4713:4712::/e:/bin/sh"));
    EXPECT_FALSE(is_private(0, "", "eve:x:4713:0::/e:/bin/sh"));
    EXPECT_FALSE(is_private(0, "root:x:0:eve"));
    const auto behind_one_of = [](std::size_t size) { return "long:x:9:" + std::string(size, 'x') + "\n"; };
    EXPECT_TRUE(is_private(4711, behind_one_of(20'000)));
    EXPECT_FALSE(is_private(4711, behind_one_of(20'000) + "agent:x:4711:eve"));
    EXPECT_FALSE(is_private(4711, behind_one_of(longest_group_entry))) << "nobody knows what is behind it";
    for (const std::string& path : {groups, users})
        std::filesystem::remove(path);
}

}  // namespace
}  // namespace capsule
