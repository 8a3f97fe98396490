#include "protocol/mounts.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "protocol/safe_path.hpp"
#include "tests/support/silent_mount.hpp"

namespace capsule {
namespace {

using Servers = std::map<std::uint64_t, std::optional<uid_t>>;

TEST(Mounts, OfFuseSayWhoServesThem) {
    EXPECT_EQ(mounts_in("22 1 0:20 / / rw,relatime - overlay overlay rw,lowerdir=/user_id=1/x\n"
                        "36 22 0:52 / /mnt rw,nosuid shared:1 - fuse.sshfs host:/ rw,user_id=1000,group_id=1000\n"
                        "37 22 0:53 / /over rw - fuse /dev/fuse rw,user_id=0,group_id=0,allow_other\n"
                        "38 22 0:54 / /sys/fs/fuse/connections rw - fusectl fusectl rw\n"
                        "39 22 8:1 / /disk rw master:2 - fuseblk /dev/sda1 ro,user_id=7,group_id=7"),
              (Servers{{22, {}}, {36, 1000}, {37, 0}, {38, {}}, {39, 7}}));
}

TEST(Mounts, HaveNamesThatSayNothing) {
    EXPECT_EQ(mounts_in("36 22 0:52 / /a\\040-\\040fuse\\040x\\040user_id=0 rw - fuse.x user_id=0 rw,user_id=6\n"),
              (Servers{{36, 6}}));
    EXPECT_EQ(mounts_in("\n\nx\n36 22 0:52 / /a rw - fuse\n37 - fuse x\nno 1 - fuse x user_id=1\n1 - fuse x user_id=z"),
              (Servers{{36, {}}, {37, {}}, {1, {}}}));
}

UniqueFd place(const std::string& path) {
    return UniqueFd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

TEST(Mounts, OfTheSystemAreNobodyElses) {
    for (const char* path : {"/", "/etc/passwd", "/proc"})
        EXPECT_EQ(why_not_believed(place(path)), "") << path;
    EXPECT_EQ(why_not_believed(UniqueFd()), "");
}

TEST(Mounts, OfAUserAreNotBelievedAndNeitherAreThoseThatHaveGone) {
    if (!test::has_mounts_of_its_own()) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    std::string directory = "/tmp/capsule-mounts-XXXXXX";
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    constexpr uid_t user = 4242;
    UniqueFd seen;
    {
        const test::SilentMount theirs(directory, user);
        seen = place(directory);
        EXPECT_EQ(why_not_believed(seen), "is on a file system that user 4242 serves");
        const auto unsafe = who_else_can_change(directory, {user});
        ASSERT_TRUE(unsafe);
        EXPECT_EQ(*unsafe, (UnsafePlace{directory, "it is on a file system that user 4242 serves"}));
        EXPECT_EQ(who_else_can_change(directory + "/below", {})->directory, directory);
    }
    EXPECT_EQ(why_not_believed(seen), "is on a file system that is not mounted any more");
    EXPECT_EQ(why_not_believed(place(directory)), "") << "what is there now";
    ::rmdir(directory.c_str());
}

}  // namespace
}  // namespace capsule
