// capsule.toml with its catalog overrides, and role manifests: accepted or refused with a place, never worse; and no
// value of an [env] table in an error.
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/load/load_config.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using capsule::fuzz::require;

constexpr std::string_view key = "sk-cp-FAKE-fuzz-Zr4k";

capsule::Result<capsule::Config> load(std::string_view text, const capsule::RoleTexts& roles) {
    return capsule::parse_config(text, "/etc/capsule/capsule.toml", roles);
}

/// The document with a key in its [env] table. None where a string goes over several lines: a line of it is no table.
std::string with_key(std::string_view text) {
    if (text.find("\"\"\"") != text.npos || text.find("'''") != text.npos) return "";
    constexpr std::string_view header = "[env]\n";
    const std::string line = "MINIMAX_API_KEY = \"" + std::string(key) + "\"\n";
    std::string out(text);
    std::size_t at = text.starts_with(header) ? 0 : text.find("\n[env]\n");
    if (at == text.npos) return out + "\n" + std::string(header) + line;
    return out.insert(at + (at == 0 ? header.size() : header.size() + 1), line);
}

void check_errors(std::string_view text, const capsule::RoleTexts& roles) {
    const auto config = load(with_key(text), roles);
    if (config) return;
    require(config.error().message.find(key) == std::string::npos && config.error().hint.find(key) == std::string::npos,
            "an error shows no key");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t half = input.find('\f');
    capsule::RoleTexts roles;
    if (half != std::string_view::npos) roles.emplace("reviewer", std::string(input.substr(half + 1)));
    // libFuzzer reads along: where it put that key itself it would be no secret.
    if (input.find(key) == input.npos) check_errors(input.substr(0, half), roles);
    const auto config = load(input.substr(0, half), roles);
    if (!config) {
        require(!config.error().message.empty() && !config.error().hint.empty(), "an error says what to do");
        return 0;
    }
    for (const capsule::Provider& provider : config->catalog.providers) {
        require(!provider.key_env.empty(), "a provider has a key variable");
        for (const capsule::Cell& cell : provider.cells)
            require(cell.kind != capsule::CellKind::routed || !cell.base_url.empty(), "a routed cell has an address");
    }
    return 0;
}
