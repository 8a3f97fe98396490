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

struct Sessions::Live {
    SessionRecord record;
    SessionCounts counts;
    std::string key_fingerprint{};  ///< of the key that the broker has
    std::chrono::steady_clock::time_point used = std::chrono::steady_clock::now();
    std::uint64_t connection = 0;  ///< 0: none to end with
    std::optional<boost::asio::posix::stream_descriptor> process{};
    bool told_of_model = false;
    bool has_begun = true;                  ///< false: the broker has not taken it yet
    std::shared_ptr<RemoteGrant> remote{};  ///< of the capsuled that has the keys; none: not granted now
    bool told_of_grant = false;
};

}  // namespace capsule
