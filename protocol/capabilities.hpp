// Capabilities that must be gone once a process, or a thread of it, acts as another user. The kernel takes them away
// with the change of the user, unless whoever started the program has said otherwise (the securebits no_setuid_fixup
// and keep_caps: systemd's SecureBits=, capsh --mode, setpriv --securebits).
#pragma once

namespace capsule {

enum class Given {
    for_now,  ///< the effective ones: what the thread does from here on is done without
    for_good  ///< the permitted, inheritable and ambient ones, too, so that none comes back
};

/// Of the calling thread alone. False, with errno: it still has some.
bool give_up_own_capabilities(Given given);

}  // namespace capsule
