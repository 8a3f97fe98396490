// What capsuled and capsule-broker say to each other, over a socket pair: one JSON object per line (protocol/framing),
// with one member whose name is the message's: {"grant":{…}}. Both read strictly: an unknown member, or a message that
// is none, ends the connection, and capsuled starts another broker. Optional members may be left out.
//
//     capsuled → broker    configure, once; grant, key, revoke, usage, end. From `configure` on the broker takes
//                          connections, so the grants that live come before it
//     broker → capsuled    ready, once, when configure has been taken; taken, for each grant, key and revoke, but not
//                          before ready: a token is handed out only when it is good; traffic, as things happen;
//                          strangers, at most once in ten seconds; usage_answer, for each usage; failed, as the last
//                          one, where something is wrong
//
// A broker that has started anew knows nothing: it is sent every grant that lives, with its key, and configure. Counts
// in `traffic` are differences to the last one of that session, so that nothing is counted twice after a restart. What
// was under way (`streams`) when a broker ended was cut.
// When the socket pair closes, the broker ends at once.
#pragma once

#include <array>
#include <boost/describe/class.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/errors.hpp"

namespace capsule::broker {

// ---- capsuled → broker ----

/// Bounds and ways out. Times in milliseconds.
struct Configure {
    std::uint32_t connections = 1024;     ///< that have shown a token, open at once; beside a quarter that have not
    std::uint32_t streams = 64;           ///< requests of one session at once; beyond it 429
    std::uint32_t header_ms = 10'000;     ///< until a request's head is whole
    std::uint32_t stranger_ms = 3'000;    ///< until a connection has shown a token
    std::uint32_t idle_ms = 60'000;       ///< a kept connection without a request, on either side
    std::uint32_t connect_ms = 10'000;    ///< DNS, TCP and TLS to the provider, together
    std::optional<std::string> proxy;     ///< http://[user:password@]host:port
    std::optional<std::string> no_proxy;  ///< as NO_PROXY
    /// Besides root and the broker's own user: whose sockets on the loopback get a key without TLS.
    std::optional<std::vector<std::uint32_t>> upstream_uids;
    /// A user whose processes may be agents: no such socket gets one, unless upstream_uids names the user.
    std::optional<std::uint32_t> agents_uid;
    /// After the start: so long others may ask anew for what they had, and an unknown token is 503 in place of 401.
    std::optional<std::uint32_t> grants_ms;
};
BOOST_DESCRIBE_STRUCT(Configure, (),
                      (connections, streams, header_ms, stranger_ms, idle_ms, connect_ms, proxy, no_proxy,
                       upstream_uids, agents_uid, grants_ms))

/// What an answer means; see core/provider_limits.hpp.
struct Refusals {
    std::string kind;  ///< none: no limit
    std::optional<int> status;
    std::optional<std::string> code;
    std::optional<std::string> text;
};
BOOST_DESCRIBE_STRUCT(Refusals, (), (kind, status, code, text))

/// A session may make requests from now on. A second one of the same id replaces the first.
struct Grant {
    std::string session;
    std::string token_sha256;        ///< 64 hexadecimal digits
    std::string provider;            ///< its id
    std::string label;               ///< how people call the provider
    std::string base_url;            ///< the provider's own
    std::string surface;             ///< anthropic_messages, openai_responses, openai_chat
    std::optional<std::string> key;  ///< none: 401 capsule_key_absent until there is one
    std::string agent;
    std::optional<std::uint32_t> uid;      ///< of the session's user; none: anybody with the token
    std::uint32_t timeout_ms = 3'000'000;  ///< how long the provider may be silent
    std::vector<Refusals> refusals;
    std::optional<std::string> reset_zone;  ///< "+08:00": of times without a zone in the provider's refusals
    std::optional<std::string> reason{};    ///< why there is no key, in the 401's message
    /// Whose places and time its requests take, `asked_there` where that one asks for its own users; none: `uid`'s.
    std::optional<std::uint32_t> asked_by{};
    std::optional<std::uint32_t> asked_there{};
};
BOOST_DESCRIBE_STRUCT(Grant, (),
                      (session, token_sha256, provider, label, base_url, surface, key, agent, uid, timeout_ms, refusals,
                       reset_zone, reason, asked_by, asked_there))

/// Another key for one session, or for all of a provider: the next request uses it, streams that run go on.
struct Key {
    std::optional<std::string> session;  ///< exactly one of the two is there
    std::optional<std::string> provider;
    std::optional<std::string> value;   ///< none: the key has been removed
    std::optional<std::string> reason;  ///< why there is none, in the 401's message
};
BOOST_DESCRIBE_STRUCT(Key, (), (session, provider, value, reason))

/// The session has ended: its streams are cut, its next request gets 401 with the reason.
struct Revoke {
    std::string session;
    std::string reason;
    /// So long it may be granted anew, and its next request gets 503 in place of 401.
    std::optional<std::uint32_t> grants_ms{};
};
BOOST_DESCRIBE_STRUCT(Revoke, (), (session, reason, grants_ms))

/// The broker shall end.
struct End {};
BOOST_DESCRIBE_STRUCT(End, (), ())

/// Asks a provider what is left of the plan that a key belongs to; answered by one UsageAnswer.
struct AskUsage {
    std::string id;     ///< the answer has the same
    std::string url;    ///< the provider's own address for that
    std::string shape;  ///< of its answer: zai, minimax, kimi
    std::string key;
};
BOOST_DESCRIBE_STRUCT(AskUsage, (), (id, url, shape, key))

using ToBroker = std::variant<Configure, Grant, Key, Revoke, AskUsage, End>;

// ---- broker → capsuled ----

struct Ready {
    std::string address;  ///< "127.0.0.1:4587"
    int pid = 0;
};
BOOST_DESCRIBE_STRUCT(Ready, (), (address, pid))

/// A grant, key or revoke holds from now on.
struct Taken {
    std::string message;  ///< "grant", "key", "revoke"
    std::string id;       ///< the session's, or for a key of a provider, that one's
};
BOOST_DESCRIBE_STRUCT(Taken, (), (message, id))

/// Why the broker ends: its last message.
struct Failed {
    std::string message;
    std::string hint;
};
BOOST_DESCRIBE_STRUCT(Failed, (), (message, hint))

struct Tokens {
    std::uint64_t input = 0;  ///< cached ones among them
    std::uint64_t output = 0;
    std::uint64_t cached = 0;
};
BOOST_DESCRIBE_STRUCT(Tokens, (), (input, output, cached))

struct ModelCount {
    std::string asked;
    std::string answered;  ///< empty: the answer did not say
    std::uint64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(ModelCount, (), (asked, answered, count))

struct LastAnswer {
    std::string at;  ///< RFC 3339, UTC
    int status = 0;
    std::optional<std::string> message;  ///< the provider's own, of an error: at most 500 bytes
};
BOOST_DESCRIBE_STRUCT(LastAnswer, (), (at, status, message))

struct Limit {
    std::string kind;
    std::string message;  ///< the provider's own
    /// RFC 3339, UTC: of the message, else of Retry-After; as the message says it where its zone is not known.
    std::optional<std::string> resets_at;
};
BOOST_DESCRIBE_STRUCT(Limit, (), (kind, message, resets_at))

/// What an answer says of whether the session can go on.
struct Verdict {
    std::optional<Limit> limit;  ///< none: a model has answered, and that answer was fine and whole
    std::string model;           ///< that was asked for
};
BOOST_DESCRIBE_STRUCT(Verdict, (), (limit, model))

/// Upper bounds of Traffic::latency, in seconds.
inline constexpr std::array latency_bounds_s{0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0};

/// What a session did since the last one. At most four a second for each session.
struct Traffic {
    std::string session;
    std::uint64_t requests = 0;  ///< that began
    std::uint64_t failed = 0;    ///< that ended with status 400 or higher, or were cut, or with an error in a 200
    Tokens tokens;
    std::vector<ModelCount> models;
    std::uint64_t bytes_up = 0;    ///< of bodies to the provider
    std::uint64_t bytes_down = 0;  ///< of bodies from the provider
    /// Of requests by the time from their head to the answer's: how many took up to each of latency_bounds_s, and
    /// longer.
    std::vector<std::uint64_t> latency;
    double latency_s = 0;                             ///< the sum of these times
    std::map<std::string, std::uint64_t> refusals{};  ///< by limit's kind: answers that refused a request for it
    std::uint64_t streams = 0;                        ///< under way now
    std::optional<LastAnswer> last;
    std::vector<Verdict> verdicts;  ///< in the answers' order; of those of one kind and model the latest alone
};
BOOST_DESCRIBE_STRUCT(Traffic, (),
                      (session, requests, failed, tokens, models, bytes_up, bytes_down, latency, latency_s, refusals,
                       streams, last, verdicts))

/// Somebody was refused before a session was known: counted by code and user, without the token.
struct Strangers {
    std::string code;  ///< such as capsule_session_ended
    std::uint64_t count = 0;
    std::optional<std::uint32_t> uid{};  ///< whose they were, where that is known
};
BOOST_DESCRIBE_STRUCT(Strangers, (), (code, count, uid))

struct PlanWindow {
    std::string label;                     ///< 5 hours, week, month, tools
    int used_percent = 0;                  ///< 0 to 100
    std::optional<std::string> resets_at;  ///< RFC 3339, UTC

    bool operator==(const PlanWindow&) const = default;
};
BOOST_DESCRIBE_STRUCT(PlanWindow, (), (label, used_percent, resets_at))

/// What is left, or in `error` why that is not known.
struct UsageAnswer {
    std::string id;
    std::optional<std::string> plan;
    std::vector<PlanWindow> windows;
    std::optional<std::string> error;
};
BOOST_DESCRIBE_STRUCT(UsageAnswer, (), (id, plan, windows, error))

using FromBroker = std::variant<Ready, Taken, Traffic, Strangers, UsageAnswer, Failed>;

/// Reads one line. Fails with invalid_params, naming the member.
Result<ToBroker> read_to_broker(std::string_view line);
Result<FromBroker> read_from_broker(std::string_view line);

/// One line, with its end.
std::string control_line(const ToBroker& message);
std::string control_line(const FromBroker& message);

}  // namespace capsule::broker
