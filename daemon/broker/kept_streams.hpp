// The connections to providers that are kept for a next request, of all keys together.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <vector>

#include "daemon/broker/stream.hpp"

namespace capsule::broker {

class KeptStreams {
  public:
    struct Kept;
    using Handle = std::list<Kept>::iterator;
    /// Those of one key, the longest idle first.
    using OfOne = std::vector<Handle>;
    struct Kept {
        std::shared_ptr<Stream> stream;
        Clock::time_point since;
        Owner owner;  ///< whose request it carried
        OfOne* of;
    };

    /// No more than so many are kept from now on.
    void allow(std::size_t most);

    /// `of` stays where it is until close_all().
    void keep(OfOne& of, std::shared_ptr<Stream> stream, Owner owner, Clock::time_point now);

    /// One that is still good, the shortest idle first; none: open one.
    std::shared_ptr<Stream> take(OfOne& of);

    /// Closes one of the owner that has most, the longest idle. False: none is kept.
    bool close_one();

    /// Closes what has been kept since before `then`. Says whether any is left.
    bool close_older_than(Clock::time_point then);
    void close_all(OfOne& of);

  private:
    std::shared_ptr<Stream> remove(Handle kept);

    std::list<Kept> all_;  ///< the longest idle first
    std::map<Owner, std::size_t> counts_;
    std::size_t most_ = 0;
};

}  // namespace capsule::broker
