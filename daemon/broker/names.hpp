// Names of hosts. libc looks them up, on threads of their own: it may take long.
#pragma once

#include <netinet/in.h>

#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
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

/// What libc says of a name.
struct Addresses {
    int error = 0;  ///< of getaddrinfo(3); 0 and nothing found: whoever waited did not wait for it
    std::vector<Address> found;
};

/// One who waits for it.
struct Lookup {
    explicit Lookup(Loop& loop, Owner owner = 0) : done(loop, owner) {}

    Addresses answer;
    Signal done;
};

/// Asks for each name once at a time, whoever waits for it, and keeps the answer for a while: else a session that asks
/// much would have everybody wait behind its lookups. Lives on the loop's thread, and on no other.
class Names : public std::enable_shared_from_this<Names> {
  public:
    explicit Names(Loop& loop) : loop_(loop) {}

    /// `host` may be an address, too, which is known at once. Whoever fires `lookup->done` before has waited long
    /// enough. A name that is not asked for yet when the last one has let go of its Lookup is not asked for any more.
    Task<void> look_up(std::shared_ptr<Lookup> lookup, std::string host, std::string port);

    /// Hosts are the operator's, and one takes one thread: more than anybody has providers, so that nobody waits for a
    /// thread however many name servers are silent.
    static constexpr std::size_t most_threads = 32;
    static constexpr std::chrono::seconds keep{5}, keep_failure{1};

  private:
    using Name = std::pair<std::string, std::string>;  ///< host and port
    struct Wanted {
        Name name;
        std::vector<std::weak_ptr<Lookup>> who;
        bool is_asked = false;  ///< on a thread
    };
    struct Known {
        Addresses answer;
        Clock::time_point until;
    };

    Wanted& wanted(const Name& name);
    void ask_next();
    void ask(const Name& name);
    void answered(const Name& name, Addresses answer);

    Loop& loop_;
    std::list<Wanted> wanted_;  ///< the oldest first
    std::map<Name, Known> known_;
};

}  // namespace capsule::broker
