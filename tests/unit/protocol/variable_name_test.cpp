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

TEST(NamesASecret, OrOneInAnUnusualUrl) {
    for (const char* url : {"HTTPS://FAKE-token@h/", "Http://me:FAKE@h", "wss://FAKE-token@h", "nats://FAKE-token@h",
                            R"(https:\/\/me:FAKE@h)", R"({"url":"https:\/\/h","other":"https:\/\/me:FAKE@h\/"})",
                            R"(https:\\/\\/FAKE-token@h)", "SSH://me:FAKE@h", "https://me:FAKE word@h"})
        EXPECT_TRUE(is_secret_variable("X", url)) << url;
    for (const char* url : {"GIT+SSH://git@h/o/r", "sftp://me@h", R"(https:\/\/h\/@acme\/x)", "http://[::1]/@acme/x",
                            "http://[::1]:8080/@acme/x", R"({"url":"https://h","mail":"a@b"})"})
        EXPECT_FALSE(is_secret_variable("X", url)) << url;
}

TEST(NamesASecret, OrAPasswordThatShouldHaveBeenEscaped) {
    for (const char* url :
         {"https://u:123/FAKE@h/", "https://u:/FAKE@h/", "https://u:8080?FAKE@h/", "https://u:80#FAKE@h",
          "http://FAKE/x:y@proxy", "http://1234/FAKE@proxy:3128", "https://u:FA/@h", "http://[::1]:8/FAKE@h"})
        EXPECT_TRUE(is_secret_variable("X", url)) << url;
    for (const char* url :
         {"https://h:8080/@acme/x", "https://h/x@1.2/y@3", "https://h:8080/x?mail=a", "https://h/a/@b/c@1"})
        EXPECT_FALSE(is_secret_variable("X_URL", url)) << url;
}

TEST(NamesASecret, OrHasOneWithoutASchemeWhereAnAddressBelongs) {
    for (const char* name : {"HTTP_PROXY_URL", "npm_config_proxy", "X_URL", "base_url", "URLS", "DB_URI", "DB_DSN"})
        EXPECT_TRUE(is_secret_variable(name, "me:FAKE@h:80")) << name;
    EXPECT_TRUE(is_secret_variable("X_URL", "http://h and me:FAKE@h"));
    for (const char* text : {"git@github.com:o/r.git", "h:8080", "https://h/@acme/x", "me@h"})
        EXPECT_FALSE(is_secret_variable("X_URL", text)) << text;
    EXPECT_FALSE(is_secret_variable("SECURITY", "a:b@c"));
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
