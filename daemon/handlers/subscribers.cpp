#include "daemon/handlers/subscribers.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <vector>

#include "protocol/json_rpc.hpp"

namespace capsule {

bool Subscribers::may_wait(std::uint64_t connection) const {
    const auto found = connections_.find(connection);
    if (found == connections_.end()) return false;
    const auto older =
        std::count_if(connections_.begin(), found, [&](const auto& each) { return each.second == found->second; });
    return older < may_wait_of_a_user;
}

void Subscribers::tell(std::string_view method, const boost::json::value& params) const {
    if (!any() || !send_) return;
    const std::string line = notification_text(method, boost::json::serialize(params)) + "\n";
    // One that does not read is cut, and may be taken away meanwhile.
    const std::vector<std::pair<std::uint64_t, uid_t>> now(connections_.begin(), connections_.end());
    for (const auto& [connection, uid] : now)
        send_(connection, line);
}

}  // namespace capsule
