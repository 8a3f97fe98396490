// subscribe: from now on this connection is told of what happens.
#include <fmt/format.h>

#include "daemon/handlers/handlers.hpp"
#include "daemon/users/users.hpp"
#include "protocol/methods.hpp"

namespace capsule {

Handled<SubscribeResult> handle_subscribe(Services& services, Caller caller, NoParams) {
    if (!services.subscribers.add(caller.connection, caller.counted_as(),
                                  services.generation->policy.is_owner(caller.uid)))
        co_return Error{ErrorCode::server_overloaded,
                        fmt::format("user {} has {} connections already that are told of what happens",
                                    user_name(caller.uid), Subscribers::most_of_a_user),
                        "close one of them"};
    SubscribeResult result;
    for (const NotificationInfo& each : notifications)
        result.notifications.emplace_back(each.name);
    co_return result;
}

}  // namespace capsule
