#include "daemon/catalog/variables.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "daemon/load/load_config.hpp"

namespace capsule {
namespace {

bool passes(std::string_view name) {
    const auto patterns = default_passthrough();
    return std::any_of(patterns.begin(), patterns.end(), [&](std::string_view p) { return matches(p, name); });
}

TEST(Variables, Names) {
    for (const char* name : {"A", "_", "a1", "ZAI_API_KEY"})
        EXPECT_TRUE(is_variable_name(name)) << name;
    for (const char* name : {"", "1A", "A-B", "A B", "A=B", "A.B", "Ä", "A\n"})
        EXPECT_FALSE(is_variable_name(name)) << name;
    EXPECT_FALSE(is_variable_name(std::string_view("A\0B", 3)));
}

TEST(Variables, Patterns) {
    EXPECT_TRUE(matches("TERM", "TERM"));
    EXPECT_FALSE(matches("TERM", "TERMINFO"));
    EXPECT_TRUE(matches("LC_*", "LC_ALL"));
    EXPECT_TRUE(matches("LC_*", "LC_"));
    EXPECT_FALSE(matches("LC_*", "LCX"));
    EXPECT_TRUE(matches("*", "ANYTHING"));
}

TEST(Variables, DefaultPassthrough) {
    for (const char* name : {"PATH",
                             "TERM",
                             "COLORTERM",
                             "TERM_PROGRAM",
                             "LANG",
                             "LANGUAGE",
                             "LC_CTYPE",
                             "TZ",
                             "NO_COLOR",
                             "FORCE_COLOR",
                             "EDITOR",
                             "VISUAL",
                             "PAGER",
                             "SSH_AUTH_SOCK",
                             "DISPLAY",
                             "WAYLAND_DISPLAY",
                             "XDG_RUNTIME_DIR",
                             "XDG_CACHE_HOME",
                             "HTTP_PROXY",
                             "HTTPS_PROXY",
                             "ALL_PROXY",
                             "NO_PROXY",
                             "http_proxy",
                             "https_proxy",
                             "all_proxy",
                             "no_proxy",
                             "SSL_CERT_FILE",
                             "SSL_CERT_DIR",
                             "NODE_EXTRA_CA_CERTS",
                             "CODEX_CA_CERTIFICATE",
                             "GIT_AUTHOR_NAME",
                             "GIT_COMMITTER_EMAIL",
                             "JACKIN_GIT_DIR"})
        EXPECT_TRUE(passes(name)) << name;
    for (const char* name : {"HOME", "AWS_SECRET_ACCESS_KEY", "ZAI_API_KEY", "GIT_DIR", "XDG_CONFIG_HOME", "PS1",
                             "GH_TOKEN", "JACKIN_SESSION"})
        EXPECT_FALSE(passes(name)) << name;
}

TEST(Variables, Reserved) {
    for (const char* name :
         {"CAPSULE_AGENT", "OP_SERVICE_ACCOUNT_TOKEN", "LD_PRELOAD", "NODE_OPTIONS", "BASH_ENV", "PYTHONPATH",
          "JACKIN_CODEX_PROFILE", "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_DEFAULT_FABLE_MODEL",
          "CODEX_API_KEY", "OPENCODE_CONFIG_CONTENT", "CODEX_HOME", "NODE_TLS_REJECT_UNAUTHORIZED",
          "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "API_TIMEOUT_MS"})
        EXPECT_TRUE(is_reserved(name)) << name;
    // An operator may want these: a context window, telemetry of one's own.
    for (const char* name : {"PATH", "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "OTEL_EXPORTER_OTLP_ENDPOINT", "JACKIN_SESSION",
                             "NODE_EXTRA_CA_CERTS", "EDITOR"})
        EXPECT_FALSE(is_reserved(name)) << name;
}

TEST(Variables, RoutingListIsWhatTheSpecificationNamesAndMore) {
    const std::set<std::string_view> names(routing_variables().begin(), routing_variables().end());
    EXPECT_EQ(names.size(), routing_variables().size()) << "a name stands twice";
    for (const char* name : {"ANTHROPIC_BASE_URL",
                             "ANTHROPIC_AUTH_TOKEN",
                             "ANTHROPIC_DEFAULT_OPUS_MODEL",
                             "ANTHROPIC_DEFAULT_SONNET_MODEL",
                             "ANTHROPIC_DEFAULT_HAIKU_MODEL",
                             "ANTHROPIC_DEFAULT_FABLE_MODEL",
                             "ANTHROPIC_MODEL",
                             "API_TIMEOUT_MS",
                             "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
                             "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST",
                             "CLAUDE_CODE_OAUTH_TOKEN",
                             "CLAUDE_CODE_USE_BEDROCK",
                             "CLAUDE_CODE_USE_VERTEX",
                             "CLAUDE_CODE_USE_FOUNDRY",
                             "ANTHROPIC_CUSTOM_HEADERS",
                             "ANTHROPIC_SMALL_FAST_MODEL",
                             "ANTHROPIC_BETAS",
                             "CLAUDE_CODE_EXTRA_BODY",
                             "AWS_BEARER_TOKEN_BEDROCK",
                             "JACKIN_CODEX_PROFILE",
                             "OPENAI_BASE_URL",
                             "CODEX_API_KEY",
                             "CODEX_ACCESS_TOKEN",
                             "OPENCODE_CONFIG",
                             "OPENCODE_CONFIG_DIR",
                             "OPENCODE_CONFIG_CONTENT",
                             "OPENCODE_DISABLE_PROJECT_CONFIG",
                             "OPENCODE_AUTH_CONTENT",
                             "OPENCODE_API_KEY",
                             "OPENCODE_PERMISSION",
                             "OPENCODE_MODELS_URL"})
        EXPECT_TRUE(names.contains(name)) << name;
    for (const std::string_view name : names) {
        EXPECT_TRUE(is_variable_name(name)) << name;
        EXPECT_EQ(builtin_catalog().by_key_variable(name), nullptr) << name << " is a key variable";
        if (name == "JACKIN_CODEX_PROFILE") continue;
        EXPECT_FALSE(passes(name)) << name << " would pass by default";
    }
}

TEST(Variables, OfALogin) {
    for (const char* name : {"XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "SSH_AUTH_SOCK", "DISPLAY", "WAYLAND_DISPLAY"})
        EXPECT_TRUE(is_of_a_login(name)) << name;
    EXPECT_FALSE(is_of_a_login("PATH"));
    EXPECT_FALSE(is_of_a_login("LANG"));
}

TEST(Variables, ConfigLocations) {
    for (const char* name : {"CODEX_HOME", "XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR"})
        EXPECT_TRUE(is_config_location(name)) << name;
    EXPECT_FALSE(is_config_location("HOME"));
}

}  // namespace
}  // namespace capsule
