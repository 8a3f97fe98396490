// Every secret that lies about in the tests: fakes, each told from the others by its text.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace capsule::e2e {

/// In the daemon's environment: all keys, all native credentials, and what else must never reach an agent.
inline const std::map<std::string, std::string> daemon_secrets{
    {"ANTHROPIC_API_KEY", "sk-ant-api03-FAKE-anthropic-000000000001"},
    {"OPENAI_API_KEY", "sk-FAKE-openai-0001"},
    {"ZAI_API_KEY", "FAKE-zai-0001"},
    {"MINIMAX_API_KEY", "sk-cp-FAKE-minimax-0001"},
    {"KIMI_CODE_API_KEY", "sk-kiFAKE-kimi-0000000000000000000000001"},
    {"CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-FAKE-oauth-0001"},
    {"ANTHROPIC_AUTH_TOKEN", "FAKE-stray-auth-token-0001"},
    {"CODEX_API_KEY", "FAKE-stray-codex-0001"},
    {"CODEX_ACCESS_TOKEN", "FAKE-stray-codex-access-0001"},
    {"OPENCODE_API_KEY", "FAKE-stray-opencode-0001"},
    {"ZHIPU_API_KEY", "FAKE-stray-zhipu-0001"},
    {"AWS_BEARER_TOKEN_BEDROCK", "FAKE-stray-bedrock-0001"},
    {"CUSTOM_API_KEY", "FAKE-custom-0001"},  // of a provider that only capsule.toml knows
    {"OP_SERVICE_ACCOUNT_TOKEN", "FAKE-stray-op-0001"},
};

/// In files that an earlier life left in the home.
inline const std::string home_openai_key = "sk-FAKE-home-openai-0002";
inline const std::vector<std::string> home_secrets{
    home_openai_key,          "FAKE-home-zai-0002",
    "FAKE-home-minimax-0002", "FAKE-home-anthropic-0002",
    "FAKE-home-kimi-0002",    "FAKE-home-settings-token-0002",
};

/// By name in daemon_secrets, or "home" for the OpenAI key of the home's own login.
inline const std::string& secret(const std::string& name) {
    return name == "home" ? home_openai_key : daemon_secrets.at(name);
}

}  // namespace capsule::e2e
