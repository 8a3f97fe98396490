// What the broker itself answers to a request that it does not pass on.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>

namespace capsule::broker {

struct Refusal {
    int status = 400;       ///< of the answer
    std::string_view code;  ///< begins with "capsule_"; a literal
    std::string message;    ///< what is the matter and what to do about it; never holds a token, key or header value
    int retry_after_s = 0;  ///< above 0: the answer's Retry-After
};

template <class T>
using Allowed = boost::system::result<T, Refusal>;

/// Boost.System calls this for Allowed<T>::value() on a refusal.
[[noreturn]] void throw_exception_from_error(const Refusal& refusal, const boost::source_location& where);

/// 400 capsule_bad_request, for what is not HTTP/1.1 as the broker takes it.
Refusal bad_request(std::string_view what);

/// 502 capsule_upstream_invalid, for an answer that is no sound HTTP.
Refusal bad_answer(std::string_view what);

/// The same code, where the provider (its label: `who`) has TLS itself work and sends nothing.
Refusal too_many_messages(const std::string& who);

}  // namespace capsule::broker
