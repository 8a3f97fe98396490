// A session that lives, as Sessions has it.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "daemon/sessions/remote_link.hpp"
#include "daemon/sessions/sessions.hpp"

namespace capsule {

/// A session's file is not written with each request: what it says of the last one may be this much too old.
inline constexpr std::chrono::minutes use_is_kept_within{5};

struct Sessions::Live {
    SessionRecord record;
    SessionCounts counts;
    std::string key_fingerprint{};  ///< of the key that the broker has
    BootClock::time_point used;
    std::uint64_t connection = 0;  ///< 0: none to end with
    std::optional<boost::asio::posix::stream_descriptor> process{};
    bool told_of_model = false;
    bool has_begun = true;                  ///< false: the broker has not taken it yet
    std::shared_ptr<RemoteGrant> remote{};  ///< of the capsuled that has the keys; none: not granted now
    bool told_of_grant = false;
};

}  // namespace capsule
