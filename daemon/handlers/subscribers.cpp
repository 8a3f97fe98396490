#include "daemon/handlers/subscribers.hpp"

#include <boost/json/serialize.hpp>
#include <vector>

#include "protocol/json_rpc.hpp"

namespace capsule {

void Subscribers::tell(std::string_view method, const boost::json::value& params) const {
    if (!any() || !send_) return;
    const std::string line = notification_text(method, boost::json::serialize(params)) + "\n";
    // One that does not read is cut, and may be taken away meanwhile.
    const std::vector<std::uint64_t> now(connections_.begin(), connections_.end());
    for (const std::uint64_t connection : now)
        send_(connection, line);
}

}  // namespace capsule
