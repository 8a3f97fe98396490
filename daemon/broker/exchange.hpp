// One request and its answer, as far as they are known: for the two coroutines that pass them on.
#pragma once

#include <string.h>

#include <memory>
#include <string>

#include "daemon/broker/connection.hpp"
#include "daemon/broker/core/answer_reader.hpp"

namespace capsule::broker {

struct Connection::Exchange {
    explicit Exchange(Clock::time_point now) : begin(now) {}

    std::shared_ptr<Session> session;
    std::shared_ptr<Upstream> provider;  ///< with the key that this request has
    std::string out;                     ///< the head with the key, and what of the body came with it
    Body sent;                           ///< the request's, as far as it has come from the agent
    bool has_body = false;               ///< the request's head says so, whether or not any of it has come
    bool asks_a_model = false;           ///< by its method and path
    bool all_in_out = false;             ///< it had come as a whole before the first byte of it went on
    bool written = false;                ///< the provider's connection has taken all of it
    RequestReader asked;
    bool was_kept = false;
    bool bad_body = false;

    std::string got;  ///< of the answer: its head, and what came with it
    std::size_t head_bytes = 0;
    ResponseHead head;  ///< views into `got`
    Body received;
    std::unique_ptr<KeyMask> mask;  ///< of an answer that may repeat the key, once that is known
    ChunkFrames frames;             ///< of what goes through the mask
    std::unique_ptr<AnswerReader> answer;
    std::optional<std::string> retry_at;  ///< the answer's Retry-After, as RFC 3339 in UTC
    Usage told;                           ///< of what the answer says of tokens, as much as is counted already

    Exchanged counts;
    Clock::time_point begin;

    ~Exchange() { wipe(); }
    void wipe() noexcept {
        ::explicit_bzero(out.data(), out.size());
        std::string().swap(out);
    }
};

}  // namespace capsule::broker
