// What systemd hears of the daemon, from a socket in its place.
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// NOTIFY_SOCKET's other end.
class NotifySocket {
  public:
    explicit NotifySocket(const std::filesystem::path& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.string().copy(address.sun_path, sizeof address.sun_path - 1);
        const timeval limit{20, 0};
        if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0)
            throw std::runtime_error("no socket at " + path.string());
    }
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;
    ~NotifySocket() { ::close(fd_); }

    /// The next message that begins so; others are passed over. Empty when none comes.
    std::string next(std::string_view beginning) const {
        std::array<char, 512> buffer;
        for (;;) {
            const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
            if (count < 0) return {};
            const std::string message(buffer.data(), static_cast<std::size_t>(count));
            if (message.starts_with(beginning)) return message;
        }
    }

  private:
    int fd_;
};

TEST(Systemd, HearsOfReadinessReloadsTheWatchdogAndTheEnd) {
    const TempDir dir;
    const NotifySocket systemd(dir / "notify");
    write_file(dir / "capsule.toml", "");
    Daemon daemon({
        .socket = dir / "capsule.sock",
        .log = dir / "log",
        .arguments = {"--config", (dir / "capsule.toml").string(), "--socket", (dir / "capsule.sock").string()},
        .env = {{"HOME", dir.path().string()},
                {"PATH", "/usr/bin:/bin"},
                {"STATE_DIRECTORY", (dir / "state").string()},
                {"NOTIFY_SOCKET", (dir / "notify").string()},
                {"WATCHDOG_USEC", "200000"}},
    });
    EXPECT_EQ(systemd.next("READY=1"), "READY=1\nSTATUS=serving");
    EXPECT_EQ(systemd.next("WATCHDOG=1"), "WATCHDOG=1");

    daemon.signal(SIGHUP);
    EXPECT_THAT(systemd.next("RELOADING=1"), HasSubstr("MONOTONIC_USEC="));
    EXPECT_EQ(systemd.next("READY=1"), "READY=1\nSTATUS=serving");

    write_file(dir / "capsule.toml", "no = \"such key\"\n");
    daemon.signal(SIGHUP);
    EXPECT_THAT(systemd.next("READY=1"), HasSubstr("older configuration"));

    EXPECT_EQ(daemon.stop(), 0);
    EXPECT_THAT(systemd.next("STOPPING=1"), StartsWith("STOPPING=1"));
}

}  // namespace
}  // namespace capsule::test
