// grant: a token alone, for a session that another capsuled renders and starts.
#include <unistd.h>

#include <algorithm>

#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/session_begin.hpp"
#include "daemon/keys/known_scopes.hpp"
#include "daemon/users/user_namespace.hpp"

namespace capsule {
namespace {

Result<void> check_digest(const std::optional<std::string>& digest) {
    constexpr std::size_t digits = 64;
    const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (!digest || (digest->size() == digits && std::ranges::all_of(*digest, is_digit))) return {};
    return Error{ErrorCode::invalid_params, "params.token_sha256: not 64 hexadecimal digits in lower case",
                 "give the SHA-256 of the token, or leave it out and take the token of the answer"};
}

/// Whose processes may use the token. By that id anybody's could.
Result<void> check_user(const std::optional<std::uint32_t>& uid) {
    if (!uid || *uid != overflow_uid() || *uid == ::geteuid()) return {};
    return Error{ErrorCode::invalid_params,
                 "params.uid: every user that this system does not know looks like " + std::to_string(*uid),
                 "let the sessions run as a user of their own, whom the side with the keys knows, too"};
}

/// For a session that began while its workspace or role was configured. Where none is any more, and with
/// unknown_scopes = "allow", any name passes, with another scope's key.
Result<void> check_still_known(const Services& services, const GrantParams& params) {
    const KnownScope began = params.known_scope.value_or(KnownScope());
    KeyScope scope;
    if (began.workspace) scope.workspace = params.workspace;
    if (began.role) scope.role = params.role;
    const auto gone = unknown_part(known_scopes(services.generation->config, services.stored), scope);
    if (!gone) return {};
    return Error{ErrorCode::scope_unknown, "there is no " + *gone + " any more",
                 "configure it again, or start the agent again in another one"};
}

}  // namespace

Handled<GrantResult> handle_grant(Services& services, Caller caller, GrantParams params) {
    if (auto checked = check_ends_with(params.ends_with); !checked) co_return checked.error();
    if (auto checked = check_digest(params.token_sha256); !checked) co_return checked.error();
    if (auto checked = check_user(params.uid); !checked) co_return checked.error();
    if (auto checked = check_still_known(services, params); !checked) co_return checked.error();
    SpawnParams asked;
    asked.agent = std::move(params.agent);
    asked.provider = std::move(params.provider);
    asked.model = std::move(params.model);
    asked.workspace = std::move(params.workspace);
    asked.role = std::move(params.role);
    auto session = co_await prepare_grant(services, std::move(asked));
    if (!session) co_return session.error();
    session->uid = params.uid;
    if (params.token_sha256) {
        session->token.reset();
        session->token_sha256 = *params.token_sha256;
        // A caller whose connection broke asks again for the sessions that it has.
        services.sessions.end_with_token(session->token_sha256);
    }
    const KeyScope known = configured_scope(*session);
    auto ref = co_await begin_session(services, caller, std::move(params.ends_with), *session, session->plan.warnings);
    if (!ref) co_return ref.error();

    GrantResult result;
    result.session = std::move(*ref);
    if (session->token) result.token = session->token->reveal();
    result.base_urls.emplace(session->brokered.surface, url_at_broker(session->broker_url, session->brokered.base_url));
    if (session->scope.workspace || session->scope.role)
        result.known_scope = KnownScope{known.workspace.has_value(), known.role.has_value()};
    result.warnings = std::move(session->plan.warnings);
    log_info("grant", {{"uid", std::int64_t{caller.uid}},
                       {"pid", std::int64_t{caller.pid}},
                       {"agent", id_of(session->route.agent)},
                       {"provider", session->route.provider->id},
                       {"session", *result.session.id}});
    co_return result;
}

}  // namespace capsule
