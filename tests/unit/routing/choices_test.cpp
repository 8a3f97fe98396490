// The picker: what is offered, what is the default, what stands on the tab.
#include "daemon/routing/choices.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/routing/support.hpp"

namespace capsule {
namespace {

using test::configured;

using Keys = std::map<std::string, KeyState>;

KeyStates states(const Keys& keys) {
    return [keys](const Provider& provider) {
        const auto found = keys.find(provider.id);
        return found == keys.end() ? KeyState::absent : found->second;
    };
}

constexpr auto present = KeyState::present;
constexpr auto unresolved = KeyState::unresolved;
const Keys all = {
    {"anthropic", present}, {"openai", present}, {"zai", present}, {"minimax", present}, {"kimi", present}};

std::string choice_ids(const ProvidersListResult& result) {
    std::string out;
    for (const Choice& choice : result.choices)
        out += (out.empty() ? "" : " ") + choice.id;
    return out;
}

/// "zai:key.absent …"
std::string unavailable_ids(const ProvidersListResult& result) {
    std::string out;
    for (const Unavailable& item : result.unavailable)
        out += (out.empty() ? "" : " ") + item.id + ":" + item.code;
    return out;
}

TEST(Choices, WhoIsOffered) {
    struct Case {
        Agent agent;
        Keys keys;
        std::string choices;
        std::optional<std::string> chosen;
        std::string unavailable;
    };
    const Config config = configured();
    for (const Case& c : std::vector<Case>{
             // Only the own account: no picker.
             {Agent::claude,
              {},
              "",
              "anthropic",
              "openai:cell.unsupported zai:key.absent minimax:key.absent kimi:key.absent"},
             {Agent::codex,
              {},
              "",
              "openai",
              "anthropic:cell.unsupported zai:key.absent minimax:key.absent kimi:key.absent"},
             // OpenCode has none of its own.
             {Agent::opencode,
              {},
              "",
              std::nullopt,
              "anthropic:key.absent openai:cell.unsupported zai:key.absent minimax:key.absent kimi:key.absent"},
             {Agent::opencode,
              {{"anthropic", present}},
              "",
              "anthropic",
              "openai:cell.unsupported zai:key.absent minimax:key.absent kimi:key.absent"},
             {Agent::opencode,
              {{"zai", present}},
              "zai",
              "zai",
              "anthropic:key.absent openai:cell.unsupported minimax:key.absent kimi:key.absent"},
             // Several: no default.
             {Agent::opencode,
              {{"anthropic", present}, {"zai", present}},
              "anthropic zai",
              std::nullopt,
              "openai:cell.unsupported minimax:key.absent kimi:key.absent"},
             {Agent::opencode,
              {{"kimi", present}, {"zai", present}},
              "zai kimi",
              std::nullopt,
              "anthropic:key.absent openai:cell.unsupported minimax:key.absent"},
             {Agent::claude,
              {{"zai", present}},
              "anthropic zai",
              "anthropic",
              "openai:cell.unsupported minimax:key.absent kimi:key.absent"},
             {Agent::claude, all, "anthropic zai minimax kimi", "anthropic", "openai:cell.unsupported"},
             {Agent::codex, all, "openai zai minimax kimi", "openai", "anthropic:cell.unsupported"},
             {Agent::opencode, all, "anthropic zai minimax kimi", std::nullopt, "openai:cell.unsupported"},
             // The other states of a key.
             {Agent::claude,
              {{"zai", unresolved}},
              "anthropic zai",
              "anthropic",
              "openai:cell.unsupported minimax:key.absent kimi:key.absent"},
             {Agent::claude,
              {{"zai", KeyState::ignored}, {"kimi", KeyState::error}},
              "",
              "anthropic",
              "openai:cell.unsupported zai:key.absent minimax:key.absent kimi:key.error"},
         }) {
        const auto result = list_choices(config, c.agent, {}, states(c.keys));
        SCOPED_TRACE(std::string(id_of(c.agent)) + " " + testing::PrintToString(c.choices));
        EXPECT_EQ(result.agent, id_of(c.agent));
        EXPECT_EQ(choice_ids(result), c.choices);
        EXPECT_EQ(result.default_, c.chosen);
        EXPECT_EQ(result.default_from, std::nullopt);
        EXPECT_EQ(unavailable_ids(result), c.unavailable);
    }
}

TEST(Choices, WhatEachLooksLike) {
    const auto claude = list_choices(configured(), Agent::claude, {}, states({{"zai", present}}));
    ASSERT_EQ(claude.choices.size(), 2U);
    EXPECT_EQ(claude.choices[0].label, "Anthropic");
    EXPECT_EQ(claude.choices[0].tab_label, "Claude (Anthropic)");
    EXPECT_TRUE(claude.choices[0].native);
    EXPECT_EQ(claude.choices[0].model, std::nullopt);
    EXPECT_EQ(claude.choices[1].label, "Z.AI");
    EXPECT_EQ(claude.choices[1].tab_label, "Claude (Z.AI)");
    EXPECT_FALSE(claude.choices[1].native);
    EXPECT_EQ(claude.choices[1].model, "glm-5.3") << "the opus tier's";
    const auto opencode = list_choices(configured(), Agent::opencode, {}, states(all));
    ASSERT_EQ(opencode.choices.size(), 4U);
    EXPECT_TRUE(opencode.choices[0].native) << "counts as native in the list";
    EXPECT_EQ(opencode.choices[0].model, std::nullopt);
    EXPECT_EQ(opencode.choices[3].model, "kimi-for-coding");
    const Config blocked = configured("[providers.zai.codex]\nblocked = \"not this month\"\n");
    EXPECT_EQ(list_choices(blocked, Agent::codex, {}, states({})).unavailable[1].reason,
              "Codex on Z.AI is blocked: not this month");
}

TEST(Choices, ModelsAreTheRoles) {
    const Config config = configured("", {{"dev", "[claude.providers.zai]\nopus_model = \"glm-role\"\n"}});
    EXPECT_EQ(list_choices(config, Agent::claude, "dev", states(all)).choices[1].model, "glm-role");
    EXPECT_EQ(list_choices(config, Agent::claude, "other", states(all)).choices[1].model, "glm-5.3");
}

TEST(Choices, CatalogOrderWithTheNativeOneFirst) {
    const Config config = configured(
        "[providers.aa]\nkey_env = \"AA\"\n[providers.aa.codex]\nbase_url = \"https://x\"\n"
        "model = \"m\"\ncontext_window = 1\n");
    Keys keys = all;
    keys["aa"] = present;
    EXPECT_EQ(choice_ids(list_choices(config, Agent::codex, {}, states(keys))), "openai zai minimax kimi aa");
    Config reversed = config;
    std::reverse(reversed.catalog.providers.begin(), reversed.catalog.providers.end());
    EXPECT_EQ(choice_ids(list_choices(reversed, Agent::codex, {}, states(keys))), "openai aa kimi minimax zai");
}

TEST(TabLabel, BareWhenTheNativeAccountIsTheOnlyOne) {
    const Config config = configured();
    const auto label = [&](Agent agent, std::string_view id, const Keys& keys) {
        return tab_label(config, agent, *config.catalog.find(id), states(keys));
    };
    EXPECT_EQ(label(Agent::claude, "anthropic", {}), "Claude");
    EXPECT_EQ(label(Agent::codex, "openai", {}), "Codex");
    EXPECT_EQ(label(Agent::opencode, "anthropic", {{"anthropic", present}}), "OpenCode");
    EXPECT_EQ(label(Agent::claude, "anthropic", {{"zai", present}}), "Claude (Anthropic)");
    EXPECT_EQ(label(Agent::claude, "zai", {{"zai", present}}), "Claude (Z.AI)");
    EXPECT_EQ(label(Agent::opencode, "zai", {{"zai", present}}), "OpenCode (Z.AI)") << "not the native one";
    EXPECT_EQ(label(Agent::codex, "openai", {{"zai", present}}), "Codex (OpenAI)");
}

TEST(DefaultProvider, TheConfiguredOne) {
    const Config config = configured("[claude]\nprovider = \"zai\"\n[opencode]\nprovider = \"kimi\"\n");
    EXPECT_EQ(*default_provider(config, Agent::claude, states(all)), "zai");
    EXPECT_THAT(list_choices(config, Agent::claude, {}, states(all)).default_from, ::testing::Optional(::testing::_));
    const auto without_key = list_choices(config, Agent::claude, {}, states({{"kimi", present}}));
    EXPECT_EQ(without_key.default_, std::nullopt);
    EXPECT_THAT(without_key.default_from, ::testing::Optional(::testing::_));
    EXPECT_EQ(*default_provider(config, Agent::claude, states({{"zai", unresolved}})), "zai");
    EXPECT_EQ(*default_provider(config, Agent::opencode, states(all)), "kimi");
    const auto absent = default_provider(config, Agent::claude, states({{"kimi", present}}));
    ASSERT_FALSE(absent) << "no falling back to another account";
    EXPECT_EQ(absent.error().code, ErrorCode::key_absent);
    EXPECT_EQ(absent.error().message,
              "the default provider of Claude is Z.AI, and there is no key for Z.AI (ZAI_API_KEY)");
    EXPECT_EQ(default_provider(config, Agent::claude, states({{"zai", KeyState::ignored}})).error().code,
              ErrorCode::key_absent);
    // Resolving it fails with the source's own message; the list knows that it will.
    const Keys broken = {{"zai", KeyState::error}};
    EXPECT_EQ(*default_provider(config, Agent::claude, states(broken)), "zai");
    EXPECT_EQ(list_choices(config, Agent::claude, {}, states(broken)).default_, std::nullopt);
    EXPECT_EQ(list_choices(config, Agent::claude, {}, states({})).default_, std::nullopt);
    EXPECT_EQ(*default_provider(configured("[codex]\nprovider = \"openai\""), Agent::codex, states({})), "openai");
}

TEST(ChooseProvider, SaysWhy) {
    const Config plain = configured();
    const Config with_default = configured("[claude]\nprovider = \"zai\"\n");
    struct Case {
        const Config& config;
        Agent agent;
        std::optional<std::string> asked, by;
        Keys keys;
        std::string id, code, message;
    };
    for (const Case& c : std::vector<Case>{
             {plain, Agent::claude, "zai", "flag", all, "zai", "flag", "--provider asked for it"},
             {with_default, Agent::claude, "kimi", "picker", all, "kimi", "picker", "it was chosen from the list"},
             {plain, Agent::codex, "zai", {}, all, "zai", "request", "the launcher asked for it"},
             {with_default, Agent::claude, {}, {}, all, "zai", "default", "capsule.toml:2 makes it the default"},
             {plain, Agent::claude, {}, {}, all, "anthropic", "own_account", "it is the agent's own account"},
             {plain, Agent::opencode, {}, {}, {{"kimi", present}}, "kimi", "only_one", "no other provider has a key"},
         }) {
        SCOPED_TRACE(c.code);
        const auto chosen = choose_provider(c.config, c.agent, c.asked, c.by, states(c.keys));
        ASSERT_TRUE(chosen);
        EXPECT_EQ(chosen->id, c.id);
        EXPECT_EQ(chosen->because, (Because{c.code, c.message}));
    }
}

TEST(DefaultProvider, NativeElseTheOnlyOneElseAnError) {
    const Config config = configured();
    EXPECT_EQ(*default_provider(config, Agent::claude, states(all)), "anthropic");
    EXPECT_EQ(*default_provider(config, Agent::codex, states({})), "openai");
    EXPECT_EQ(*default_provider(config, Agent::opencode, states({{"kimi", present}})), "kimi");

    const auto none = default_provider(config, Agent::opencode, states({}));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::key_absent);
    EXPECT_EQ(none.error().message, "no provider of OpenCode has a usable key (Anthropic, Z.AI, MiniMax, Kimi)");
    EXPECT_THAT(none.error().hint, testing::HasSubstr("`capsulectl auth`"));
    EXPECT_THAT(none.error().hint, testing::HasSubstr("ZAI_API_KEY"));

