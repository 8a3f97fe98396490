#include "daemon/handlers/auth_store.hpp"

#include <spdlog/fmt/fmt.h>

#include "daemon/handlers/named_sessions.hpp"
#include "daemon/handlers/session_params.hpp"
#include "daemon/keys/auth_row.hpp"
#include "daemon/keys/key_scope.hpp"

namespace capsule {
namespace {

bool same_key(const KeyFinding& one, const KeyFinding& other) {
    return one.state == other.state && one.value.same_as(other.value) && one.reference == other.reference;
}

}  // namespace

Result<KeyScope> auth_scope(const std::optional<AuthScope>& scope) {
    if (!scope) return KeyScope{};
    if (auto checked = check_scope(scope->workspace, scope->role); !checked) return checked.error();
    if (scope->role && !scope->workspace)
        return Error{ErrorCode::invalid_params, "a role is named without its workspace",
                     "name the workspace too: keys belong to a role within a workspace"};
    return KeyScope{scope->workspace, scope->role};
}

AuthRow row_at(const Services& services, const Generation& generation, const Provider& provider,
               const KeyScope& scope) {
    return auth_row(provider, resolver(services, generation).find(provider.key_env, scope));
}

KeyHolders::KeyHolders(const Services& services, const Generation& generation, const Provider& provider)
    : variable_(provider.key_env) {
    const KeyResolver keys = resolver(services, generation);
    for (ListedSession& session : services.sessions.listed(false)) {
        const SessionRecord& record = *session.record;
        if (record.provider != provider.id || record.keys == session_keys::home) continue;
        KeyFinding key = keys.find(variable_, {record.workspace, record.role});
        holders_.emplace_back(std::move(session), std::move(key));
    }
}

void KeyHolders::add_warnings(std::vector<Warning>& warnings, const Services& services,
                              const Generation& generation) const {
    const KeyResolver keys = resolver(services, generation);
    NamedSessions old_key, old_key_alone, new_key, no_key;
    for (const auto& [session, before] : holders_) {
        const SessionRecord& record = *session.record;
        const KeyFinding now = keys.find(variable_, {record.workspace, record.role});
        if (same_key(before, now)) continue;
        const bool is_gone = now.state == KeyState::absent || now.state == KeyState::ignored;
        const bool may_have_it = usable(now.state) && is_as_narrow(now.scope, record.key_scope.value_or(""));
        if (record.keys == session_keys::env)
            (is_gone ? old_key_alone : old_key).add(record);
        else
            (may_have_it ? new_key : no_key).add(record);
    }
    const auto add = [&](Warning warning, const NamedSessions& sessions, std::string_view cure) {
        if (!sessions.any()) return;
        warning.message += fmt::format(": {}{}", sessions.text(), cure);
        warnings.push_back(std::move(warning));
    };
    add({"session.old_key", "running sessions keep the key that they started with"}, old_key,
        ". To renew one, leave its agent and start it again");
    add({"session.old_key", "running sessions keep the key that was removed"}, old_key_alone,
        ". To take it from one, end its agent");
    add({"session.new_key", "running sessions use it from their next request"}, new_key, "");
    add({"session.no_key", "running sessions have no key any more, so their requests are refused"}, no_key, "");
}

void log_change(std::string_view event, Caller caller, const Provider& provider, const KeyScope& scope) {
    const auto name = [](const std::optional<std::string>& part) -> std::string_view {
        return part ? std::string_view(*part) : "-";
    };
    log_info(event, {{"uid", std::int64_t{caller.uid}},
                     {"pid", std::int64_t{caller.pid}},
                     {"provider", provider.id},
                     {"workspace", name(scope.workspace)},
                     {"role", name(scope.role)}});
}

}  // namespace capsule
