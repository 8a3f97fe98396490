#include "daemon/keys/auth_row.hpp"

#include "tests/unit/keys/support.hpp"

namespace capsule::test {
namespace {

using ::testing::HasSubstr;

Provider minimax() {
    Provider out;
    out.id = "minimax";
    out.label = "MiniMax";
    out.key_env = "MINIMAX_API_KEY";
    out.key_prefix = "sk-cp-";
    out.subscribe_url = "https://subscribe.example";
    out.key_url = "https://key.example";
    out.notes = "Token Plan";
    return out;
}

KeyFinding present(std::string_view key) {
    return {.state = KeyState::present, .value = Secret(key), .source = "environment", .scope = "container"};
}

TEST(AuthRow, OfAKeyThatIsThere) {
    const AuthRow row = auth_row(minimax(), present("sk-cp-FAKE-minimax-0001"));
    EXPECT_EQ(row.provider, "minimax");
    EXPECT_EQ(row.label, "MiniMax");
    EXPECT_EQ(row.variable, "MINIMAX_API_KEY");
    EXPECT_EQ(row.mode, "api_key");
    EXPECT_EQ(row.state, "present");
    EXPECT_EQ(row.source, "environment");
    EXPECT_EQ(row.scope, "container");
    EXPECT_EQ(row.masked, "…0001");
    EXPECT_EQ(row.subscribe_url, "https://subscribe.example");
    EXPECT_EQ(row.key_url, "https://key.example");
    EXPECT_EQ(row.notes, "Token Plan");
    EXPECT_TRUE(row.warnings.empty());
}

TEST(AuthRow, OfAKeyThatIsNotThere) {
    Provider provider = minimax();
    provider.notes.clear();
    const AuthRow row = auth_row(provider, {});
    EXPECT_EQ(row.mode, "api_key");
    EXPECT_EQ(row.state, "absent");
    EXPECT_EQ(row.source, std::nullopt);
    EXPECT_EQ(row.scope, std::nullopt);
    EXPECT_EQ(row.masked, std::nullopt);
    EXPECT_EQ(row.notes, std::nullopt);
    EXPECT_TRUE(row.warnings.empty());
}

TEST(AuthRow, OfAnIgnoredKeySaysWhatItHides) {
    const AuthRow row = auth_row(minimax(), {.state = KeyState::ignored,
                                             .source = "capsule.toml:4",
                                             .scope = "role",
                                             .also_in = {"environment", "systemd credential"}});
    EXPECT_EQ(row.mode, "ignore");
    EXPECT_EQ(row.state, "ignored");
    EXPECT_EQ(row.masked, std::nullopt);
    ASSERT_EQ(row.warnings.size(), 1u);
    EXPECT_EQ(row.warnings[0].code, "key.shadowed");
    EXPECT_THAT(row.warnings[0].message, HasSubstr("environment, systemd credential"));
}

TEST(AuthRow, WarnsOfAnotherShapeAndOfWhatLost) {
    KeyFinding finding = present("FAKE-of-another-shape");
    finding.also_in = {"systemd credential"};
    const AuthRow row = auth_row(minimax(), finding);
    ASSERT_EQ(row.warnings.size(), 2u);
    EXPECT_EQ(row.warnings[0].code, "key.shape");
    EXPECT_THAT(row.warnings[0].message, HasSubstr("sk-cp-"));
    EXPECT_THAT(row.warnings[0].message, HasSubstr("https://key.example"));
    EXPECT_EQ(row.warnings[1].code, "key.shadowed");
    for (const Warning& warning : row.warnings)
        EXPECT_THAT(warning.message, ::testing::Not(HasSubstr("FAKE")));
}

TEST(AuthRow, WhatPeopleCopyAlongWithAKeyIsNamed) {
    for (const auto& [value, what] : std::vector<std::pair<std::string, std::string>>{
             {"\"sk-cp-FAKE-minimax-0001\"", "has quotes around it"},
             {"'sk-cp-FAKE-minimax-0001'", "has quotes around it"},
             {"sk-cp-FAKE-minimax-0001\"", "has quotes around it"},
             {"MINIMAX_API_KEY=sk-cp-FAKE-minimax-0001", "has a name before it"},
             {"key=sk-cp-FAKE-minimax-0001", "has a name before it"},
             {"apiKey:sk-cp-FAKE-minimax-0001", "has a name before it"},
             {"sk-cp-FAKE-minimax-0001,", "has a comma or semicolon behind it"},
             {"sk-cp-FAKE-minimax-0001;", "has a comma or semicolon behind it"},
             {"<sk-cp-FAKE>", "is a placeholder"},
             {"sk-cp-FAKE...", "is a placeholder"},
             {"YOUR_API_KEY", "is a placeholder"},
             {"sk-cp-your-key", "is a placeholder"},
             {"xxxxxxxx", "is a placeholder"},
             {"{\"key\":\"sk-cp-FAKE-minimax-0001\"}", "is JSON"},
             {"{{secrets.FAKE}}", "is JSON or a template"},
             {"$MINIMAX_API_KEY", "is the name of a variable"},
             {"${MINIMAX_API_KEY}", "is the name of a variable"},
             {"op://vault/item/FAKE", "is a 1Password reference"},
             {"bearer:sk-cp-FAKE-minimax-0001", "begins with \"Bearer\""},
             {"export MINIMAX_API_KEY=sk-cp-FAKE-minimax-0001", "begins with \"export\""},
             {"Bearer sk-cp-FAKE-minimax-0001", "begins with \"Bearer\""},
         }) {
        Provider provider = minimax();
        for (const char* prefix : {"sk-cp-", ""}) {
            provider.key_prefix = prefix;
            const AuthRow row = auth_row(provider, present(value));
            ASSERT_EQ(row.warnings.size(), 1u) << what;
            EXPECT_EQ(row.warnings[0].code, "key.shape");
            EXPECT_THAT(row.warnings[0].message, HasSubstr(what));
            EXPECT_THAT(row.warnings[0].message, ::testing::Not(HasSubstr("FAKE")));
        }
    }
    Provider provider = minimax();
    provider.key_prefix.clear();
    for (const char* fine :
         {"FAKE-base64==", "FAKE_with_underscore=", "FAKE.a=b", "FAKE:id.secret", "bearerFAKE", "monkey=FAKE"})
        EXPECT_TRUE(auth_row(provider, present(fine)).warnings.empty()) << fine;
}

TEST(AuthRow, AKeyThatIsPlainlyAnotherProvidersIsCalledSo) {
    Provider zai;
    zai.origin = "catalog", zai.label = "Z.AI", zai.key_url = "https://key.example";
    const auto said = [](const Provider& provider, std::string_view key) {
        const AuthRow row = auth_row(provider, present(key));
        return row.warnings.empty() ? "" : row.warnings[0].message;
    };
    EXPECT_EQ(said(zai, "sk-ant-FAKE-0001"),
              "This does not look like a Z.AI key, but like an Anthropic key; it is used all the same. Keys are at "
              "https://key.example.");
    EXPECT_THAT(said(zai, "sk-cp-FAKE-0001"), HasSubstr("like a MiniMax key"));
    Provider kimi = zai;
    kimi.label = "Kimi", kimi.key_prefix = "sk-ki";
    EXPECT_THAT(said(kimi, "sk-cp-FAKE-0001"), HasSubstr("which begins with sk-ki, but like a MiniMax key;"));
    EXPECT_EQ(said(kimi, "sk-kimi-FAKE-0001"), "");
    Provider own = zai;
    own.origin = "capsule.toml:3";
    EXPECT_EQ(said(own, "sk-ant-FAKE-0001"), "") << "a gateway of the operator's may take any key";
    Provider anthropic = zai;
    anthropic.label = "Anthropic";
    EXPECT_EQ(said(anthropic, "sk-ant-FAKE-0001"), "");
}

TEST(AuthRow, AnyShapeWillDoWhereNoneIsKnown) {
    Provider provider = minimax();
    provider.key_prefix.clear();
    EXPECT_TRUE(auth_row(provider, present("FAKE-any")).warnings.empty());
}

TEST(AuthRow, OfASourceThatCannotBeUsed) {
    const AuthRow row = auth_row(minimax(), {.state = KeyState::error,
                                             .error = Error{ErrorCode::key_error, "op: not signed in", "Sign in."},
                                             .source = "capsule.toml:4",
                                             .scope = "global"});
    EXPECT_EQ(row.mode, "api_key");
    EXPECT_EQ(row.state, "error");
    ASSERT_EQ(row.warnings.size(), 1u);
    EXPECT_EQ(row.warnings[0], (Warning{"key.error", "op: not signed in. Sign in."}));
}

TEST(AuthRow, OfAReferenceNotYetRead) {
    const AuthRow row = auth_row(
        minimax(),
        {.state = KeyState::unresolved, .reference = "op://v/i/f", .source = "auth.toml", .scope = "workspace"});
    EXPECT_EQ(row.state, "unresolved");
    EXPECT_EQ(row.scope, "workspace");
    EXPECT_EQ(row.masked, std::nullopt);
}

}  // namespace
}  // namespace capsule::test
