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

/// A session's file is not written with each request, but with those of so long together.
inline constexpr std::chrono::seconds counts_are_kept_within{10};
/// So many files at a time: each costs some milliseconds in which nobody else is served.
inline constexpr std::size_t most_written_at_once = 20;
/// What it says of the last request may be this much too old, where the disk had no room.
inline constexpr std::chrono::minutes use_is_kept_within{5};

struct Sessions::Live {
    /// Changes when a request begins or ends. A request's model is known once it has ended.
    struct Done {
        explicit Done(const SessionCounts& counts) : requests(counts.requests.total), streams(counts.streams) {}
        bool operator==(const Done&) const = default;

        std::uint64_t requests, streams;
    };

    SessionRecord record;
    SessionCounts counts;
    std::string key_fingerprint{};  ///< of the key that the broker has
    BootClock::time_point used;
    std::uint64_t connection = 0;  ///< 0: none to end with
    std::optional<boost::asio::posix::stream_descriptor> process{};
    bool told_of_model = false;
    std::optional<Done> all_models_of{};  ///< when all its models were asked for last
    bool has_file = false;
    bool changed = false;  ///< since its file was written
    BootClock::time_point written{};
    bool has_begun = true;                             ///< false: the broker has not taken it yet
    std::shared_ptr<RemoteGrant> remote{};             ///< of the capsuled that has the keys; none: not granted now
    std::string why_not_granted{};                     ///< by that one, the last time; empty: it was not refused
    std::chrono::steady_clock::time_point grant_at{};  ///< when it may be asked for anew
};

inline constexpr std::chrono::hours ended_are_shown{24};

}  // namespace capsule
