// Names of hosts, looked up by libc on a thread of its own: that alone may take long.
#pragma once

#include <netinet/in.h>

#include <memory>
#include <string>
#include <vector>

#include "daemon/broker/loop.hpp"

namespace capsule::broker {

/// A place that can be connected to, of IPv4 or IPv6.
struct Address {
    union {
        sockaddr_in6 v6{};  ///< the longest
        sockaddr_in v4;
        sockaddr any;
    };
    socklen_t size = 0;

    std::string text() const;  ///< "127.0.0.1", "::1"
};

struct Lookup {
    explicit Lookup(Loop& loop) : done(loop) {}

    std::vector<Address> found;
    int error = 0;  ///< of getaddrinfo(3); 0 and nothing found: whoever waited did not wait for it
    Signal done;
};

/// `host` may be an address, too, which is known at once. Whoever fires `lookup->done` before has waited long enough.
Task<void> look_up(std::shared_ptr<Lookup> lookup, Loop& loop, std::string host, std::string port);

}  // namespace capsule::broker
