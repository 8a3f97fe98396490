#include "daemon/system/systemd.hpp"

#include <systemd/sd-daemon.h>
#include <time.h>

namespace capsule {

void notify_ready(const std::string& status) { sd_notify(0, ("READY=1\nSTATUS=" + status).c_str()); }

void notify_reloading() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    // Type=notify-reload wants the time, so that it can tell this reload from an earlier one.
    const auto microseconds = static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
    sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds)).c_str());
}

void notify_stopping() { sd_notify(0, "STOPPING=1"); }
void notify_watchdog() { sd_notify(0, "WATCHDOG=1"); }

std::optional<std::chrono::microseconds> watchdog_interval() {
    std::uint64_t limit = 0;
    if (sd_watchdog_enabled(0, &limit) <= 0) return std::nullopt;
    return std::chrono::microseconds(limit / 2);
}

Result<std::optional<int>> activated_socket() {
    const int count = sd_listen_fds(1);
    if (count <= 0) return std::optional<int>();
    if (count > 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, nullptr, 0) <= 0)
        return Error{ErrorCode::io_error, "systemd passed " + std::to_string(count) + " descriptors, not one listening Unix stream socket",
                     "give capsuled.socket exactly one ListenStream= with a path"};
    return std::optional<int>(SD_LISTEN_FDS_START);
}

}  // namespace capsule
