// sessions.list: which sessions live, and what the broker has seen of them.
#include "daemon/handlers/handlers.hpp"

namespace capsule {

Handled<SessionsListResult> handle_sessions_list(Services& services, SessionsListParams params) {
    co_await services.sessions.refresh_counts();
    SessionsListResult result;
    result.sessions = services.sessions.list(params.all.value_or(false), params.ids);
    co_return result;
}

}  // namespace capsule
