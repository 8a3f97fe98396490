// Whose a file, a block or a table in the home is: all that any capsuled writes is ours, and nothing else is lost.
#include "daemon/agents/claude/claude_json.hpp"
#include "daemon/agents/codex/models.hpp"
#include "daemon/agents/codex/own_files.hpp"
#include "daemon/agents/opencode/cell.hpp"
#include "daemon/agents/opencode/opencode_json.hpp"
#include "daemon/edit/json_edit.hpp"
#include "tests/unit/agents/support.hpp"

namespace capsule::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace json = boost::json;

constexpr const char* kimi_key = "sk-ki-FAKE-kimi-0001";

Session with_kimi(OpencodeKeys keys = OpencodeKeys::env) {
    Session session;
    session.config.agents[Agent::opencode].own = OpencodeSettings{keys};
    session.file_keys["kimi"] = {Secret(kimi_key), true};
    return session;
}

Session with_minimax_in_codex() {
    Session session;
    session.file_keys["minimax"] = {Secret("sk-cp-FAKE-minimax-0001"), true};
    return session;
}

/// Of the agent's file with that ending, what becomes of `text`.
Merged merged(const Session& session, Agent agent, std::string_view ending, const std::string& text) {
    std::vector<Warning> warnings;
    const std::vector<FileIntent> files = agent_files(agent, session.inputs(), warnings);
    const auto file = std::ranges::find_if(files, [&](const FileIntent& each) { return each.path.ends_with(ending); });
    if (file == files.end()) {
        ADD_FAILURE() << "no " << ending;
        return {};
    }
    const auto result = file->merge(text);
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? *result : Merged{};
}

/// opencode.json with such a block of Kimi's, beside a permission.
std::string with_block(const std::string& name, const std::string& key, const std::string& models,
                       bool permission_is_ours = true) {
    const std::string url = R"("baseURL":"https://api.kimi.com/coding/v1")";
    const std::string own = R"("apiKey":")" + key + "\"";
    return R"({"permission":"allow","provider":{"kimi":{"name":")" + name +
           R"(","npm":"@ai-sdk/anthropic","options":{)" + (permission_is_ours ? url + "," + own : own + "," + url) +
           R"(},"models":)" + models + "}}}";
}

const std::string reference = "{env:KIMI_CODE_API_KEY}";
const std::string by_name = R"({"kimi-for-coding":{"name":"kimi-for-coding"}})";
const std::string known =
    R"({"kimi-for-coding":{"name":"kimi-for-coding","limit":{"context":262144,"output":32768},"reasoning":true,)"
    R"("modalities":{"input":["text"],"output":["text"]}}})";

Merged opencode(const Session& session, const std::string& text) {
    return merged(session, Agent::opencode, "opencode.json", text);
}

TEST(Whose, ABlockThatCapsuledWritesIsOursInAnyForm) {
    for (const bool first : {true, false})
        for (const std::string& models : {by_name, known})
            for (const std::string& own : {reference, std::string(kimi_key)}) {
                const std::string text = with_block("Kimi", own, models, first);
                const Merged now = opencode(with_kimi(), text);
                EXPECT_THAT(*now.text, HasSubstr(reference)) << text;
                EXPECT_FALSE(now.save_existing) << text;
                EXPECT_THAT(now.warnings, IsEmpty());
            }
    const Merged rotated = opencode(with_kimi(OpencodeKeys::in_file), with_block("Kimi", "sk-ki-earlier", known));
    EXPECT_THAT(*rotated.text, Not(HasSubstr("sk-ki-earlier")));
    EXPECT_FALSE(rotated.save_existing);
    const Merged gone = opencode(Session(), with_block("Kimi", reference, known));
    EXPECT_THAT(*gone.text, Not(HasSubstr("kimi")));
    EXPECT_FALSE(gone.save_existing);
    EXPECT_FALSE(opencode(with_kimi(), *opencode(with_kimi(), "{}").text).save_existing);
}

TEST(Whose, ABlockUnderAnotherNameIsTheUsers) {
    const std::string text =
        with_block("Kimi, my own second account", "FAKE-my-own-second-account-key",
                   R"({"kimi-k2-turbo":{"name":"kimi-k2-turbo","limit":{"context":131072,"output":9999}}})");
    const Merged now = opencode(with_kimi(), text);
    EXPECT_EQ(now.text, text);
    ASSERT_EQ(now.warnings.size(), 1U);
    EXPECT_EQ(now.warnings[0].code, "opencode.own_block");
    const Merged without_a_key = opencode(Session(), text);
    EXPECT_EQ(without_a_key.text, text) << "the permission beside it is the user's, too";
    EXPECT_THAT(without_a_key.warnings, IsEmpty());
}

