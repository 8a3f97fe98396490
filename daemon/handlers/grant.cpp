// grant: a token alone, for a session that another capsuled renders and starts.
#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/session_begin.hpp"

namespace capsule {

Handled<GrantResult> handle_grant(Services& services, Caller caller, GrantParams params) {
    if (auto checked = check_ends_with(params.ends_with); !checked) co_return checked.error();
    SpawnParams asked;
    asked.agent = std::move(params.agent);
    asked.provider = std::move(params.provider);
    asked.model = std::move(params.model);
    asked.workspace = std::move(params.workspace);
    asked.role = std::move(params.role);
    auto session = co_await prepare_grant(services, std::move(asked));
    if (!session) co_return session.error();
    std::vector<Warning> unseen;
    auto ref = co_await begin_session(services, caller, std::move(params.ends_with), *session, unseen);
    if (!ref) co_return ref.error();

    GrantResult result;
    result.session = std::move(*ref);
    result.token = session->token->reveal();
    result.base_urls.emplace(session->brokered.surface, url_at_broker(session->broker_url, session->brokered.base_url));
    log_info("grant", {{"uid", std::int64_t{caller.uid}},
                       {"pid", std::int64_t{caller.pid}},
                       {"agent", id_of(session->route.agent)},
                       {"provider", session->route.provider->id},
                       {"session", *result.session.id}});
    co_return result;
}

}  // namespace capsule
