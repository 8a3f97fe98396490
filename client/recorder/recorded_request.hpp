// One request as it came over the wire.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capsule {

struct RecordedRequest {
    std::string sni;  ///< the name that the TLS client asked for; empty without TLS
    std::string method;
    std::string host;    ///< the Host header without its port
    std::string target;  ///< path and query
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    /// The target without its query.
    std::string_view path() const;

    /// The first header of that name (any case); empty if there is none.
    std::string_view header(std::string_view name) const;
};

}  // namespace capsule
