#include "daemon/access/peer.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace capsule {
namespace {

TEST(Peer, IsWhoConnected) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    const auto peer = peer_of(ends[0]);
    ASSERT_TRUE(peer);
    EXPECT_EQ(peer->pid, ::getpid());
    EXPECT_EQ(peer->uid, ::geteuid());
    EXPECT_EQ(peer->gid, ::getegid());
    const int count = ::getgroups(0, nullptr);
    EXPECT_EQ(peer->groups.size(), static_cast<std::size_t>(count));
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(Peer, OfSomethingThatIsNoSocketIsAnError) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const auto peer = peer_of(ends[0]);
    ASSERT_FALSE(peer);
    EXPECT_EQ(peer.error().code, ErrorCode::io_error);
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace
}  // namespace capsule
