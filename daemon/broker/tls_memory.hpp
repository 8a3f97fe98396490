// The memory of OpenSSL.
#pragma once

namespace capsule::broker {

/// Before anything else of OpenSSL. A stream that is silent has no buffers (SSL_MODE_RELEASE_BUFFERS), so each request
/// takes and gives back one for each direction, of 16 KiB and a little: the last of them stay at hand, as libc would
/// look for a place anew each time.
void keep_tls_buffers_at_hand();

/// What stays at hand has what was last read: an error that repeats a key, perhaps.
void wipe_tls_buffers_at_hand() noexcept;

}  // namespace capsule::broker
