// subscribe: from now on this connection is told of what happens.
#include "daemon/handlers/handlers.hpp"
#include "protocol/methods.hpp"

namespace capsule {

Handled<SubscribeResult> handle_subscribe(Services& services, Caller caller, NoParams) {
    services.subscribers.add(caller.connection, caller.uid);
    SubscribeResult result;
    for (const NotificationInfo& each : notifications)
        result.notifications.emplace_back(each.name);
    co_return result;
}

}  // namespace capsule
