#include "daemon/agents/codex/models.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "tests/support/many_members.hpp"
#include "tests/unit/agents/support.hpp"

namespace capsule::test {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;

Model minimax_facts() {
    Model facts;
    facts.context_window = 1000000;
    facts.input = {"text", "image", "video"};
    facts.levels = {"none", "high"};
    return facts;
}

const CodexModel minimax{"MiniMax-M3", "MiniMax", minimax_facts()};

json::object derive(const std::string& own, const CodexModel& model = minimax) {
    const Result<CodexModelList> list = read_codex_models(own);
    if (!list) {
        ADD_FAILURE() << list.error().message;
        return {};
    }
    const std::string text = derive_codex_models(*list, model);
    EXPECT_TRUE(text.ends_with("}\n"));
    const json::value parsed = json::parse(text);
    EXPECT_EQ(parsed.as_object().size(), 1u);
    EXPECT_EQ(parsed.at("models").as_array().size(), 1u);
    return parsed.at("models").at(0).as_object();
}

class EveryCodex : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Versions, EveryCodex, ::testing::Values("0.136.0", "0.149.0", "0.161.0", "0.169.0"));

TEST_P(EveryCodex, IsThePublicResponsesApiWithTheRightWindow) {
    const json::object entry = derive(codex_sample(GetParam()));
    const json::value expected = json::parse(R"({
        "slug": "MiniMax-M3", "display_name": "MiniMax-M3",
        "context_window": 1000000, "max_context_window": 1000000, "auto_compact_token_limit": 900000,
        "effective_context_window_percent": 95,
        "supports_parallel_tool_calls": true, "supports_reasoning_summaries": false,
        "support_verbosity": false, "default_verbosity": null, "apply_patch_tool_type": null,
        "supports_search_tool": false, "use_responses_lite": false, "experimental_supported_tools": [],
        "input_modalities": ["text", "image"], "shell_type": "unified_exec", "visibility": "list",
        "supported_in_api": true, "upgrade": null, "availability_nux": null, "default_reasoning_level": null,
        "truncation_policy": {"mode": "bytes", "limit": 10000}})");
    for (const auto& [member, value] : expected.as_object()) {
        ASSERT_TRUE(entry.contains(member)) << member;
        EXPECT_EQ(entry.at(member), value) << member;
    }
    json::array efforts;
    for (const json::value& level : entry.at("supported_reasoning_levels").as_array())
        efforts.push_back(level.at("effort"));
    EXPECT_EQ(efforts, (json::array{"none", "high"}));
}

TEST_P(EveryCodex, EveryOtherCapabilityIsOff) {
    const json::object entry = derive(codex_sample(GetParam()));
    for (const char* gone : {"tool_mode", "multi_agent_version", "model_messages", "comp_hash", "default_service_tier",
                             "multi_agent_reasoning_effort", "web_search_provider", "model_specialty"})
        EXPECT_FALSE(entry.contains(gone)) << gone;
    for (const auto& [member, value] : entry) {
        const bool wanted = member == "supported_in_api" || member == "supports_parallel_tool_calls";
        if (value.is_bool()) {
            EXPECT_EQ(value.as_bool(), wanted) << member;
        }
    }
}

TEST_P(EveryCodex, SpeaksOfItsOwnModel) {
    const json::object entry = derive(codex_sample(GetParam()));
    const std::string instructions(entry.at("base_instructions").as_string());
    EXPECT_THAT(instructions, HasSubstr("You are Codex, a coding agent running on MiniMax-M3 by MiniMax."));
    EXPECT_THAT(json::serialize(entry), Not(HasSubstr("GPT")));
    EXPECT_THAT(json::serialize(entry), Not(HasSubstr("gpt")));
}

TEST_P(EveryCodex, KeepsEveryFlagAndListThatThisVersionMayRequire) {
    const json::value own = json::parse(codex_sample(GetParam()));
    for (const json::value& each : own.at("models").as_array()) {
        if (each.at("slug") != "gpt-5.5") continue;
        const json::object entry = derive(codex_sample(GetParam()));
        for (const auto& [member, value] : each.as_object())
            if (value.is_bool() || value.is_array()) {
                EXPECT_TRUE(entry.contains(member)) << member;
            }
    }
}

std::string one_model(const std::string& members) {
    return R"({"models":[{"slug":"x",)" + members + "}]}";
}

