#include <gtest/gtest.h>

#include "client/commands/masking.hpp"

namespace capsule {
namespace {

TEST(MaskSession, HidesWhatTheExplanationHides) {
    SpawnResult session;
    session.env = {{"TEAM_CRED", "fake-credential-0001"},
                   {"OTHER_API_KEY", "fake-other-key-0002"},
                   {"CONTENT", R"({"k":"fake-credential-0001"})"},
                   {"TERM", "xterm"}};
    session.argv = {"x", "--k=fake-credential-0001"};
    ExplainResult explanation;
    explanation.env = {{"TEAM_CRED", "…0001", "environment"}, {"TERM", "xterm", "request"}};
    const SpawnResult hidden = mask_session(session, explanation);
    EXPECT_EQ(hidden.env.at("TEAM_CRED"), "…0001");
    EXPECT_EQ(hidden.env.at("OTHER_API_KEY"), "…0002");
    EXPECT_EQ(hidden.env.at("CONTENT"), R"({"k":"…0001"})");
    EXPECT_EQ(hidden.env.at("TERM"), "xterm");
    EXPECT_EQ(hidden.argv[1], "--k=…0001");
    EXPECT_EQ(mask_session(session, std::nullopt).env.at("OTHER_API_KEY"), "…0002");
}

TEST(MaskSession, OfASecretThatBeginsAsAnotherNothingIsLeft) {
    const std::string first = "FAKE-abcd", second = first + "efgh-of-another-0002";
    SpawnResult session;
    session.env = {{"BAR_TOKEN", second}, {"FOO_TOKEN", first}, {"CONTENT", "{" + second + " " + first + "}"}};
    session.argv = {"x", "--k=" + second, first};
    const SpawnResult hidden = mask_session(session, std::nullopt);
    EXPECT_EQ(hidden.env.at("CONTENT"), "{…0002 …}");
    EXPECT_EQ(hidden.env.at("BAR_TOKEN"), "…0002");
    EXPECT_EQ(hidden.argv[1], "--k=…0002");
    EXPECT_EQ(hidden.argv[2], "…");
}

TEST(MaskSession, AShortSecretIsLookedForInNoOtherText) {
    SpawnResult session;
    session.env = {{"FOO_TOKEN", "term"}, {"CONTENT", "xterm"}, {"SAME", "term"}};
    const SpawnResult hidden = mask_session(session, std::nullopt);
    EXPECT_EQ(hidden.env.at("CONTENT"), "xterm");
    EXPECT_EQ(hidden.env.at("SAME"), "…");
}

TEST(MaskSession, ACountOfTokensIsNoSecret) {
    SpawnResult session;
    session.env = {{"CLAUDE_CODE_MAX_CONTEXT_TOKENS", "1000000"},
                   {"CLAUDE_CODE_AUTO_COMPACT_WINDOW", "1000000"},
                   {"TEAM_TOKENS", "fake-tokens-of-0001"},
                   {"DEPLOY_TOKEN", "1234567"}};
    ExplainResult explanation;
    for (const auto& [name, value] : session.env)
        explanation.env.push_back({name, value, "catalog"});
    const SpawnResult hidden = mask_session(session, explanation);
    EXPECT_EQ(hidden.env.at("CLAUDE_CODE_MAX_CONTEXT_TOKENS"), "1000000");
    EXPECT_EQ(hidden.env.at("CLAUDE_CODE_AUTO_COMPACT_WINDOW"), "1000000");
    EXPECT_EQ(hidden.env.at("TEAM_TOKENS"), "…0001");
    EXPECT_EQ(hidden.env.at("DEPLOY_TOKEN"), "…");
    EXPECT_EQ(mask_session(session, std::nullopt).env.at("CLAUDE_CODE_MAX_CONTEXT_TOKENS"), "1000000");
}

}  // namespace
}  // namespace capsule
