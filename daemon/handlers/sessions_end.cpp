// sessions.end: the session's streams are cut, its next request is refused.
#include "daemon/handlers/handlers.hpp"
#include "daemon/users/users.hpp"

namespace capsule {

Handled<SessionRow> handle_sessions_end(Services& services, Caller caller, SessionsEndParams params) {
    const std::string name = user_name(caller.uid);
    const std::string who = name == std::to_string(caller.uid) ? "uid " + name : name;
    auto row = services.sessions.end(params.id, "by " + who + " (sessions end)");
    if (row) {
        log_info("sessions.end",
                 {{"uid", std::int64_t{caller.uid}}, {"pid", std::int64_t{caller.pid}}, {"session", row->id}});
        co_return *std::move(row);
    }
    std::vector<SessionRow> rows = services.sessions.list(true, std::vector{params.id});
    if (!rows.empty()) co_return std::move(rows.front());  // it has ended already, which is what was asked for
    co_return Error{ErrorCode::session_unknown, "there is no session of that id",
                    "`capsulectl sessions` shows those that live"};
}

}  // namespace capsule
