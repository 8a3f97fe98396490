#include <algorithm>

#include "daemon/agents/codex/cell.hpp"
#include "daemon/agents/codex/home.hpp"
#include "daemon/agents/codex/models.hpp"
#include "tests/unit/agents/support.hpp"

namespace capsule::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string minimax_table =
    R"(model_providers.capsule-minimax={name="MiniMax",base_url="https://api.minimax.io/v1",env_key="MINIMAX_API_KEY",wire_api="responses"})";

/// What stands on every command line of a session on a provider's model, after the table and the catalog.
Strings pins_of(const std::string& model, const std::string& window, const std::string& limit) {
    Strings pins;
    for (const std::string& pin :
         {"review_model=\"" + model + "\"", "memories.extract_model=\"" + model + "\"",
          "memories.consolidation_model=\"" + model + "\"", "model_context_window=" + window,
          "model_auto_compact_token_limit=" + limit, std::string("analytics.enabled=false"),
          std::string("check_for_update_on_startup=false"), std::string("features.plugins=false")}) {
        pins.push_back("-c");
        pins.push_back(pin);
    }
    return pins;
}

Strings joined(Strings first, const Strings& second, const Strings& third = {}) {
    first.insert(first.end(), second.begin(), second.end());
    first.insert(first.end(), third.begin(), third.end());
    return first;
}

Strings start_of(const std::string& model) {
    return {"codex", "-m", model, "-c", R"(model_provider="capsule-minimax")", "-c", minimax_table};
}

Strings catalog(const std::string& path) {
    return {"-c", "model_catalog_json=" + path};
}

Session with_models() {
    Session session = keyed();
    session.model_list = {codex_model_list(codex_sample("0.169.0")), ""};
    return session;
}

CodexHome& home_of(Session& session) {
    std::any& found = session.facts.of(Agent::codex);
    if (!found.has_value()) found = CodexHome{};
    return std::any_cast<CodexHome&>(found);
}

TEST(Codex, Minimax) {
    const Plan plan = with_models().plan(Agent::codex, "minimax");
    EXPECT_EQ(argv_of(plan), joined(start_of("MiniMax-M3"), pins_of("MiniMax-M3", "1000000", "900000"),
                                    catalog("/home/agent/.codex/minimax.models.json")));
    EXPECT_EQ(route_env_of(plan), (StringMap{{"MINIMAX_API_KEY", key}, {"JACKIN_CODEX_PROFILE", "minimax"}}));
    EXPECT_TRUE(plan.env.at("MINIMAX_API_KEY").secret());
    EXPECT_TRUE(own_files(plan.files).contains("/home/agent/.codex/minimax.models.json"));
    EXPECT_TRUE(plan.warnings.empty());
}

TEST(Codex, AnotherModelHasItsOwnCatalog) {
    const Plan plan = with_models().plan(Agent::codex, "minimax", "MiniMax-M2.7");
    EXPECT_EQ(argv_of(plan), joined(start_of("MiniMax-M2.7"), pins_of("MiniMax-M2.7", "204800", "184320"),
                                    catalog("/home/agent/.codex/minimax.MiniMax-M2.7.models.json")));
    const StringMap files = own_files(plan.files);
    EXPECT_THAT(files.at("/home/agent/.codex/minimax.MiniMax-M2.7.models.json"), HasSubstr(R"("slug":"MiniMax-M2.7")"));
    EXPECT_THAT(files.at("/home/agent/.codex/minimax.models.json"), HasSubstr(R"("slug":"MiniMax-M3")"));
    EXPECT_THAT(files.at("/home/agent/.codex/minimax.config.toml"), HasSubstr("model = \"MiniMax-M3\"\n"));
}