void set_label(Session& session, const std::string& label) {
    Provider& kimi = session.config.catalog.providers.back();
    kimi.origin = "capsule.toml:3";
    kimi.label = label;
}

// An operator's label changed, or was taken out: what was written with it is ours.
TEST(Whose, ABlockUnderAnEarlierLabelIsOurs) {
    for (const char* label : {"B", "Kimi"})
        for (const OpencodeKeys keys : {OpencodeKeys::env, OpencodeKeys::in_file}) {
            Session before = with_kimi(keys);
            set_label(before, "A");
            const std::string written = *opencode(before, "{}").text;
            ASSERT_THAT(written, HasSubstr(R"("name": "A")"));
            Session after = with_kimi(keys);
            if (label != std::string("Kimi")) set_label(after, label);
            const Merged now = opencode(after, written);
            EXPECT_EQ(now.text, opencode(after, "{}").text) << label;
            EXPECT_THAT(now.warnings, IsEmpty());
            EXPECT_FALSE(now.save_existing);
        }
    const Merged by_reference = opencode(with_kimi(), with_block("A", kimi_key, known));
    EXPECT_THAT(*by_reference.text, Not(HasSubstr(kimi_key)));
}

TEST(Whose, AKeyUnderAnEarlierLabelGoes) {
    Session unset;
    unset.config.agents[Agent::opencode].own = OpencodeSettings{OpencodeKeys::in_file};
    for (const bool is_relabelled : {false, true}) {
        if (is_relabelled) set_label(unset, "B");
        for (const std::string& key : {std::string(kimi_key), reference}) {
            const Merged gone = opencode(unset, with_block("A", key, known));
            EXPECT_THAT(*gone.text, Not(HasSubstr("kimi")));
            EXPECT_FALSE(gone.save_existing);
        }
    }
    // Neither the order of the members nor the model is the user's own, or the block is.
    std::string other_order = with_block("A", "FAKE-my-own-second-account-key", known);
    const std::string name = R"("name":"A",)";
    other_order.erase(other_order.find(name), name.size());
    other_order.insert(other_order.find("\"options\""), name);
    const std::string other_model = R"({"kimi-k2-turbo":{"name":"kimi-k2-turbo"}})";
    for (const std::string& text : {other_order, with_block("A", "FAKE-my-own-second-account-key", other_model),
                                    with_block("A", "{env:MY_KIMI}", known), with_block("A", "{file:~/key}", known)})
        for (const Session& session : {unset, with_kimi(OpencodeKeys::in_file)})
            EXPECT_EQ(opencode(session, text).text, text);
}

TEST(Whose, AKeyOrAModelThatIsNotOursIsKept) {
    const std::string other_model = R"({"kimi-k2-turbo":{"name":"kimi-k2-turbo"}})";
    std::string more = known;
    more.replace(more.find("262144"), 6, "300000");
    for (const std::string& text :
         {with_block("Kimi", "FAKE-my-own-second-account-key", known), with_block("Kimi", "{env:MY_KIMI}", known),
          with_block("Kimi", "{file:~/key}", known), with_block("Kimi", reference, other_model),
          with_block("Kimi", reference, more)}) {
        const Merged now = opencode(with_kimi(), text);
        EXPECT_THAT(*now.text, HasSubstr(R"("context":262144)")) << text;
        EXPECT_TRUE(now.save_existing) << text;
        EXPECT_TRUE(opencode(Session(), text).save_existing) << "and where no key is";
    }
    EXPECT_TRUE(opencode(with_kimi(OpencodeKeys::in_file), with_block("Kimi", "{file:~/key}", known)).save_existing);
}

