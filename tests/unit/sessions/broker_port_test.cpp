#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <fstream>

#include "daemon/sessions/broker_program.hpp"

namespace capsule {
namespace {

constexpr std::uint16_t port = 5555;

sockaddr_in address() {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return out;
}

UniqueFd new_socket() {
    return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

bool connect_to_it(const UniqueFd& socket) {
    const sockaddr_in to = address();
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
}

/// A network in which two ports are all that connections can come from.
bool enter_small_network() {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    ifreq loopback{};
    loopback.ifr_name[0] = 'l';
    loopback.ifr_name[1] = 'o';
    loopback.ifr_flags = IFF_UP;
    if (::ioctl(new_socket().get(), SIOCSIFFLAGS, &loopback) != 0) return false;
    std::ofstream range("/proc/sys/net/ipv4/ip_local_port_range");
    return static_cast<bool>(range << "40000 40001" << std::flush);
}

void expect(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "not so: %s\n", what);
    std::exit(1);
}

void have_it_where_no_way_is_left() {
    constexpr int no_namespaces = 77;
    if (!enter_small_network()) std::exit(no_namespaces);
    UniqueFd listener = new_socket();
    const int yes = 1;
    ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const sockaddr_in at = address();
    expect(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0, "bound");
    expect(::listen(listener.get(), 4) == 0, "listens");
    const std::array<UniqueFd, 2> held{new_socket(), new_socket()};
    for (const UniqueFd& each : held) {
        expect(connect_to_it(each), "connected");
        const UniqueFd closed_in_order(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    }
    expect(!connect_to_it(new_socket()) && errno == EADDRNOTAVAIL, "no way is left");
    listener = UniqueFd();
    const auto had = listen_on_loopback(port, true, std::nullopt);
    expect(static_cast<bool>(had), "it is had");
    std::exit(0);
}

// Nobody listens there. But who has every port that leads there can keep others from asking whether somebody does.
TEST(BrokerPort, IsHadThoughAnotherUserHasEveryWayToIt) {
    EXPECT_EXIT(
        have_it_where_no_way_is_left(),
        [](int status) { return WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77); }, "");
}

}  // namespace
}  // namespace capsule
