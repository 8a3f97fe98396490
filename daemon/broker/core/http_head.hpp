// The head of a request or an answer: found in bytes, checked more strictly than a parser needs to, and read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "daemon/broker/core/refusal.hpp"

namespace capsule::broker {

inline constexpr std::size_t max_head = 64 * 1024;  ///< bytes of a request line or status line with all headers

/// Of a head. Agents send some thirty; Apache takes 100. What is done for each costs another user no time.
inline constexpr std::size_t max_fields = 200;
/// All Connection headers together may name so many others.
inline constexpr std::size_t most_connection_names = 16;

struct Field {
    std::string_view name;
    std::string_view value;  ///< without white space at its ends
};

/// How long a body is, as its head says.
struct BodyLength {
    enum class Kind { none, length, chunked, until_close };
    Kind kind = Kind::none;
    std::uint64_t bytes = 0;  ///< of Kind::length
};

/// Views into the bytes that were read.
struct RequestHead {
    std::string_view method;
    std::string_view target;
    std::vector<Field> fields;
    BodyLength body;
    bool expects_continue = false;
    bool close = false;  ///< "Connection: close"
};

struct ResponseHead {
    int status = 0;
    std::string_view reason;
    std::vector<Field> fields;
    BodyLength body;
    bool keep_alive = true;
};

/// The size of the head at the front of `bytes` with its empty line; none while it is not whole. Blank lines in front
/// of a head are not skipped: a client of ours sends none. `seen`: of so many bytes it has said before that they are no
/// whole head, so that a byte more does not cost all of them again.
std::optional<std::size_t> head_size(std::string_view bytes, std::size_t seen = 0) noexcept;

/// Reads a whole head. Refuses with 400 whatever two programs could read differently: NUL, a bare CR or LF, a folded
/// line, a space before a colon, two lengths, a length beside chunks, another coding, HTTP/1.0, two Hosts or
/// credentials, announced trailers, too many names in Connection; with 431 too many fields; with 405 CONNECT and TRACE.
Allowed<RequestHead> read_request_head(std::string_view bytes);

/// Reads a whole head of an answer to `method`. Refuses with 502 capsule_upstream_invalid what is no sound HTTP.
Allowed<ResponseHead> read_response_head(std::string_view bytes, std::string_view method);

/// Calls `take` with each name in a Connection header's value.
template <class Take>
void for_each_connection_name(std::string_view list, const Take& take) {
    while (!list.empty()) {
        // The library's search for one of several would call its search for one at each character.
        std::size_t end = 0;
        while (end < list.size() && list[end] != ',' && list[end] != ' ' && list[end] != '\t')
            ++end;
        if (end > 0) take(list.substr(0, end));
        list.remove_prefix(std::min(end + 1, list.size()));
    }
}

/// Calls `take` with each part of a value that has commas between its parts, without white space at their ends; not
/// with empty ones.
template <class Take>
void for_each_of_list(std::string_view list, const Take& take) {
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(','), list.size());
        const std::string_view part = list.substr(0, end);
        list.remove_prefix(std::min(end + 1, list.size()));
        const std::size_t first = part.find_first_not_of(" \t");
        if (first != part.npos) take(part.substr(first, part.find_last_not_of(" \t") + 1 - first));
    }
}

/// The value of the only field of that name (any case); empty without one.
std::string_view field(const std::vector<Field>& fields, std::string_view name) noexcept;

bool same_letters(std::string_view a, std::string_view b) noexcept;  ///< of two that are as long as one another

/// Whatever the case.
inline bool same_name(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && same_letters(a, b);
}

}  // namespace capsule::broker