// A copy is made for another reason, and its owner may keep it for years.
TEST(Whose, NoKeyOfOursIsInWhatIsKept) {
    const std::string other_model = R"({"kimi-k2-turbo":{"name":"kimi-k2-turbo"}})";
    for (const OpencodeKeys keys : {OpencodeKeys::env, OpencodeKeys::in_file}) {
        std::string text = with_block("Kimi", kimi_key, other_model);
        text.insert(1, "\"note\":\"" + std::string(kimi_key) + "\",");
        const Merged now = opencode(with_kimi(keys), text);
        ASSERT_TRUE(now.save_existing);
        ASSERT_TRUE(now.saved.has_value());
        EXPECT_THAT(*now.saved, Not(HasSubstr(kimi_key)));
        for (std::size_t at = text.find(kimi_key); at != text.npos; at = text.find(kimi_key))
            text.replace(at, std::string_view(kimi_key).size(), mask(std::string_view(kimi_key)));
        EXPECT_EQ(now.saved, text) << "nothing else is changed";
    }
    // An earlier one is known where keys stand in the file, and only there.
    const std::string earlier = with_block("Kimi", "FAKE-earlier-key-0123456789", other_model);
    EXPECT_THAT(*opencode(with_kimi(OpencodeKeys::in_file), earlier).saved, Not(HasSubstr("FAKE-earlier")));
    EXPECT_EQ(opencode(with_kimi(), earlier).saved, earlier);
    const std::string reference_to_it = with_block("Kimi", "{env:MY_KIMI}", known);
    EXPECT_EQ(opencode(with_kimi(OpencodeKeys::in_file), reference_to_it).saved, reference_to_it);
}

// An operator's table that changes what the built-in catalog says makes nothing that was written before the user's.
TEST(Whose, WhatWasWrittenBeforeAnOperatorsTableIsOurs) {
    Session session = with_kimi();
    Provider& kimi = session.config.catalog.providers.back();
    kimi.origin = "capsule.toml:3";
    kimi.label = "Kimi of the team";
    kimi.key_env = "TEAM_KIMI_KEY";
    kimi.cell(Agent::opencode).base_url = "https://gateway.example/v1";
    kimi.models[0].context_window = 1048576;
    const Merged now = opencode(session, with_block("Kimi", reference, known));
    for (const char* said : {"Kimi of the team", "{env:TEAM_KIMI_KEY}", "https://gateway.example/v1", "1048576"})
        EXPECT_THAT(*now.text, HasSubstr(said));
    EXPECT_THAT(now.warnings, IsEmpty());
    EXPECT_FALSE(now.save_existing);
    EXPECT_TRUE(opencode(session, with_block("Kimi", "{env:ANOTHER_KEY}", known)).save_existing);

    Session codex = with_minimax_in_codex();
    const std::string before = *merged(codex, Agent::codex, "/config.toml", "a = 1\n").text;
    Provider& other = codex.config.catalog.providers[3];
    other.label = "MiniMax of the team";
    other.key_env = "TEAM_KEY";
    other.cell(Agent::codex).base_url = "https://gateway.example/v1";
    const Merged table = merged(codex, Agent::codex, "/config.toml", before);
    EXPECT_THAT(*table.text, HasSubstr("https://gateway.example/v1"));
    EXPECT_FALSE(table.save_existing);
}

TEST(Whose, ASettingThatTheUserChangedInOurTableIsKept) {
    const Session session = with_minimax_in_codex();
    const std::string ours = *merged(session, Agent::codex, "/config.toml", "a = 1\n").text;
    EXPECT_FALSE(merged(session, Agent::codex, "/config.toml", ours).save_existing);
    for (const auto& [was, is] : {std::pair{"https://api.minimax.io/v1", "https://my-own-gateway.example/v1"},
                                  {"MINIMAX_API_KEY", "MY_OWN_KEY"},
                                  {"name = \"MiniMax\"", "name = \"Mine\""},
                                  {"\"responses\"", "\"chat\""}}) {
        std::string text = ours;
        text.replace(text.find(was), std::string_view(was).size(), is);
        const Merged now = merged(session, Agent::codex, "/config.toml", text);
        EXPECT_EQ(now.text, ours);
        EXPECT_TRUE(now.save_existing) << is;
        const Merged gone = merged(Session(), Agent::codex, "/config.toml", text);
        EXPECT_EQ(gone.text, "a = 1\n");
        EXPECT_TRUE(gone.save_existing) << is;
    }
    EXPECT_FALSE(merged(Session(), Agent::codex, "/config.toml", ours).save_existing);
}

