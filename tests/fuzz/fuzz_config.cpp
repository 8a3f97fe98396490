// capsule.toml with its catalog overrides, and role manifests: accepted or refused with a place, never worse; and no
// value of an [env] table in an error.
#include <cstdint>
#include <string>

#include "daemon/config/load_config.hpp"
#include "tests/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using capsule::fuzz::require;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t half = input.find('\f');
    capsule::RoleTexts roles;
    if (half != std::string_view::npos) roles.emplace("reviewer", std::string(input.substr(half + 1)));
    const auto config = capsule::parse_config(input.substr(0, half), "/etc/capsule/capsule.toml", roles);
    if (!config) {
        require(!config.error().message.empty(), "an error says something");
        return 0;
    }
    for (const capsule::Provider& provider : config->catalog.providers) {
        require(!provider.key_env.empty(), "a provider has a key variable");
        if (provider.codex.kind == capsule::CellKind::routed)
            require(provider.codex.wire_api == "responses", "nothing but the Responses API reaches Codex");
    }
    return 0;
}
