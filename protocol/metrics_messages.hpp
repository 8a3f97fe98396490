// metrics.
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/session_messages.hpp"
#include "protocol/status_messages.hpp"

namespace capsule {

/// Requests by the time from their head to the answer's.
struct LatencyCounts {
    std::vector<double> bounds_s;       ///< upper ones, in seconds
    std::vector<std::uint64_t> counts;  ///< of each bound, those above the one before it; then of all that took longer
    double sum_s = 0;
};
BOOST_DESCRIBE_STRUCT(LatencyCounts, (), (bounds_s, counts, sum_s))

/// What the sessions of one agent on one provider did since the daemon's start.
struct CellMetrics {
    std::string agent;
    std::string provider;
    std::uint64_t started = 0;
    std::uint64_t live = 0;
    /// Whether one of them had a token. What follows is of those alone: of the others nobody sees the requests.
    bool counted = false;
    std::uint64_t streams = 0;  ///< requests under way
    SessionRequests requests;
    SessionTokens tokens;
    std::uint64_t bytes_up = 0;  ///< of bodies to the provider
    std::uint64_t bytes_down = 0;
    LatencyCounts latency;
    std::map<std::string, std::uint64_t> refusals;  ///< by the limit's kind: answers that refused a request for it
};
BOOST_DESCRIBE_STRUCT(CellMetrics, (),
                      (agent, provider, started, live, counted, streams, requests, tokens, bytes_up, bytes_down,
                       latency, refusals))

struct MetricsResult {
    std::string version;
    double uptime_s = 0;
    RequestCounts requests;  ///< of this protocol
    ConnectionCounts connections;
    bool config_ok = true;
    std::optional<bool> broker_up;  ///< null: no session needs it
    std::vector<CellMetrics> cells;
    std::map<std::string, std::uint64_t>
        strangers;  ///< by code: requests that the broker refused before it knew a session
};
BOOST_DESCRIBE_STRUCT(MetricsResult, (),
                      (version, uptime_s, requests, connections, config_ok, broker_up, cells, strangers))

}  // namespace capsule
