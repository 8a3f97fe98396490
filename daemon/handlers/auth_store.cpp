#include "daemon/handlers/auth_store.hpp"

#include <spdlog/fmt/fmt.h>

#include "daemon/handlers/session_params.hpp"
#include "daemon/keys/auth_row.hpp"

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
    for (SessionRow& row : services.sessions.list(false)) {
        if (row.provider != provider.id || row.keys != session_keys::env) continue;
        KeyFinding key = keys.find(variable_, {row.workspace, row.role});
        holders_.emplace_back(std::move(row), std::move(key));
    }
}

std::optional<Warning> KeyHolders::warning(const Services& services, const Generation& generation) const {
    constexpr std::size_t most = 8;  // a warning is for reading
    const KeyResolver keys = resolver(services, generation);
    std::size_t count = 0;
    std::string ids;
    for (const auto& [row, before] : holders_) {
        if (same_key(before, keys.find(variable_, {row.workspace, row.role}))) continue;
        if (++count <= most) ids += (ids.empty() ? "" : ", ") + row.id + " (" + row.agent + ")";
    }
    if (count == 0) return std::nullopt;
    if (count > most) ids += fmt::format(" and {} more", count - most);
    return Warning{"session.old_key", fmt::format("running sessions keep the key that they started with: {}. To renew "
                                                  "one, leave its agent and start it again",
                                                  ids)};
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
