// How much of a refused text an error may repeat.
#include "daemon/config/quotable.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace capsule {
namespace {

TEST(Quotable, NamesNumbersAndPaths) {
    for (const char* text : {"",
                             "a:b",
                             "a b",
                             "root",
                             "@staff",
                             "1000",
                             "GH_TOKEN",
                             "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
                             "MY_*",
                             "debgu",
                             "connections_per_user",
                             "effective_context_window_percent",
                             "~/.codex",
                             "x.sock",
                             "/run/capsule",
                             "../certs/ca.pem",
                             "glm-5.3",
                             "MiniMax-M2.7",
                             "claude-sonnet-4-5-20250929",
                             "zai/glm-5.3",
                             "@ai-sdk/openai-compatible",
                             "Asia/Shanghai",
                             "mycompanygateway",
                             "-5",
                             "1000000000"})
        EXPECT_EQ(quotable(text), text);
}

TEST(Quotable, OfAnotherProgramsSentenceTheWordsThatAreNone) {
    for (const auto& [text, shown] : std::vector<std::pair<const char*, const char*>>{
             {"", ""},
             {"[ERROR] 2026/11/29 10:00:00 \"Z.AI\" isn't an item in the \"vault\" vault.",
              "[ERROR] 2026/11/29 10:00:00 \"Z.AI\" isn't an item in the \"vault\" vault."},
             {"+ printf %s sk-FAKE0123456789abcdef", "+ printf %s …"},
             {"key 'FAKEc2VjcmV0c2VjcmV0==' (FAKE0123456789abcdef)", "key '…' (…)"},
             {"OP_SESSION_my=FAKE0123456789abcdef…0001", "OP_SESSION_my=……0001"},
             {"a…b  ", "a…b  "}})
        EXPECT_EQ(quotable_words(text), shown);
}

TEST(Quotable, OfWhatMayBeASecretAtMostItsName) {
    for (const auto& [text, shown] : std::vector<std::pair<const char*, const char*>>{
             {"GH_TOKEN=FAKE-0001", "GH_TOKEN=…"},
             {"model_providers.x.token=FAKE", "model_providers.x.token=…"},
             {"a=b=FAKE", "a=…"},
             {"FAKEc2VjcmV0c2VjcmV0==", "…"},
             {"https://user:FAKE-pw@host/", "https://…"},
             {"https://ghp_FAKE0123456789abcdef@host/", "https://…"},
             {"https://host/?key=FAKE-0001", "https://…"},
             {"https://host/#FAKE-0001", "https://…"},
             {"https://host/FAKE0123456789abcdef", "https://…"},
             {"http://z.ai/path", "http://z.ai/path"},
             {"FAKE0123456789abcdef://host", "…"},
             {"x=https://user:FAKE-pw@host/", "x=…"},
             {"user:FAKE-pw@proxy", "…"},
             {"two FAKE words", "…"},
             {"sk-cp-FAKE-minimax-0001", "…"},
             {"FAKE-ops_eyJhbGciOi-0002", "…"},
             {"ghp_fake0123456789abcdefghij", "…"},
             {"fakefakefakefakef", "…"},
             {"FakeMixedCase", "…"},
             {"12345678901", "…"},
             {"a1b2c3-d4e5f6-a7b8c9", "…"},
             {"fake-fake-fake-fake-fake-fake-fake-fake-fake-fake-fake-fake-fake-fake", "…"},
             {"FAKE\nline", "…"},
         })
        EXPECT_EQ(quotable(text), shown) << text;
    EXPECT_EQ(quote("GH_TOKEN=FAKE"), "\"GH_TOKEN=…\"");
    EXPECT_EQ(quote("a\nb"), "\"a\\x0ab\"");
}

TEST(Quotable, OfAnArgumentTheOption) {
    for (const auto& [argument, shown] : std::vector<std::pair<const char*, const char*>>{
             {"--profile", "--profile"},
             {"-p", "-p"},
             {"--settings={\"env\":{\"GH_TOKEN\":\"FAKE\"}}", "--settings=…"},
             {"-cmodel=FAKE", "-c…"},
             {"-c=model=FAKE", "-c…"},
             {"--FAKE token", "…"},
             {"--fakefakefakefakef", "…"},
             {"FAKE", "…"},
             {"-", "…"},
             {"", "…"},
         })
        EXPECT_EQ(option_name(argument), shown) << argument;
}

}  // namespace
}  // namespace capsule
