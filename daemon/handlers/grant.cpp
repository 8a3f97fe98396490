// grant: a token alone, for a session that another capsuled renders and starts.
#include <unistd.h>

#include <algorithm>
#include <array>

#include "daemon/base/http_url.hpp"
#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/session_begin.hpp"
#include "daemon/keys/key_scope.hpp"
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
                 "params.uid: uid " + std::to_string(*uid) +
                     " cannot be used here: the kernel shows any user of another user namespace (a container's, say) "
                     "under this number",
                 "let the sessions run as a user of their own, whom the side with the keys knows, too"};
}

Result<void> check_scope_word(const std::optional<std::string>& scope) {
    constexpr std::array<std::string_view, 4> words{"role", "workspace", "global", "container"};
    if (!scope || std::ranges::find(words, *scope) != words.end()) return {};
    return Error{ErrorCode::invalid_params, "params.key_scope: none of role, workspace, global, container",
                 "give it as the first result of that session had it"};
}

/// Of a session that is granted anew.
Result<void> check_same_scope(const PreparedSession& session, const std::optional<std::string>& began) {
    if (!began || is_as_narrow(session.key_scope, *began)) return {};
    return Error{ErrorCode::scope_unknown, gone_from_scope(*began, session.scope), std::string(configure_it_again)};
}

/// Of such a one too. A key is the one of an address.
Result<void> check_same_url(const PreparedSession& session, const std::optional<std::string>& began) {
    if (!began || same_address(session.base_url, *began)) return {};
    return Error{ErrorCode::config_conflict,
                 "the address of " + session.route.provider->label + " has changed since the agent was started",
                 "leave it and start it again"};
}

/// Whether a password manager would be waited for. Nothing else is done before the key is looked for again.
bool key_is_unread(const Services& services, const GrantParams& params) {
    const Config& config = services.generation->config;
    const Provider* provider = params.provider ? config.catalog.find(*params.provider) : nullptr;
    const auto agent = find_agent(params.agent);
    if (!provider || !agent) return false;
    const bool is_native = provider->kind(*agent) == CellKind::native;
    const std::vector<std::string> variables =
        is_native ? own_credentials(*agent, config, *provider).variables : std::vector<std::string>{provider->key_env};
    const KeyResolver keys = resolver(services, *services.generation);
    for (const std::string& variable : variables) {
        const KeyState state = keys.find(variable, {params.workspace, params.role}).state;
        if (state == KeyState::unresolved) return true;
        if (state == KeyState::present) return false;
    }
    return false;
}

}  // namespace

Handled<GrantResult> handle_grant(Services& services, Caller caller, GrantParams params) {
    if (auto checked = check_ends_with(params.ends_with); !checked) co_return checked.error();
    if (auto checked = check_digest(params.token_sha256); !checked) co_return checked.error();
    if (auto checked = check_user(params.uid); !checked) co_return checked.error();
    if (params.uid)
        if (auto conflict = upstream_conflict(*services.generation, *params.uid)) co_return *std::move(conflict);
    if (auto checked = check_scope_word(params.key_scope); !checked) co_return checked.error();
    if (params.key_is_read.value_or(false) && key_is_unread(services, params)) {
        GrantResult none;
        none.session.keys = session_keys::broker;
        none.key_is_unread = true;
        co_return none;
    }
    SpawnParams asked;
    asked.agent = std::move(params.agent);
    asked.provider = std::move(params.provider);
    asked.model = std::move(params.model);
    asked.workspace = std::move(params.workspace);
    asked.role = std::move(params.role);
    auto session = co_await prepare_grant(services, caller.counted_as(), std::move(asked));
    const bool has_begun = params.key_scope.has_value();
    if (!session && has_begun)
        if (auto checked = services.sessions.check_port(); !checked) co_return checked.error();
    if (!session) co_return session.error();
    if (auto checked = check_same_scope(*session, params.key_scope); !checked) co_return checked.error();
    if (auto checked = check_same_url(*session, params.provider_url); !checked) co_return checked.error();
    if (params.key_scope)
        session->key_scope = *params.key_scope;  // that of its begin, though the key's may be narrower
    session->uid = params.uid;
    session->asked_by = params.asked_by;
    if (params.token_sha256) {
        session->token.reset();
        session->token_sha256 = *params.token_sha256;
        // A caller whose connection broke asks again for the sessions that it has.
        services.sessions.end_with_token(session->token_sha256);
    }
    auto ref = co_await begin_session(services, caller, std::move(params.ends_with), *session, session->plan.warnings);
    if (!ref) co_return ref.error();

    GrantResult result;
    result.session = std::move(*ref);
    if (session->token) result.token = session->token->reveal();
    result.base_urls.emplace(session->brokered.surface, url_at_broker(session->broker_url, session->brokered.base_url));
    result.key_scope = session->key_scope;
    result.provider_url = session->base_url;
    result.warnings = std::move(session->plan.warnings);
    log_info("grant", {{"uid", std::int64_t{caller.uid}},
                       {"pid", std::int64_t{caller.pid}},
                       {"agent", id_of(session->route.agent)},
                       {"provider", session->route.provider->id},
                       {"session", *result.session.id}});
    co_return result;
}

}  // namespace capsule
