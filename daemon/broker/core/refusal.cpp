#include "daemon/broker/core/refusal.hpp"

#include <stdexcept>

namespace capsule::broker {

void throw_exception_from_error(const Refusal& refusal, const boost::source_location&) {
    throw std::logic_error(refusal.message);
}

Refusal bad_request(std::string_view what) {
    return {400, "capsule_bad_request", std::string(what) + "; send plain HTTP/1.1 as the agent's own client does", 0};
}

Refusal bad_answer(std::string_view what) {
    return {502, "capsule_upstream_invalid",
            "the provider's answer is not HTTP as it should be: " + std::string(what) +
                "; try again, and see the provider's status page if it stays",
            0};
}

Refusal too_many_messages(const std::string& who) {
    return {502, "capsule_upstream_invalid",
            who +
                " sends messages of TLS's own without end (KeyUpdate, tickets); try again, and see its status page if "
                "it stays",
            0};
}

}  // namespace capsule::broker
