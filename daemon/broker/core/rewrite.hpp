// What of a head may pass, in either direction. One table (rewrite.cpp) says it for both.
#pragma once

#include <boost/container/static_vector.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/broker/core/base_url.hpp"
#include "daemon/broker/core/http_head.hpp"

namespace capsule::broker {

/// Where a request says who it is.
struct Credential {
    enum class Place { bearer, api_key };
    Place place;
    std::string_view token;
};

using Credentials = boost::container::static_vector<Credential, 2>;

/// The credentials of a request, in the order in which they count: "Authorization: Bearer", then "x-api-key".
Credentials credentials_of(const RequestHead& head);

/// Whether the request has any credential header, of whatever kind.
bool has_credential(const RequestHead& head);

/// The head that goes to the provider: the token replaced by `key` where it stood, no other credential, nothing that
/// concerns this connection alone, Host the provider's. The text holds the key: wipe it.
std::string request_for_provider(const RequestHead& head, const Credential& used, std::string_view key,
                                 const BaseUrl& base);

/// The head that goes back to the agent. `close`: this connection ends after the answer. `secret`: what must not be in
/// it (the key); its occurrences are masked by as many asterisks.
std::string response_for_agent(const ResponseHead& head, bool close, std::string_view secret);

}  // namespace capsule::broker
