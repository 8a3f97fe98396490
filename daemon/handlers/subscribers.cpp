#include "daemon/handlers/subscribers.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <vector>

#include "protocol/json_rpc.hpp"

namespace capsule {

bool Subscribers::add(std::uint64_t connection, uid_t uid, bool is_owner) {
    const auto own = std::ranges::count_if(connections_, [&](const auto& each) { return each.second == uid; });
    if (!has(connection) && own >= most_of_a_user && !is_owner) return false;
    connections_.emplace(connection, uid);
    return true;
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
