// [providers.<id>] in capsule.toml: every refusal.
#include "tests/unit/config/loading.hpp"

namespace capsule {
namespace {

using test::expect_refused;
using test::parse;
using test::Refusal;

TEST(CatalogRefusal, AModel) {
    const std::string head = "[providers.zai.models.\"glm-6\"]\n";
    for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
             {"context_window = 0", "context_window: 0 is out of range"},
             {"context_windows = 5", "context_windows: unknown setting"},
             {"context_window = 10\nmax_output = 11", "max_output: is more than context_window"},
             {"input = [\"texts\"]", "input: is nothing that a model can be given"},
             {"input = [\"image\"]", "input: has no \"text\""},
             {"reasoning = false\nreasoning_levels = [\"low\"]",
              "reasoning: is false, and reasoning_levels names some"},
             {"default_reasoning_level = \"low\"", "default_reasoning_level: \"low\" is not in reasoning_levels"},
             {"claude.env = { ANTHROPIC_BASE_URL = \"x\" }", "ANTHROPIC_BASE_URL is reserved"},
             {"claude.env = { KIMI_CODE_API_KEY = \"x\" }", "is the key variable of kimi"},
             {"codex.effective_context_window_percent = 101", "effective_context_window_percent: 101 is out of range"},
             {"codex.truncation_mode = \"lines\"", "truncation_mode: unknown value \"lines\""},
             {"codex.shell = \"x\"", "codex.shell: unknown setting"},
             {"opencode.limit = { context = 5 }", "limit needs context and output"},
         }) {
        SCOPED_TRACE(text);
        const auto config = parse(head + text + "\n");
        ASSERT_FALSE(config) << "it was accepted";
        EXPECT_THAT(config.error().message, testing::HasSubstr(message));
    }
    EXPECT_FALSE(parse("[providers.zai.models.\"a b\"]\ncontext_window = 5\n"));
}

TEST(CatalogRefusal, Facts) {
    const std::string reserved = " is reserved: it is set by the route alone, or never\n";
    for (const Refusal& refusal : std::vector<Refusal>{
             {"[providers.Zai]\nkey_env = \"K\"", "1:12: providers.Zai: cannot be a provider's id\n[providers.Zai]",
              "lower-case letter"},
             {"[providers.aa]\nlabel = \"A\"", "1:12: providers.aa: key_env is missing\n[providers.aa]",
              "the variable that holds this provider's key"},
             {"[providers.aa]\nkey_env = \"sk-cp-FAKE-0001\"",
              "2:11: providers.aa.key_env: this is no variable name\nkey_env = …", "letters, digits and '_'"},
             {"[providers.aa]\nkey_env = \"gsk_FAKE0123456789abcdefGHIJ\"",
              "2:11: providers.aa.key_env: this may be the key itself\nkey_env = …", "in capitals"},
             {"[providers.aa]\nkey_env = \"ZAI_API_KEY\"",
              "2:11: providers.aa.key_env: ZAI_API_KEY is the key variable of zai\nkey_env = \"ZAI_API_KEY\"",
              "a variable of its own"},
             {"[providers.aa]\nkey_env = \"ANTHROPIC_AUTH_TOKEN\"",
              "2:11: providers.aa.key_env: ANTHROPIC_AUTH_TOKEN" + reserved + "key_env = \"ANTHROPIC_AUTH_TOKEN\"",
              "Choose another name"},
             {"[providers.zai]\nkey_env = \"LD_PRELOAD\"",
              "2:11: providers.zai.key_env: LD_PRELOAD" + reserved + "key_env = \"LD_PRELOAD\""},
             {"[providers.zai]\nkey_env = \"PATH\"",
              "2:11: providers.zai.key_env: PATH passes into every session, a key must not\nkey_env = \"PATH\""},
             {"[providers.zai]\nkey_env = \"HOME\"",
              "2:11: providers.zai.key_env: HOME is always the session user's own\nkey_env = \"HOME\""},
             {"[providers.anthropic]\nkey_env = \"MY_KEY\"",
              "2:11: providers.anthropic.key_env: the agent itself reads ANTHROPIC_API_KEY, no other variable will "
              "do\nkey_env = \"MY_KEY\""},
             {"[providers.zai]\nkey_env = 5",
              "2:11: providers.zai.key_env: expected a string, got an integer\n"
              "key_env = 5"},
             {"[providers.zai]\nlabel = \"\"",
              "2:9: providers.zai.label: must be one line of text without braces\nlabel = \"\""},
             {"[providers.zai]\nkey_url = \"z.ai\"",
              "2:11: providers.zai.key_url: must be the https:// address of a page\nkey_url = \"z.ai\""},
             {"[providers.zai]\ntimeout_ms = 0", "2:14: providers.zai.timeout_ms: 0 is out of range\ntimeout_ms = 0",
              "from 1 to 2147483647"},
             {"[providers.zai]\nmodels = [\"ok\", \"not ok\"]",
              "2:17: providers.zai.models: cannot be a model's name\nmodels = [\"ok\", \"…\"]", "white space"},
             {"[providers.zai]\nlable = \"Z\"", "2:1: providers.zai.lable: unknown setting\nlable = \"Z\"",
              "Did you mean \"label\"?"},
             {"[providers.zai.cloud]\nx = 1", "1:16: providers.zai.cloud: unknown section\n[providers.zai.cloud]"},
             {"[providers]\nzai = \"sk-cp-FAKE-0001\"", "2:1: providers.zai: expected a table, got a string\nzai = …"},
         })
        expect_refused(refusal);
}

