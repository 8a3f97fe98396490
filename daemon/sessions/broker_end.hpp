// How a capsule-broker ended that ended by itself.
#pragma once

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>

#include "daemon/broker/control.hpp"
#include "protocol/errors.hpp"

namespace capsule {

/// Between the end of its connection and its own.
inline constexpr std::chrono::milliseconds broker_ends_within{500};

/// Waits for a child's end; gives its wait status. One that has not ended within `patience` is killed: none.
boost::asio::awaitable<std::optional<int>> reap(pid_t pid, std::chrono::milliseconds patience);

/// A broker that closed its connection, in its own words where it had any; `status` is what reap() gave.
Error why_it_ended(const std::optional<broker::Failed>& said, std::optional<int> status);

}  // namespace capsule