TEST(Codex, StartsWithoutACatalogThatCannotBeWritten) {
    Plan plan = with_models().plan(Agent::codex, "minimax", "MiniMax-M2.7");
    int named = 0;
    for (const FileIntent& file : std::vector<FileIntent>(plan.files)) {
        if (!file.do_without) continue;
        ++named;
        EXPECT_EQ(file.path, "/home/agent/.codex/minimax.MiniMax-M2.7.models.json");
        EXPECT_THAT(file.loss, HasSubstr("MiniMax-M2.7: it warns, and assumes a window"));
        file.do_without(plan);
    }
    EXPECT_EQ(named, 1);
    EXPECT_EQ(argv_of(plan), joined(start_of("MiniMax-M2.7"), pins_of("MiniMax-M2.7", "204800", "184320")));
}

TEST(Codex, WithoutAUsableCodexItStartsWithoutCatalogAndWarns) {
    for (const ModelList& models :
         {ModelList{{}, "codex is not installed"}, ModelList{codex_model_list("not JSON"), ""}}) {
        Session session = with_models();
        session.model_list = models;
        const Plan plan = session.plan(Agent::codex, "minimax");
        EXPECT_EQ(argv_of(plan), joined(start_of("MiniMax-M3"), pins_of("MiniMax-M3", "1000000", "900000")));
        EXPECT_THAT(warning_codes(plan), ElementsAre("codex.models"));
        EXPECT_FALSE(own_files(plan.files).contains("/home/agent/.codex/minimax.models.json"));
        EXPECT_TRUE(own_files(plan.files).contains("/home/agent/.codex/minimax.config.toml"));
    }
}

TEST(Codex, WhereItIsNotInstalledOneWarningSaysSo) {
    Session session = with_models();
    session.model_list = ModelList{{}, "codex is not installed"};
    session.binary.reset();
    EXPECT_THAT(warning_codes(session.plan(Agent::codex, "minimax")), ElementsAre("agent.missing"));
}