TEST(CatalogRefusal, Refusals) {
    const std::string head = "[providers.zai]\nrefusals = [{";
    // What stands in a list is not shown.
    const std::string line = "\nrefusals = [ {…";
    const std::string all = "providers.zai.refusals";
    for (const Refusal& refusal : std::vector<Refusal>{
             {"[providers.zai]\nrefusals = \"1308\"",
              "2:12: " + all + ": expected a list of tables, got a string\nrefusals = …"},
             {head + "code = \"1308\"}]", "2:13: " + all + ": kind is missing" + line, "It says what"},
             {head + "kind = \"key\"}]", "2:13: " + all + ": this would be every answer" + line, "Name a status"},
             {head + "kind = \"hour\", status = 429}]", "2:21: " + all + ".kind: unknown value \"hour\"" + line,
              "It must be one of \"window\""},
             {head + "kind = \"key\", status = 99}]", "2:37: " + all + ".status: 99 is out of range" + line},
             {head + "kind = \"key\", code = \"{}\"}]",
              "2:35: " + all + ".code: must be one line of at most 200 bytes, without braces" + line},
         })
        expect_refused(refusal);
    EXPECT_THAT(parse(head + "kind = \"key\", status = 429, word = \"a\"}]").error().message,
                testing::HasSubstr(all + ".word: unknown setting"));
    EXPECT_THAT(parse("[providers.zai]\nrefusals = [\"1308\"]").error().message,
                testing::HasSubstr(all + ": expected a table in the list, got a string"));
}

TEST(CatalogRefusal, ClaudeCell) {
    const std::string head = "[providers.aa]\nkey_env = \"K\"\n[providers.aa.claude]\n";
    for (const Refusal& refusal : std::vector<Refusal>{
             {head, "3:15: providers.aa.claude: base_url is missing\n[providers.aa.claude]"},
             {head + "base_url = \"https://x\"",
              "3:15: providers.aa.claude: opus_model is missing\n[providers.aa.claude]"},
             {head + "base_url = \"http://x\"",
              "4:12: providers.aa.claude.base_url: the URL must begin with https:// (http:// is for this machine "
              "alone: "
              "127.0.0.1, [::1], localhost)\nbase_url = …"},
             {head + "base_url = \"https://user:FAKE-password@x\"",
              "4:12: providers.aa.claude.base_url: the URL must not have a user name or password\nbase_url = …"},
             {head + "base_url = \"https://x\"\nopus_model = \"a b\"",
              "5:14: providers.aa.claude.opus_model: \"a b\" cannot be a model's name\nopus_model = \"a b\""},
             {"[providers.zai.claude]\nauth = \"apikey\"",
              "2:8: providers.zai.claude.auth: unknown value \"apikey\"\nauth = \"apikey\"",
              "Did you mean \"api_key\"?"},
             {"[providers.zai.claude]\nauth = \"sk-FAKE-0123456789abcdef\"",
              "2:8: providers.zai.claude.auth: this value is not known\nauth = …", "\"auth_token\", \"api_key\""},
             {"[providers.zai.claude]\nnative = true",
              "2:10: providers.zai.claude.native: only Claude Code on anthropic and Codex on openai are an agent's own "
              "account\nnative = true"},
             {"[providers.anthropic.claude]\nnative = false",
              "2:10: providers.anthropic.claude.native: can only be true\nnative = false", "Leave it out"},
             {"[providers.zai.claude]\nnative = true\nauth = \"api_key\"",
              "2:10: providers.zai.claude.native: stands in place of the other settings of this table\nnative = true"},
             {"[providers.zai.claude]\nauth = \"api_key\"\nblocked = \"x\"",
              "3:11: providers.zai.claude.blocked: stands in place of the other settings of this table\n"
              "blocked = \"x\""},
             {"[providers.zai.claude]\nblocked = \"\"",
              "2:11: providers.zai.claude.blocked: must be a reason on one line\nblocked = \"\""},
             {"[providers.anthropic.claude]\nbase_url = \"https://x\"",
              "1:22: providers.anthropic.claude: this is the agent's own account, which cannot be rewired\n"
              "[providers.anthropic.claude]",
              "Add a provider of your own"},
             {"[providers.anthropic.claude]\nblocked = \"x\"",
              "1:22: providers.anthropic.claude: this is the agent's own account, which cannot be rewired\n"
              "[providers.anthropic.claude]"},
         })
        expect_refused(refusal);
}

