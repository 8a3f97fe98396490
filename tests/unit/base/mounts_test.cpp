#include "daemon/base/mounts.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace capsule {
namespace {

using Servers = std::map<std::uint64_t, uid_t>;

TEST(Mounts, OfFuseSayWhoServesThem) {
    EXPECT_EQ(fuse_servers_in("22 1 0:20 / / rw,relatime - overlay overlay rw,lowerdir=/user_id=1/x\n"
                              "36 22 0:52 / /mnt rw,nosuid shared:1 - fuse.sshfs host:/ rw,user_id=1000,group_id=1000\n"
                              "37 22 0:53 / /over rw - fuse /dev/fuse rw,user_id=0,group_id=0,allow_other\n"
                              "38 22 0:54 / /sys/fs/fuse/connections rw - fusectl fusectl rw\n"
                              "39 22 8:1 / /disk rw master:2 - fuseblk /dev/sda1 ro,user_id=7,group_id=7"),
              (Servers{{36, 1000}, {37, 0}, {39, 7}}));
}

TEST(Mounts, HaveNamesThatSayNothing) {
    EXPECT_EQ(
        fuse_servers_in("36 22 0:52 / /a\\040-\\040fuse\\040x\\040user_id=0 rw - fuse.x user_id=0 rw,user_id=6\n"),
        (Servers{{36, 6}}));
    EXPECT_EQ(
        fuse_servers_in("\n\nx\n36 22 0:52 / /a rw - fuse\n37 - fuse x\nno 1 - fuse x user_id=1\n1 - fuse x user_id=z"),
        Servers());
}

TEST(Mounts, OfTheSystemAreNobodyElses) {
    for (const char* path : {"/", "/etc/passwd", "/proc"})
        EXPECT_FALSE(foreign_server_of(UniqueFd(::open(path, O_PATH | O_CLOEXEC)))) << path;
    EXPECT_FALSE(foreign_server_of(UniqueFd()));
}

}  // namespace
}  // namespace capsule
