// Whether a descriptor really is as a wait for it says.
#pragma once

namespace capsule {

/// Whether a read would not wait; of a pidfd: whether its process has ended. To be asked when a wait of Asio's ends: it
/// can end though nothing is there, because Asio may give the state of a descriptor that was closed a moment ago, with
/// an event that is still in its queue, to the next one.
bool is_ready_to_read(int descriptor) noexcept;

}  // namespace capsule
