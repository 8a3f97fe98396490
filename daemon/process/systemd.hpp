// What systemd is told and gives; everything is a no-op without it.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "protocol/errors.hpp"

namespace capsule {

/// sd_notify: READY=1 (with a STATUS line), RELOADING=1, STOPPING=1, WATCHDOG=1.
void notify_ready(const std::string& status);
void notify_reloading();
void notify_stopping();
void notify_watchdog();

/// How often WATCHDOG=1 is due (half of WatchdogSec=); none: no watchdog.
std::optional<std::chrono::microseconds> watchdog_interval();

/// Gives systemd a descriptor to have while the service is started again, in the place of the one before. It does not
/// say whether it keeps it: a unit without FileDescriptorStoreMax= and a container engine's --sdnotify do not.
void keep_in_systemd(int descriptor);
/// It closes that one: nobody needs it.
void forget_in_systemd();

struct ActivatedSocket {
    int descriptor;
    std::string path;
};

/// The listening socket that systemd opened (capsuled.socket); none: open one. What keep_in_systemd()
/// gave it is closed: it has that still. Fails with io.error when there are
/// several or it is no Unix stream socket with a path.
Result<std::optional<ActivatedSocket>> activated_socket();

}  // namespace capsule