TEST(Codex, Native) {
    const Plan plan = with_models().plan(Agent::codex, "openai");
    EXPECT_THAT(argv_of(plan), ElementsAre("codex", "-c", R"(model_provider="openai")", "-c",
                                           R"(openai_base_url="https://api.openai.com/v1")"));
    EXPECT_EQ(route_env_of(plan), (StringMap{{"OPENAI_API_KEY", key}, {"CODEX_API_KEY", key}}));
}

TEST(Codex, NativeUsesTheHomesLoginWhereThereIsOne) {
    Session session = with_models();
    home_of(session).auth_json = true;
    EXPECT_EQ(route_env_of(session.plan(Agent::codex, "openai")), StringMap{});
    EXPECT_THAT(argv_of(session.plan(Agent::codex, "openai")),
                ElementsAre("codex", "-c", R"(model_provider="openai")"));
    home_of(session).auth_json = false;
    session.key.reset();
    EXPECT_EQ(route_env_of(session.plan(Agent::codex, "openai")), StringMap{});
}

/// What a reader gives of these files, and auth.json is there.
bool counts_auth_json(std::map<std::string, std::string> files) {
    SessionHome home;
    home.home = "/home/agent";
    HomeReader reader;
    reader.text = [&](const std::string& path, std::size_t) {
        const auto found = files.find(path);
        return found == files.end() ? std::nullopt : std::optional(found->second);
    };
    reader.is_file = [](const std::string& path) { return path == "/home/agent/.codex/auth.json"; };
    return std::any_cast<CodexHome>(look_at_codex_home(home, reader)).auth_json;
}

// Seen with Codex 0.171.0: what is managed outranks the home's, and that one the machine's.
TEST(Codex, ALoginWhereItDoesNotLookDoesNotCount) {
    const std::string own = "/home/agent/.codex/config.toml";
    const std::string system = "/etc/codex/config.toml", managed = "/etc/codex/managed_config.toml";
    const std::string file = "cli_auth_credentials_store = \"file\"\n",
                      ring = "cli_auth_credentials_store = \"keyring\"";
    EXPECT_TRUE(counts_auth_json({}));
    EXPECT_TRUE(counts_auth_json({{own, "model = \"x\"\n"}, {system, file}}));
    EXPECT_FALSE(counts_auth_json({{own, ring}, {system, file}}));
    EXPECT_FALSE(counts_auth_json({{system, ring}}));
    EXPECT_TRUE(counts_auth_json({{own, file}, {system, ring}}));
    EXPECT_FALSE(counts_auth_json({{own, file}, {managed, ring}}));
    EXPECT_TRUE(counts_auth_json({{own, ring}, {managed, file}}));
    EXPECT_TRUE(counts_auth_json({{own, "cli_auth_credentials_store = \"auto\""}}));
}

TEST(Codex, NativeModelAndArguments) {
    Session session = with_models();
    session.config.agents[Agent::codex].models.model = Located<std::string>{"gpt-5.5", "capsule.toml:30"};
    session.config.agents[Agent::codex].args = {{"--full-auto"}, "capsule.toml:31"};
    const Plan plan = session.plan(Agent::codex, "openai");
    EXPECT_THAT(argv_of(plan), ElementsAre("codex", "-c", R"(model_provider="openai")", "-m", "gpt-5.5", "-c",
                                           R"(openai_base_url="https://api.openai.com/v1")", "--full-auto"));
    EXPECT_EQ(argv_of(session.plan(Agent::codex, "minimax")).back(), "--full-auto");
}

TEST(Codex, ADotenvThatNamesTheKeyIsAConflict) {
    Session session = with_models();
    home_of(session).dotenv_words = {"OTHER", "MINIMAX_API_KEY"};
    const Result<Plan> plan = session.try_plan(Agent::codex, "minimax");
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, ErrorCode::config_conflict);
    EXPECT_THAT(plan.error().message, HasSubstr("/home/agent/.codex/.env names MINIMAX_API_KEY"));
    EXPECT_TRUE(session.try_plan(Agent::codex, "openai"));

    home_of(session).dotenv_words = {"OPENAI_API_KEY"};
    EXPECT_FALSE(session.try_plan(Agent::codex, "openai"));
    EXPECT_TRUE(session.try_plan(Agent::codex, "minimax"));
    home_of(session).auth_json = true;
    EXPECT_TRUE(session.try_plan(Agent::codex, "openai"));
}

// Codex's reader knows quotes, escapes and comments of its own: none of them hides a name.
TEST(Codex, ANameAnywhereInADotenvCounts) {
    for (const std::string text : {
             "MINIMAX_API_KEY=x\n",
             "\xEF\xBB\xBFMINIMAX_API_KEY=x",
             "A='x\\'\nB='\nMINIMAX_API_KEY=x\n",
             "A=x\v# '\nMINIMAX_API_KEY=x\n",
             "A=x\xC2\xA0# '\nMINIMAX_API_KEY=x\n",
             "A=\"\nMINIMAX_API_KEY=x\n\"\n",
             "# MINIMAX_API_KEY is capsuled's\n",
             "a.MINIMAX_API_KEY=x\n",
         }) {
        SCOPED_TRACE(text);
        Session session = with_models();
        home_of(session).dotenv_words = dotenv_words(text);
        const Result<Plan> plan = session.try_plan(Agent::codex, "minimax");
        ASSERT_FALSE(plan);
        EXPECT_EQ(plan.error().code, ErrorCode::config_conflict);
    }
    Session session = with_models();
    home_of(session).dotenv_words = dotenv_words("MINIMAX_API_KEY_2=x\nMY_MINIMAX_API_KEY=x\nMINIMAX-API-KEY=x\n");
    EXPECT_TRUE(session.try_plan(Agent::codex, "minimax"));
}

TEST(Codex, AFileThatCapsuledLeftUnreadIsAnError) {
    for (const char* file : {"/home/agent/.codex/config.toml", "/home/agent/.codex/.env", "/etc/codex/config.toml"}) {
        Session session = with_models();
        session.facts.unread.emplace(file, Error{ErrorCode::io_error, std::string(file) + " is too large", "move it"});
        for (const char* provider : {"openai", "minimax"}) {
            const Result<Plan> plan = session.try_plan(Agent::codex, provider);
            ASSERT_FALSE(plan) << provider;
            EXPECT_THAT(plan.error().message, HasSubstr(file));
        }
    }
}

TEST(Codex, ADotenvThatNamesAProxyIsAWarning) {
    Session session = with_models();
    home_of(session).dotenv_words = {"HTTPS_PROXY", "MY_OWN", "SSL_CERT_FILE"};
    for (const char* provider : {"openai", "minimax"}) {
        const Plan plan = session.plan(Agent::codex, provider);
        EXPECT_THAT(warning_codes(plan), ElementsAre("codex.dotenv", "codex.dotenv")) << provider;
        EXPECT_THAT(plan.warnings[0].message, HasSubstr("/home/agent/.codex/.env names HTTPS_PROXY"));
        EXPECT_THAT(plan.warnings[1].message, HasSubstr("SSL_CERT_FILE"));
    }
}

TEST(Codex, ValuesAreQuotedAsTomlWhateverTheyHold) {
    Session session = with_models();
    session.config.catalog.providers[3].label = R"(Mini "Max" \o/)";
    session.home.codex_home = "/srv/a b/codex";
    const Strings argv = argv_of(session.plan(Agent::codex, "minimax"));
    EXPECT_THAT(argv[6], HasSubstr(R"({name="Mini \"Max\" \\o/",)"));
    EXPECT_EQ(argv.back(), R"(model_catalog_json="/srv/a b/codex/minimax.models.json")");
}

TEST(Codex, AModelOfWhichNothingIsKnownGetsNoOthersWindow) {
    const Plan plan = with_models().plan(Agent::codex, "minimax", "MiniMax-M9");
    for (const std::string& argument : argv_of(plan))
        EXPECT_THAT(argument, ::testing::Not(::testing::AnyOf(HasSubstr("context_window"), HasSubstr("token_limit"))));
    EXPECT_THAT(own_files(plan.files).at("/home/agent/.codex/minimax.MiniMax-M9.models.json"),
                ::testing::Not(HasSubstr("\"context_window\"")));
    ASSERT_THAT(warning_codes(plan), ElementsAre("model.unknown"));
    EXPECT_THAT(plan.warnings[0].message, HasSubstr("[providers.minimax.models.\"MiniMax-M9\"] context_window"));
}

TEST(Codex, ACellsOwnWindowIsThatOfItsModelAlone) {
    Session session = with_models();
    Cell& cell = session.config.catalog.providers[3].cell(Agent::codex);
    cell.details = CodexCell{300000, "MiniMax-M3", "minimax"};
    EXPECT_THAT(argv_of(session.plan(Agent::codex, "minimax")), ::testing::Contains("model_context_window=300000"));
    EXPECT_THAT(argv_of(session.plan(Agent::codex, "minimax", "MiniMax-M2.7")),
                ::testing::Contains("model_context_window=204800"));
}

TEST(Codex, WhatAUserSetForAnotherModelIsReplacedWhereThisModelHasNoSuchLevel) {
    Session session = with_models();
    home_of(session).settings.reasoning_effort = "high";
    const auto has = [&](const std::string& pin) {
        const Strings argv = argv_of(session.plan(Agent::codex, "minimax"));
        return std::find(argv.begin(), argv.end(), pin) != argv.end();
    };
    EXPECT_FALSE(has(R"(model_reasoning_effort="high")")) << "it is the user's, and MiniMax-M3 has it";
    home_of(session).settings.reasoning_effort = "xhigh";
    EXPECT_TRUE(has(R"(model_reasoning_effort="high")"));
    EXPECT_FALSE(has(R"(agents.default_subagent_model="MiniMax-M3")")) << "Codex 0.136 does not start on it";
    home_of(session).settings.subagent_model = true;
    home_of(session).settings.subagent_effort = true;
    home_of(session).settings.plan_reasoning_effort = true;
    EXPECT_TRUE(has(R"(agents.default_subagent_model="MiniMax-M3")"));
    EXPECT_TRUE(has(R"(agents.default_subagent_reasoning_effort="high")"));
    EXPECT_TRUE(has(R"(plan_mode_reasoning_effort="high")"));
    EXPECT_TRUE(has("features.plugins=false"));
    home_of(session).settings.plugins = true;
    EXPECT_FALSE(has("features.plugins=false")) << "who has plugins keeps them";
}

TEST(Codex, WhatWouldStopItIsRefusedWithTheCure) {
    for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
             {"a = 1\n[model_providers.x]\nwire_api = \"chat\"\n",
              "config.toml:3: wire_api = \"chat\" of model_providers.x"},
             {"model_providers = { x = { wire_api = \"chat\" } }", "config.toml:1: wire_api"},
             {"profile = \"x\"\n", "config.toml:1: the legacy setting \"profile\""},
             {"[model_providers.openai]\nname = \"x\"\n", "config.toml:1: model_providers.openai"},
         }) {
        SCOPED_TRACE(text);
        Session session = with_models();
        home_of(session).settings = read_codex_settings(toml::parse(text));
        for (const char* provider : {"openai", "minimax"}) {
            const Result<Plan> plan = session.try_plan(Agent::codex, provider);
            ASSERT_FALSE(plan);
            EXPECT_EQ(plan.error().code, ErrorCode::config_conflict);
            EXPECT_THAT(plan.error().message, HasSubstr(message));
            EXPECT_FALSE(plan.error().hint.empty());
        }
    }
}

TEST(Codex, AProviderThatAUserHasIsNotMergedIntoTheSessions) {
    for (const auto& [text, id] : std::vector<std::pair<std::string, std::string>>{
             {"", "capsule-minimax"},
             {"[model_providers.capsule-minimax]\nname = \"x\"\nquery_params = { a = \"1\" }\n", "capsule-minimax-2"},
             {"model_providers = { capsule-minimax = {name = \"x\"}, capsule-minimax-2 = {name = \"x\"} }\n",
              "capsule-minimax-3"},
             {"[model_providers.\"capsule\\u002dminimax\"]\nname = \"x\"\n", "capsule-minimax-2"},
             {"[model_providers.capsule-zai]\nname = \"x\"\n# capsule-minimax\n", "capsule-minimax"},
             {"x = {\n}\n[model_providers.capsule-minimax]\n", "capsule-minimax-2"},
             {"x = {\n}\n[model_providers.\"capsule\\u002dminima\\U00000078\"]\n", "capsule-minimax-2"},
             {"[model_providers.\"capsule-\\x6dinimax\"]\n# capsule-minimax-\\x32\n", "capsule-minimax-3"},
             {"x = {\n}\ny = \"capsule\\u00ad-\\x6\\u006\\\"\n", "capsule-minimax"},
         }) {
        for (const char* path : {"/home/agent/.codex/config.toml", "/etc/codex/config.toml"}) {
            SCOPED_TRACE(path + (": " + text));
            Session session = with_models();
            SessionHome home;
            home.home = "/home/agent";
            const HomeReader reader{[&](const std::string& asked, std::size_t) {
                                        return asked == path ? std::optional(text) : std::nullopt;
                                    },
                                    [](const std::string&) { return false; }};
            session.facts.of(Agent::codex) = look_at_codex_home(home, reader);
            const Plan plan = session.plan(Agent::codex, "minimax");
            EXPECT_THAT(argv_of(plan), ::testing::Contains("model_provider=\"" + id + "\""));
            EXPECT_THAT(argv_of(plan), ::testing::Contains(::testing::StartsWith("model_providers." + id + "={")));
            if (id == "capsule-minimax") continue;
            ASSERT_THAT(warning_codes(plan), ElementsAre("codex.own_provider"));
            EXPECT_THAT(plan.warnings[0].message, HasSubstr(path + std::string(" has a provider called capsule-")));
        }
    }
}

TEST(Codex, SettingsForAnotherProviderThatComeAlongAreNamed) {
    Session session = with_models();
    home_of(session).settings = read_codex_settings(
        toml::parse("model = \"MiniMax-M3\"\nmodel_provider = \"minimax\"\nmodel_context_window = 1000000\n"
                    "model_reasoning_effort = \"none\"\n"));
    const Plan native = session.plan(Agent::codex, "openai");
    ASSERT_THAT(warning_codes(native), ElementsAre("codex.other_provider"));
    EXPECT_THAT(native.warnings[0].message,
                ::testing::AllOf(HasSubstr("model = \"MiniMax-M3\""), HasSubstr("context window"),
                                 HasSubstr("model_reasoning_effort"), HasSubstr("[codex] model")));
    EXPECT_TRUE(session.plan(Agent::codex, "minimax").warnings.empty());
    home_of(session).settings = read_codex_settings(toml::parse("model = \"gpt-5.5\"\n"));
    EXPECT_TRUE(session.plan(Agent::codex, "openai").warnings.empty()) << "its own account's";
    for (const char* provider : {"", "model_provider = \"openai\"\n"}) {
        home_of(session).settings =
            read_codex_settings(toml::parse("model = \"MiniMax-M3\"\n" + std::string(provider)));
        const Plan another = session.plan(Agent::codex, "openai");
        ASSERT_THAT(warning_codes(another), ElementsAre("codex.other_provider")) << provider;
        EXPECT_THAT(another.warnings[0].message,
                    ::testing::AllOf(HasSubstr("a model of MiniMax"), HasSubstr("--provider minimax")));
        EXPECT_TRUE(session.plan(Agent::codex, "minimax").warnings.empty()) << "that is what it is for";
    }
    session.config.agents[Agent::codex].models.model = Located<std::string>{"gpt-5.5", "capsule.toml:30"};
    EXPECT_TRUE(session.plan(Agent::codex, "openai").warnings.empty()) << "the model is settled";
}

// Seen with 0.171.0.
TEST(Codex, NoSessionStartsOnAProviderThatCodexDoesNotTake) {
    const std::string fine = "[model_providers.mine]\nname = \"mine\"\nenv_key = \"K\"\n";
    EXPECT_FALSE(read_codex_settings(toml::parse(fine)).stop);
    EXPECT_FALSE(read_codex_settings(toml::parse(fine + "[model_providers.mine.http_headers]\nX = \"1\"\n")).stop);
    for (const auto& [text, line, what] :
         {std::tuple("\n[model_providers.mine]\nbase_url = \"x\"\n", 2U, "model_providers.mine, which has no name,"),
          {"[model_providers.mine]\nname = \" \"\n", 1U, "model_providers.mine, which has no name,"},
          {"[model_providers.mine]\nname = \"mine\"\nenv_key = \"K\"\n[model_providers.mine.auth]\ncommand = \"x\"\n",
           4U, "model_providers.mine.auth beside its env_key"}}) {
        const auto stop = read_codex_settings(toml::parse(text)).stop;
        ASSERT_TRUE(stop) << text;
        EXPECT_EQ(stop->line, line);
        EXPECT_EQ(stop->what, what);
        EXPECT_NE(stop->cure, "");
    }
}

TEST(Codex, AFileThatTomlPlusPlusCannotReadSaysNothing) {
    EXPECT_EQ(read_codex_settings(toml::parse("env = {\n A = \"1\",\n}\nprofile = \"x\"\n")).stop, std::nullopt);
}

TEST(Codex, WithoutAKeyThereIsNoSession) {
    Session session = with_models();
    session.key.reset();
    const Result<Plan> plan = session.try_plan(Agent::codex, "minimax");
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, ErrorCode::key_absent);
    EXPECT_EQ(session.try_plan(Agent::codex, "zai").error().code, ErrorCode::cell_blocked);
}

}  // namespace
}  // namespace capsule::test
