#include "protocol/variable_name.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

TEST(VariableName, IsLettersDigitsAndUnderscores) {
    for (const char* name : {"A", "_", "a1", "PATH", "no_proxy"})
        EXPECT_TRUE(is_variable_name(name)) << name;
    for (const char* name : {"", "1A", "A B", "A=B", "A-B", "BASH_FUNC_f%%", "caf\xc3\xa9"})
        EXPECT_FALSE(is_variable_name(name)) << name;
}

TEST(NamesASecret, KnowsNamesOfSecrets) {
    for (const char* name : {"ZAI_API_KEY", "ANTHROPIC_AUTH_TOKEN", "openai_api_key", "AWS_SECRET_ACCESS_KEY",
                             "PGPASSWORD", "MY_PASSWORD_FILE", "GITHUB_TOKEN", "GH_TOKEN", "CLIENT_SECRET_ID",
                             "OPENCODE_API_KEY_2", "DB_PASS", "MY_PASSWD", "GOOGLE_APPLICATION_CREDENTIALS",
                             "GPG_PASSPHRASE", "apiKey", "CI_TOKENS", "MYSQL_PWD", "OTEL_EXPORTER_OTLP_HEADERS"})
        EXPECT_TRUE(names_a_secret(name)) << name;
    for (const char* name : {"PATH", "TERM", "SSH_AUTH_SOCK", "LANG", "KEYBOARD", "XDG_RUNTIME_DIR", "COMPASS",
                             "HTTP_PROXY", "GIT_AUTHOR_NAME", "PWD", "OLDPWD"})
        EXPECT_FALSE(names_a_secret(name)) << name;
}

TEST(NamesASecret, OrHasAPasswordInItsValue) {
    EXPECT_TRUE(is_secret_variable("GH_TOKEN", "x"));
    EXPECT_TRUE(is_secret_variable("HTTPS_PROXY", "http://me:FAKE@127.0.0.1:1"));
    EXPECT_TRUE(is_secret_variable("https_proxy", "me:FAKE@127.0.0.1:1"));
    EXPECT_FALSE(is_secret_variable("HTTPS_PROXY", "http://127.0.0.1:1"));
    for (const char* url : {"postgres://me:FAKE@host/db", "postgres://me:FA/KE?#@host/db", "redis://:FAKE@host",
                            "git+https://FAKE-token@host/x", "http://plain and https://me:FAKE@host"})
        EXPECT_TRUE(is_secret_variable("X", url)) << url;
    for (const char* text :
         {"me@example.com", "https://registry.npmjs.org/@acme/x", "https://host:8080/@acme/x",
          "ssh://git@github.com/o/r", "git+https://x/y@v1", "https://x?mail=a@b", "see http://x and mail a@b:c"})
        EXPECT_FALSE(is_secret_variable("X", text)) << text;
}

TEST(NamesASecret, NothingAndACountOfTokensAreNone) {
    EXPECT_FALSE(is_secret_variable("GH_TOKEN", ""));
    EXPECT_FALSE(is_secret_variable("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "64000"));
    EXPECT_TRUE(is_secret_variable("DEPLOY_TOKEN", "1234567"));
    EXPECT_TRUE(is_secret_variable("TEAM_TOKENS", "fake-tokens-of-0001"));
    EXPECT_TRUE(is_secret_variable("TEAM_TOKENS", "1234567890"));
}

}  // namespace
}  // namespace capsule
