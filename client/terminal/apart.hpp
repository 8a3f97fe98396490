// What the kernel may make wait for as long as one of the session's processes likes, in D state, where not even SIGKILL
// is heard: so a process of its own does it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

namespace capsule {

/// Starts a child that has `kept` and no other descriptor, and is in nobody's session; it does `work` and ends. All
/// signals must be blocked. Gives its pid, for the caller to reap, or -1 where there is none.
pid_t do_apart(const std::vector<int>& kept, const std::function<void()>& work);

/// Closes `descriptor` here at once, and there last. The same.
pid_t close_apart(int descriptor);

}  // namespace capsule
