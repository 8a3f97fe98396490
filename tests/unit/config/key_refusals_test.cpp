// Errors about [env] and about what is no TOML: they never show a key.
#include "tests/unit/config/loading.hpp"

namespace capsule {
namespace {

using test::expect_refused;
using test::Refusal;

TEST(LoadConfigRefusal, EnvNeverShowsAValue) {
    const std::string at = "2:1: env.";
    const std::string reserved = " is reserved: it is set by the route alone, or never\n";
    for (const Refusal& refusal : std::vector<Refusal>{
             {"[env]\n\"A-B\" = \"FAKE-0001\"", at + "A-B: this is no variable name\nA-B = …"},
             {"[env]\nANTHROPIC_BASE_URL = \"FAKE\"",
              at + "ANTHROPIC_BASE_URL: ANTHROPIC_BASE_URL" + reserved + "ANTHROPIC_BASE_URL = …"},
             {"[env]\nCODEX_API_KEY = \"FAKE\"", at + "CODEX_API_KEY: CODEX_API_KEY" + reserved + "CODEX_API_KEY = …"},
             {"[env]\nOP_SESSION = \"FAKE\"", at + "OP_SESSION: OP_SESSION" + reserved + "OP_SESSION = …"},
             {"[env]\nHOME = \"/x\"", at + "HOME: HOME is always the session user's own\nHOME = …"},
             {"[env]\nCODEX_HOME = \"/x\"",
              at + "CODEX_HOME: CODEX_HOME says where an agent's files are: [session] has a setting for it\n"
                   "CODEX_HOME = …"},
             {"[env]\nZAI_API_KEY = 12345678",
              "2:15: env.ZAI_API_KEY: expected a string, got an integer\nZAI_API_KEY = …"},
             {"[env]\nZAI_API_KEY = \"op://vault\"",
              at + "ZAI_API_KEY: this is no complete op:// reference\nZAI_API_KEY = …", "op://vault/item/field"},
             {"[env]\nZAI_API_KEY = \"$1X\"",
              at + "ZAI_API_KEY: what begins with '$' must be $NAME or ${NAME}, a variable of the daemon's "
                   "environment\nZAI_API_KEY = …"},
             {"[env]\nZAI_API_KEY = \"${A\"",
              at + "ZAI_API_KEY: what begins with '$' must be $NAME or ${NAME}, a variable of the daemon's "
                   "environment\nZAI_API_KEY = …"},
             {"[env]\nZAI_API_KEY = \"FAKE 0001\"",
              at + "ZAI_API_KEY: a key has no white space and no control characters\nZAI_API_KEY = …"},
             {"[env]\nZAI_API_KEY = \"FAKE\\n\"",
              at + "ZAI_API_KEY: a key has no white space and no control characters\nZAI_API_KEY = …"},
             {"[env]\nMY = \"a\\u0000b\"", at + "MY: the value has a NUL character\nMY = …"},
             {"[workspaces.acme.env]\nZAI_API_KEY = [\"FAKE\"]",
              "2:15: workspaces.acme.env.ZAI_API_KEY: expected a string, got a list\nZAI_API_KEY = …"},
             {"[workspaces.acme]\nenv = [\"ZAI_API_KEY=FAKE\"]",
              "2:7: workspaces.acme.env: expected a table, got a list\nenv = …"},
             {"[providers.zai.claude]\nenv = \"GATEWAY_TOKEN=FAKE\"",
              "2:7: providers.zai.claude.env: expected a table, got a string\nenv = …"},
             {"[claude]\nargs = [\"--token=FAKE\", 5]",
              "2:25: claude.args: expected a string in the list, got an integer\nargs = …"},
             {"[providers.zai.usage]\nurl = \"https://me:FAKE@host\"",
              "2:7: providers.zai.usage.url: must not have a user name or password\nurl = …"},
             {"[workspaces.acme.roles.dev.env]\nLD_PRELOAD = \"FAKE\"",
              "2:1: workspaces.acme.roles.dev.env.LD_PRELOAD: LD_PRELOAD" + reserved + "LD_PRELOAD = …"},
             {"[env]\nZIA_API_KEY = \"FAKE-0001\"",
              at + "ZIA_API_KEY: this is nearly ZAI_API_KEY, and would go to every session as it is\nZIA_API_KEY = …",
              "Did you mean ZAI_API_KEY?"},
             {"[workspaces.acme.env]\nMINIMAX_API_KE = \"FAKE-0001\"",
              "2:1: workspaces.acme.env.MINIMAX_API_KE: this is nearly MINIMAX_API_KEY, and would go to every session "
              "as "
              "it is\nMINIMAX_API_KE = …",
              "Did you mean MINIMAX_API_KEY?"},
             {"[providers.zai]\nkey_env = \"Z2\"\n[env]\nZAI_API_KEY = \"FAKE\"",
              "4:1: env.ZAI_API_KEY: this is no key variable any more\nZAI_API_KEY = …",
              "[providers.zai] says Z2: use that name."},
         })
        expect_refused(refusal);
}

TEST(LoadConfig, ANameThatIsOnlySomewhatLikeAKeyVariablesIsAnotherVariable) {
    EXPECT_TRUE(test::parse("[env]\nFAL_API_KEY = \"FAKE-0001\"\nMY_API_KEY = \"FAKE-0002\"\n"));
}

TEST(LoadConfigRefusal, BrokenToml) {
    const auto message = [](const std::string& text) { return test::parse(text).error().message; };
    EXPECT_THAT(
        message("[daemon]\nlog_level = \"info\n"),
        testing::AllOf(testing::StartsWith("/etc/capsule/capsule.toml:2:"),
                       testing::HasSubstr(": this is not valid TOML: "), testing::EndsWith("\nlog_level = \"info")));
    EXPECT_THAT(message("[daemon\n"), testing::EndsWith("\n[daemon"));
    EXPECT_THAT(message("[daemon]\n[daemon]\n"), testing::EndsWith("\n[daemon]"));
    EXPECT_EQ(message("[providers.aa]\nkey_env = \"A\"\n[providers.aa]\nkey_env = \"B\"\n").substr(0, 29),
              "/etc/capsule/capsule.toml:3:1")
        << "a duplicate provider";
    EXPECT_FALSE(test::parse("[.]"));
    EXPECT_FALSE(test::parse("["));
    EXPECT_FALSE(test::parse("a = \"\xff\""));
}

TEST(LoadConfigRefusal, BrokenTomlNeverShowsAKey) {
    const std::string key = "trueFAKEsecret0001";
    for (const std::string& text : std::vector<std::string>{
             "[env]\nZAI_API_KEY = " + key + "\n",
             "[env]\nZAI_API_KEY = \"" + key + "\n",
             "[env]\nZAI_API_KEY = '" + key + "\n",
             "[env]\nZAI_API_KEY \"" + key + "\"\n",
             "[env]\nZAI_API_KEY = \"\"\"\n[daemon]\nmodel = " + key + "\n",
             "[env]\nZAI_API_KEY = [\n[\"" + key + "\"]\n\"" + key + "\"\n",
             "[env]\n" + key + "\n",
             "[env]\n" + key + "==\n",
             "[env]\n\"" + key + "\n",
             "env.ZAI_API_KEY = " + key + "\n",
             "env = { ZAI_API_KEY = " + key + " }\n",
             "workspaces.acme.env.ZAI_API_KEY = " + key + "\n",
             "[workspaces.acme]\nenv = { ZAI_API_KEY = \"" + key + "\" \n",
             "[workspaces.acme.\"e\\u006ev\"]\nmodel = " + key + "\n",
             "[\"e\\u006ev\"]\nmodel = " + key + "\n",
             "[daemon]\nZAI_API_KEY = " + key + "\n",
             "ZAI_API_KEY = \"" + key + "\" x\n",
             "[env]\nZAI_API_KEY = 0x" + key + "\n",
             "[env]\nZAI_API_KEY = \"a\"\nZAI_API_KEY = \"" + key + "\"\n",
             "[[\"" + key + "\"]\n",
         }) {
        const auto config = test::parse(text);
        ASSERT_FALSE(config) << text;
        EXPECT_THAT(config.error().message, testing::Not(testing::HasSubstr("FAKE"))) << text;
        EXPECT_THAT(config.error().hint, testing::Not(testing::HasSubstr("FAKE"))) << text;
    }
    // The parser repeats a number that is too large, which could be a key too.
    const auto number = test::parse("[env]\nZAI_API_KEY = 98765432109876543210987\n");
    ASSERT_FALSE(number);
    EXPECT_THAT(number.error().message, testing::Not(testing::HasSubstr("9876543210")));
}

TEST(LoadConfigRefusal, NoErrorShowsAKeyBesideIt) {
    for (const std::string& text : std::vector<std::string>{
             "workspaces = { acme = { env = { ZAI_API_KEY = \"FAKE\" }, foo = 1 } }",
             "workspces.acme.env.ZAI_API_KEY = \"FAKE\"",
             "workspaces.acme.env.LD_PRELOAD = \"FAKE\"",
             "env = { ZAI_API_KEY = \"FAKE\", LD_PRELOAD = \"FAKE\" }",
             "envv = { ZAI_API_KEY = \"FAKE\" }",
             "ZAI_API_KEY = \"FAKE\"",
             "[providers.zai]\napi_key = \"FAKE\"",
             "[providers.zai]\nkey = \"FAKE\"",
             "[claude]\narg = [\"--token\", \"FAKE\"]",
             "[daemon]\nsocket = 5 # FAKE",
             "daemon = { socket = 5, ZAI_API_KEY = \"FAKE\" }",
             "[workspaces.acme]\nenv = \"\"\"\nFAKE\"\"\"\n[daemon]\nsocket = 5",
         }) {
        const auto config = test::parse(text);
        ASSERT_FALSE(config) << text;
        EXPECT_THAT(config.error().message + config.error().hint, testing::Not(testing::HasSubstr("FAKE"))) << text;
    }
}

}  // namespace
}  // namespace capsule
