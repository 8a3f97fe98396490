#include "client/client_error.hpp"

namespace capsule {

std::string_view name_of(const ClientError& error) noexcept {
    switch (error.kind) {
        case ClientError::Kind::unreachable:
            return "client.unreachable";
        case ClientError::Kind::denied:
            return "client.denied";
        case ClientError::Kind::untrusted:
            return "client.untrusted";
        case ClientError::Kind::timed_out:
            return "client.timed_out";
        case ClientError::Kind::broken:
            return "client.broken";
        case ClientError::Kind::answered:
            break;
    }
    return name_of(error.error.code);
}

void throw_exception_from_error(const ClientError& error, const boost::source_location&) {
    throw Failure(error.error);
}

}  // namespace capsule