TEST(Whose, AProfileOfOursHasAKnownModel) {
    const Session session = with_minimax_in_codex();
    const std::string ours = *merged(session, Agent::codex, "minimax.config.toml", "").text;
    const auto with_model = [&](const std::string& model) {
        std::string text = ours;
        return text.replace(text.find("MiniMax-M3"), std::string_view("MiniMax-M3").size(), model);
    };
    for (const Session& each : {session, Session()}) {
        EXPECT_FALSE(merged(each, Agent::codex, "minimax.config.toml", with_model("MiniMax-M2.7")).save_existing);
        EXPECT_TRUE(merged(each, Agent::codex, "minimax.config.toml", with_model("my-choice")).save_existing);
    }
    // With more than that below our line, or without it, the file is the user's.
    for (const std::string& text :
         {ours + "\n# mine: think hard\nmodel_reasoning_effort = \"high\"\n", ours + "approval_policy = \"never\"\n",
          ours + "# mine\n", std::string("model_provider = \"minimax\"\nmodel = \"MiniMax-M2.7\"\n")}) {
        const Merged now = merged(session, Agent::codex, "minimax.config.toml", text);
        EXPECT_EQ(now.text, text);
        ASSERT_EQ(now.warnings.size(), 1U);
        EXPECT_EQ(now.warnings[0].code, "codex.own_profile");
        EXPECT_EQ(merged(Session(), Agent::codex, "minimax.config.toml", text).text, text);
    }
}

TEST(Whose, ACatalogWithOtherWordsIsTheUsers) {
    const std::string theirs = R"({"models":[{"slug":"my-finetune","display_name":"my-finetune","context_window":4096,)"
                               R"("base_instructions":"my own words"}]})";
    EXPECT_EQ(merged(Session(), Agent::codex, "minimax.models.json", theirs).text, theirs);
    Session session = with_minimax_in_codex();
    session.model_list = {codex_model_list(codex_sample("0.169.0")), ""};
    EXPECT_TRUE(merged(session, Agent::codex, "minimax.models.json", theirs).save_existing);
    // From another Codex it is ours.
    const std::string ours = *merged(session, Agent::codex, "minimax.models.json", "").text;
    session.model_list = {codex_model_list(codex_sample("0.136.0")), ""};
    const Merged now = merged(session, Agent::codex, "minimax.models.json", ours);
    EXPECT_NE(now.text, ours);
    EXPECT_FALSE(now.save_existing);
    EXPECT_EQ(merged(Session(), Agent::codex, "minimax.models.json", ours).text, std::nullopt);
    // With rules of the user's it is the user's.
    std::string with_rules = ours;
    with_rules.insert(with_rules.find(" by MiniMax.") + 12, " Ask before migrations.");
    EXPECT_TRUE(merged(session, Agent::codex, "minimax.models.json", with_rules).save_existing);
    EXPECT_EQ(merged(Session(), Agent::codex, "minimax.models.json", with_rules).text, with_rules);
}

TEST(Whose, ACommentBehindOurSettingsIsTheUsers) {
    const Session session = with_minimax_in_codex();
    const std::string ours = *merged(session, Agent::codex, "/config.toml", "a = 1\n").text;
    for (const char* behind : {"[model_providers.minimax]", "wire_api = \"responses\""}) {
        std::string text = ours;
        text.insert(text.find(behind) + std::string_view(behind).size(), " # my own note");
        const Merged now = merged(session, Agent::codex, "/config.toml", text);
        EXPECT_THAT(*now.text, HasSubstr("# my own note"));
        ASSERT_EQ(now.warnings.size(), 2U);
        EXPECT_EQ(now.warnings[0].code, "codex.moved");
        EXPECT_EQ(now.warnings[1].code, "codex.own_table");
        EXPECT_EQ(merged(session, Agent::codex, "/config.toml", *now.text).text, now.text);
        EXPECT_THAT(*merged(Session(), Agent::codex, "/config.toml", text).text, HasSubstr("# my own note"));
    }
}

TEST(Whose, AnAnswerThatGoesIsTold) {
    const std::string yes = R"({"customApiKeyResponses":{"approved":[],"rejected":["OTHER"]}})";
    const std::string no = R"({"customApiKeyResponses":{"approved":[],"rejected":["NEW","OTHER"]}})";
    const ClaudeApprovalIntent intent{"/h/.claude.json", "NEW", "ANTHROPIC_API_KEY"};
    const auto nothing = merge_claude_json(yes, intent);
    ASSERT_TRUE(nothing);
    EXPECT_THAT(nothing->warnings, IsEmpty());
    const auto told = merge_claude_json(no, intent);
    ASSERT_TRUE(told);
    ASSERT_EQ(told->warnings.size(), 1U);
    EXPECT_EQ(told->warnings[0].code, "claude.answer_replaced");
    EXPECT_THAT(told->warnings[0].message, HasSubstr("ANTHROPIC_API_KEY"));
    EXPECT_THAT(told->warnings[0].message, Not(HasSubstr("NEW")));
    EXPECT_THAT(merge_claude_json(told->text, intent)->warnings, IsEmpty());
}

}  // namespace
}  // namespace capsule::test