    const auto several = default_provider(config, Agent::opencode, states({{"anthropic", present}, {"kimi", present}}));
    ASSERT_FALSE(several);
    EXPECT_EQ(several.error().code, ErrorCode::invalid_params);
    EXPECT_EQ(several.error().message,
              "provider: OpenCode can run on several providers (anthropic, kimi) and none was named");
    EXPECT_THAT(several.error().hint, testing::HasSubstr("[opencode]"));
}

TEST(KeyAbsent, SaysWhereToGetOneAndHowToSetIt) {
    const Provider& zai = *builtin_catalog().find("zai");
    const Error absent = key_absent(zai, KeyState::absent);
    EXPECT_EQ(absent.code, ErrorCode::key_absent);
    EXPECT_EQ(absent.message, "there is no key for Z.AI (ZAI_API_KEY)");
    EXPECT_EQ(absent.hint,
              "Get one at https://z.ai/manage-apikey/apikey-list (subscribe: https://z.ai/subscribe), then `capsulectl "
              "auth set zai` or set ZAI_API_KEY in the capsule's environment.");
    const Error ignored = key_absent(zai, KeyState::ignored);
    EXPECT_EQ(ignored.code, ErrorCode::key_absent);
    EXPECT_EQ(ignored.message, "the key of Z.AI (ZAI_API_KEY) is set to be ignored");
    EXPECT_THAT(ignored.hint,
                testing::StartsWith("Remove the empty value in capsule.toml, or `capsulectl auth unset zai`."));
    Provider own;
    own.id = "own";
    own.label = "Own";
    own.key_env = "OWN_KEY";
    EXPECT_EQ(key_absent(own, KeyState::absent).hint,
              "Set it: `capsulectl auth set own` or set OWN_KEY in the capsule's environment.");
}

TEST(States, Words) {
    const Provider& zai = *builtin_catalog().find("zai");
    const Provider& anthropic = *builtin_catalog().find("anthropic");
    EXPECT_EQ(cell_state(anthropic, Agent::claude, KeyState::absent), "native");
    EXPECT_EQ(cell_state(anthropic, Agent::opencode, KeyState::absent), "no_key");
    EXPECT_EQ(cell_state(anthropic, Agent::codex, present), "unsupported");
    EXPECT_EQ(cell_state(zai, Agent::claude, present), "ready");
    EXPECT_EQ(cell_state(zai, Agent::claude, unresolved), "ready");
    EXPECT_EQ(cell_state(zai, Agent::claude, KeyState::ignored), "no_key");
    EXPECT_EQ(cell_state(zai, Agent::claude, KeyState::error), "no_key");
    const Config config = configured("[providers.zai.codex]\nblocked = \"not this month\"\n");
    EXPECT_EQ(cell_state(*config.catalog.find("zai"), Agent::codex, present), "blocked");
    EXPECT_EQ(name_of(KeyState::present), "present");
    EXPECT_EQ(name_of(KeyState::absent), "absent");
    EXPECT_EQ(name_of(KeyState::ignored), "ignored");
    EXPECT_EQ(name_of(KeyState::error), "error");
    EXPECT_EQ(name_of(KeyState::unresolved), "unresolved");
}

}  // namespace
}  // namespace capsule