TEST(CodexModels, KeepsTheRestOfThePromptWhereItFits) {
    const auto instructions = [](const std::string& own) {
        return std::string(
            derive(one_model("\"base_instructions\":\"" + own + "\"")).at("base_instructions").as_string());
    };
    const std::string identity = "You are Codex, a coding agent running on MiniMax-M3 by MiniMax.";
    EXPECT_EQ(instructions("You are Codex, based on GPT-5. Be brief. Be kind."), identity + " Be brief. Be kind.");
    EXPECT_EQ(instructions("You are Codex, based on GPT-5. As GPT-5 you know."), identity);
    EXPECT_EQ(instructions("You are Codex, based on GPT-6. Call functions.exec."), identity);
    EXPECT_EQ(instructions("You are somebody. Be brief."), identity);
    EXPECT_EQ(instructions("One sentence"), identity);
    EXPECT_EQ(std::string(derive(one_model("\"base_instructions\":null")).at("base_instructions").as_string()),
              identity);
}

TEST(CodexModels, StartsFromAnEntryThatTalksThePublicApi) {
    const std::string own =
        R"({"models":[{"slug":"lite","use_responses_lite":true,"from_lite":true},)"
        R"({"slug":"hidden","visibility":"hide","from_hidden":true},)"
        R"({"slug":"code","tool_mode":"code_mode_only","from_code":true},)"
        R"({"slug":"good","visibility":"list","use_responses_lite":false,"tool_mode":"direct","from_good":true}]})";
    const json::object entry = derive(own);
    EXPECT_TRUE(entry.contains("from_good"));
    EXPECT_FALSE(entry.contains("from_lite"));
    EXPECT_EQ(entry.at("from_good"), json::value(false));
}

TEST(CodexModels, TakesTheFirstWhereNoneIsSuitable) {
    const json::object entry =
        derive(R"({"models":[{"slug":"a","use_responses_lite":true,"a":[1],"b":"on","c":{"d":1},"e":7}]})");
    EXPECT_EQ(entry.at("a"), json::value(json::array()));
    EXPECT_EQ(entry.at("use_responses_lite"), json::value(false));
    for (const char* gone : {"b", "c", "e"})
        EXPECT_FALSE(entry.contains(gone)) << gone;
}

TEST(CodexModels, AnUnknownWindowIsLeftToCodex) {
    const json::object entry = derive(one_model("\"context_window\":272000"), {"m", "P", Model{}});
    EXPECT_FALSE(entry.contains("context_window"));
    EXPECT_FALSE(entry.contains("auto_compact_token_limit"));
}

TEST(CodexModels, ANameIsQuotedAsJson) {
    EXPECT_EQ(derive(one_model("\"x\":1"), {R"(a"b\c)", "P", Model{}}).at("slug"), json::value(R"(a"b\c)"));
}

TEST(CodexModels, AModelOfTooManyMembersIsNotUnderstood) {
    const Result<CodexModelList> list = read_codex_models("{\"models\":[" + many_members(1001, R"("slug":"a")") + "]}");
    ASSERT_FALSE(list);
    EXPECT_NE(list.error().message.find("an object has more than 1000 members"), std::string::npos);
}

// It is kept, and which program a user installs is up to the user.
TEST(CodexModels, ALongListIsNotUnderstood) {
    const std::string longest(256 * 1024, 'x');
    for (const std::string& members :
         {"\"base_instructions\":\"You are GPT. " + longest + "\"", "\"" + longest + "\":true",
          R"("supported_reasoning_levels":[{"effort":")" + longest + "\"}]"}) {
        const Result<CodexModelList> list = read_codex_models(one_model(members));
        ASSERT_FALSE(list);
        EXPECT_THAT(list.error().message, HasSubstr("what it says of a model is longer than 262144 bytes"));
    }
    EXPECT_TRUE(
        read_codex_models(one_model("\"base_instructions\":\"You are GPT. " + longest.substr(64 * 1024) + "\"")));
}

TEST(CodexModels, WhatCannotBeUnderstoodIsAConflict) {
    const std::string deep = std::string(100, '[') + std::string(100, ']');
    for (const std::string& own :
         {std::string(), std::string("error: unknown flag --bundled"), std::string("[]"), std::string("{}"),
          std::string(R"({"models":{}})"), std::string(R"({"models":[]})"), std::string(R"({"models":["a"]})"),
          std::string(R"({"models":[{"name":"a"}]})"), std::string(R"({"models":[{"slug":"a"},3]})"),
          std::string(R"({"models":[{"slug":"a"},3]})").substr(0, 20), deep}) {
        const Result<std::string> text = derive_codex_models(ModelList{codex_model_list(own), ""}, minimax);
        ASSERT_FALSE(text) << own;
        EXPECT_EQ(text.error().code, ErrorCode::config_conflict);
        EXPECT_FALSE(text.error().hint.empty());
    }
}

}  // namespace
}  // namespace capsule::test
