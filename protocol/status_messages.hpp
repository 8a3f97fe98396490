// status.
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/common_messages.hpp"
#include "protocol/usage_messages.hpp"

namespace capsule {

struct ConfigStatus {
    std::optional<std::string> path;       ///< null: no file, defaults
    std::optional<std::string> loaded_at;  ///< RFC 3339, UTC
    bool ok = true;
    std::optional<std::string> error;  ///< why the last load failed; the older configuration is in force
};
BOOST_DESCRIBE_STRUCT(ConfigStatus, (), (path, loaded_at, ok, error))

struct AgentStatus {
    std::string id;
    std::string label;
    std::optional<std::string> binary;   ///< absolute path; null: not installed
    std::optional<std::string> version;  ///< null until known
};
BOOST_DESCRIBE_STRUCT(AgentStatus, (), (id, label, binary, version))

struct KeyStatus {
    std::string state;                  ///< present, absent, ignored, error, unresolved
    std::optional<std::string> source;  ///< where it came from, such as "environment"
    std::optional<std::string> masked;  ///< never more than its last four characters
    bool doubtful = false;              ///< it does not look like this provider's: a warning key.shape says why
};
BOOST_DESCRIBE_STRUCT(KeyStatus, (), (state, source, masked, doubtful))

struct ProviderStatus {
    std::string id;
    std::string label;
    KeyStatus key;
    std::map<std::string, std::string> cells;  ///< agent → native, ready, no_key, blocked, unsupported
    std::optional<SessionLimit> limit{};       ///< of the last answer to a session with a token; null: it was fine
    std::optional<ProviderUsage> usage{};      ///< of the key of no workspace; null: nobody asked within some hours
};
BOOST_DESCRIBE_STRUCT(ProviderStatus, (), (id, label, key, cells, limit, usage))

struct RequestCounts {
    std::uint64_t total = 0;
    std::uint64_t errors = 0;
};
BOOST_DESCRIBE_STRUCT(RequestCounts, (), (total, errors))

struct ConnectionCounts {
    std::uint64_t open = 0;
    std::uint64_t limit = 0;
};
BOOST_DESCRIBE_STRUCT(ConnectionCounts, (), (open, limit))

/// capsule-broker, which exchanges sessions' tokens for providers' keys.
struct BrokerStatus {
    std::string state;                   ///< starting, running, failed
    std::optional<std::string> address;  ///< "127.0.0.1:4587"; null until there is one
    std::uint64_t sessions = 0;          ///< live ones with a token
    std::uint64_t streams = 0;           ///< requests under way
    std::optional<std::string> error;    ///< why it does not run
    std::optional<std::string> remote;   ///< the socket of the capsuled that runs it; null: this one
};
BOOST_DESCRIBE_STRUCT(BrokerStatus, (), (state, address, sessions, streams, error, remote))

struct PingResult {
    std::string version;
    int protocol = protocol_version;
};
BOOST_DESCRIBE_STRUCT(PingResult, (), (version, protocol))

struct StatusParams {
    std::optional<bool> home;  ///< false: nothing is looked for in the session user's home or in the PATH
};
BOOST_DESCRIBE_STRUCT(StatusParams, (), (home))

struct StatusResult {
    std::string version;
    int protocol = protocol_version;
    std::optional<int> remote_protocol = remote_protocol_version;  ///< none: an older daemon's
    std::optional<std::size_t> request_bytes;                      ///< most of a request; none: an older daemon's
    std::int64_t pid = 0;
    double uptime_s = 0;
    std::string socket;
    ConfigStatus config;
    std::vector<AgentStatus> agents;
    std::optional<std::string> path;  ///< where the agents were looked for; none: an older daemon does not say
    std::vector<ProviderStatus> providers;
    RequestCounts requests;
    ConnectionCounts connections;
    std::optional<BrokerStatus> broker;  ///< null: no session needs one
    std::vector<Warning> warnings;
};
BOOST_DESCRIBE_STRUCT(StatusResult, (),
                      (version, protocol, remote_protocol, request_bytes, pid, uptime_s, socket, config, agents, path,
                       providers, requests, connections, broker, warnings))

}  // namespace capsule
