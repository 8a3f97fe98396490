// The kernel's keyrings: a login gives its shell one (pam_keyinit), where Kerberos and others keep secrets.
#pragma once

namespace capsule {

/// Gives this process a session keyring of its own, empty. Before it becomes another user: whoever has the keyring of
/// root's login reads and deletes what is in it, whatever user that is. Nothing where the kernel has no keyrings or
/// refuses the call, as containers do.
void leave_session_keyring();

}  // namespace capsule