TEST(CatalogRefusal, ClaudeEnvSetsNothingThatAnotherRuleSets) {
    const std::string head = "[providers.zai.claude.env]\n";
    const auto refused = [&](const std::string& name, const std::string& why) {
        expect_refused({head + name + " = \"FAKE-secret-0001\"",
                        "2:1: providers.zai.claude.env." + name + ": " + why + "\n" + name + " = …"});
    };
    for (const char* name : {"ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "API_TIMEOUT_MS", "CAPSULE_X", "LD_PRELOAD",
                             "NODE_OPTIONS", "ANTHROPIC_DEFAULT_OPUS_MODEL"})
        refused(name, std::string(name) + " is reserved: it is set by the route alone, or never");
    refused("ZAI_API_KEY", "ZAI_API_KEY is the key variable of zai");
    refused("ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY is the key variable of anthropic");
    refused("HOME", "HOME is always the session user's own");
    refused("CODEX_HOME", "CODEX_HOME says where an agent's files are: [session] has a setting for it");
    expect_refused(
        {head + "\"a b\" = \"x\"", "2:1: providers.zai.claude.env.\"a b\": this is no variable name\na b = …"});
    expect_refused({head + "X = 5", "2:5: providers.zai.claude.env.X: expected a string, got an integer\nX = …"});
    expect_refused(
        {head + "X = \"a\\u0000b\"", "2:1: providers.zai.claude.env.X: the value has a NUL character\nX = …"});
}

TEST(CatalogRefusal, CodexCell) {
    const std::string head = "[providers.aa]\nkey_env = \"K\"\n[providers.aa.codex]\n";
    const std::string good = "base_url = \"https://x/v1\"\nmodel = \"m\"\ncontext_window = 1000\n";
    for (const Refusal& refusal : std::vector<Refusal>{
             {head + "wire_api = \"responses\"", "3:15: providers.aa.codex: base_url is missing\n[providers.aa.codex]"},
             {head + "base_url = \"https://x\"", "3:15: providers.aa.codex: model is missing\n[providers.aa.codex]"},
             {head + good + "wire_api = \"chat\"",
              "7:12: providers.aa.codex.wire_api: must be \"responses\"\nwire_api = \"chat\"",
              "Codex does not start on \"chat\""},
             {head + good + "wire_api = \"grpc\"",
              "7:12: providers.aa.codex.wire_api: must be \"responses\"\nwire_api = \"grpc\"", "no other protocol"},
             {head + "base_url = \"https://x\"\nmodel = \"m\"\ncontext_window = 0",
              "6:18: providers.aa.codex.context_window: 0 is out of range\ncontext_window = 0", "from 1 to"},
             {head + "base_url = \"https://x\"\nmodel = \"m\"\ncontext_window = -5",
              "6:18: providers.aa.codex.context_window: -5 is out of range\ncontext_window = -5"},
             {head + good + "profile = \"../x\"",
              "7:11: providers.aa.codex.profile: cannot name a file of Codex's\nprofile = \"../x\""},
             {head + good + "profile = \"a.b\"",
              "7:11: providers.aa.codex.profile: cannot name a file of Codex's\nprofile = \"a.b\""},
             {head + good + "profile = \"minimax\"",
              "7:11: providers.aa.codex.profile: \"minimax\" is the profile of minimax\nprofile = \"minimax\""},
             {"[providers.ollama]\nkey_env = \"K\"\n[providers.ollama.codex]\n" + good,
              "3:19: providers.ollama.codex: Codex has a provider of that name built in and does not start on another "
              "one\n[providers.ollama.codex]",
              "ollama-gateway"},
         })
        expect_refused(refusal);
}

TEST(CatalogRefusal, OpencodeCell) {
    const std::string head = "[providers.aa]\nkey_env = \"K\"\n[providers.aa.opencode]\n";
    for (const Refusal& refusal : std::vector<Refusal>{
             {head + "model = \"m\"", "3:15: providers.aa.opencode: npm is missing\n[providers.aa.opencode]",
              "@ai-sdk/openai-compatible"},
             {head + "npm = \"x\"", "3:15: providers.aa.opencode: base_url is missing\n[providers.aa.opencode]"},
             {head + "npm = \"x\"\nbase_url = \"https://x\"",
              "3:15: providers.aa.opencode: model is missing\n[providers.aa.opencode]"},
             {head + "npm = \"file:///tmp/evil\"",
              "4:7: providers.aa.opencode.npm: is no name of an npm package\nnpm = \"file:///tmp/evil\""},
             {head + "npm = \"./evil\"",
              "4:7: providers.aa.opencode.npm: is no name of an npm package\nnpm = \"./evil\""},
             {head + "npm = \"x\"\nbase_url = \"https://x\"\nmodel = \"zai/glm-5.3\"",
              "6:9: providers.aa.opencode.model: \"zai/glm-5.3\" is a model of Z.AI, not of aa\nmodel = "
              "\"zai/glm-5.3\"",
              "\"aa/zai/glm-5.3\""},
             {"[providers.zai.opencode]\nnative = true",
              "2:10: providers.zai.opencode.native: only Claude Code on anthropic and Codex on openai are an agent's "
              "own "
              "account\nnative = true"},
         })
        expect_refused(refusal);
}

}  // namespace
}  // namespace capsule
