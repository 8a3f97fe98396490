#include "daemon/catalog/key_state.hpp"

namespace capsule {

std::string_view name_of(KeyState state) {
    switch (state) {
        case KeyState::present:
            return "present";
        case KeyState::absent:
            return "absent";
        case KeyState::ignored:
            return "ignored";
        case KeyState::error:
            return "error";
        case KeyState::unresolved:
            break;
    }
    return "unresolved";
}

bool usable(KeyState state) {
    return state == KeyState::present || state == KeyState::unresolved;
}

std::string how_to_set(const Provider& provider) {
    return "`capsulectl auth set " + provider.id + "` or set " + provider.key_env + " in the capsule's environment";
}

Error key_absent(const Provider& provider, KeyState state) {
    const std::string name = provider.label + " (" + provider.key_env + ")";
    std::string hint;
    if (!provider.key_url.empty()) hint = "Get one at " + provider.key_url;
    if (!provider.key_url.empty() && !provider.subscribe_url.empty())
        hint += " (subscribe: " + provider.subscribe_url + ")";
    hint += (hint.empty() ? "Set it: " : ", then ") + how_to_set(provider) + ".";
    if (state == KeyState::ignored)
        return {ErrorCode::key_absent, "the key of " + name + " is set to be ignored",
                "Remove the empty value in capsule.toml, or `capsulectl auth unset " + provider.id + "`. " + hint};
    return {ErrorCode::key_absent, "there is no key for " + name, std::move(hint)};
}

}  // namespace capsule
