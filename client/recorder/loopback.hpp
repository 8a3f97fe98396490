// For those who moved into a network namespace of their own.
#pragma once

namespace capsule {

/// Brings the interface "lo" up. False, with errno set, when this process may not.
bool bring_loopback_up();

}  // namespace capsule
