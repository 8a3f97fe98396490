// A daemon whose environment holds every key and whatever could misroute a session, and what a session should get.
#pragma once

#include <pwd.h>
#include <unistd.h>

#include <algorithm>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {

/// What would send a session elsewhere or give it more than its own key, if the daemon passed it on.
inline const Environment hostile{
    {"ANTHROPIC_BASE_URL", "https://elsewhere.example"},
    {"ANTHROPIC_AUTH_TOKEN", "FAKE-somebody-elses"},
    {"ANTHROPIC_CUSTOM_HEADERS", "x-leak: 1"},
    {"ANTHROPIC_MODEL", "claude-elsewhere"},
    {"CLAUDE_CODE_USE_BEDROCK", "1"},
    {"OPENAI_BASE_URL", "https://elsewhere.example"},
    {"CODEX_API_KEY", "FAKE-codex-of-the-daemon"},
    {"OPENCODE_CONFIG", "/elsewhere.json"},
    {"OPENCODE_CONFIG_CONTENT", "{}"},
    {"JACKIN_CODEX_PROFILE", "elsewhere"},
    {"NODE_OPTIONS", "--require /elsewhere.js"},
    {"BASH_ENV", "/elsewhere.sh"},
    {"PYTHONPATH", "/elsewhere"},
    {"OP_SERVICE_ACCOUNT_TOKEN", "FAKE-op-token"},
    {"AWS_SECRET_ACCESS_KEY", "FAKE-aws"},
    {"CAPSULE_SOMETHING", "1"},
    {"RANDOM_VARIABLE", "1"},
};

class Spawn : public CapsuleTest {
  protected:
    void start_with(const std::string& config = "", const Environment& more = {}) {
        start({.env = with(with(all_keys(), hostile), more), .config = config});
    }

    json::value spawn(const std::string& agent, const std::string& provider, const std::string& more = "") const {
        return call("spawn", R"({"agent":")" + agent + R"(","provider":")" + provider + "\"" + more + "}");
    }

    /// What every session has, plus the route.
    Environment session(const std::string& agent, const std::string& provider, const Environment& route) const {
        const passwd* user = getpwuid(geteuid());
        Environment env{{"PATH", path_variable()}, {"LANG", "C.UTF-8"},      {"TERM", "xterm-256color"},
                        {"HOME", home().string()}, {"USER", user->pw_name},  {"LOGNAME", user->pw_name},
                        {"SHELL", user->pw_shell}, {"CAPSULE_AGENT", agent}, {"CAPSULE_PROVIDER", provider}};
        if (geteuid() == 0) env["TMPDIR"] = "/tmp/capsule-0";  // other users' sessions have what their user has
        return with(env, route);
    }

    static Environment claude_route(const std::string& url, std::string_view key, const std::string& opus,
                                    const std::string& sonnet, const std::string& haiku, const std::string& window) {
        return {{"CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1"},
                {"ANTHROPIC_BASE_URL", url},
                {"ANTHROPIC_AUTH_TOKEN", std::string(key)},
                {"ANTHROPIC_DEFAULT_OPUS_MODEL", opus},
                {"ANTHROPIC_DEFAULT_SONNET_MODEL", sonnet},
                {"ANTHROPIC_DEFAULT_HAIKU_MODEL", haiku},
                {"ANTHROPIC_DEFAULT_FABLE_MODEL", opus},
                {"ANTHROPIC_MODEL", "opus"},
                {"API_TIMEOUT_MS", "3000000"},
                {"CLAUDE_CODE_MAX_CONTEXT_TOKENS", window},
                {"CLAUDE_CODE_AUTO_COMPACT_WINDOW", window},
                {"ENABLE_TOOL_SEARCH", "false"},
                {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"}};
    }

    /// Checks the pin in OPENCODE_CONFIG_CONTENT and gives the environment without it.
    static Environment take_opencode_pin(Environment env, const std::string& provider, const std::string& npm,
                                         const std::string& url, const std::string& variable,
                                         const std::string& model) {
        const json::value pin = parse(env.at("OPENCODE_CONFIG_CONTENT"));
        EXPECT_TRUE(has(pin, "/$schema"));
        EXPECT_THAT(strings(at(pin, "/enabled_providers")), ::testing::ElementsAre(provider));
        EXPECT_THAT(at(pin, "/disabled_providers").as_array(), ::testing::IsEmpty());
        EXPECT_EQ(text_at(pin, "/provider/" + provider + "/npm"), npm);
        EXPECT_EQ(text_at(pin, "/provider/" + provider + "/options/baseURL"), url);
        EXPECT_EQ(text_at(pin, "/provider/" + provider + "/options/apiKey"), "{env:" + variable + "}");
        EXPECT_EQ(at(pin, "/provider").as_object().size(), 1U);
        EXPECT_EQ(has(pin, "/model"), !model.empty());
        if (!model.empty()) {
            EXPECT_EQ(text_at(pin, "/model"), provider + "/" + model);
            EXPECT_EQ(text_at(pin, "/small_model"), provider + "/" + model);
            EXPECT_EQ(text_at(pin, "/provider/" + provider + "/models/" + model + "/id"), model);
        }
        EXPECT_EQ(env["OPENCODE_DISABLE_MODELS_FETCH"], model.empty() ? "" : "1");
        env.erase("OPENCODE_DISABLE_MODELS_FETCH");
        env.erase("OPENCODE_CONFIG_CONTENT");
        return env;
    }

    /// Checks the pin in --settings (it holds no key) and gives the arguments without it.
    static std::vector<std::string> take_claude_pin(std::vector<std::string> argv) {
        const auto pin = std::find(argv.begin(), argv.end(), "--settings");
        EXPECT_TRUE(pin != argv.end() && pin + 1 != argv.end());
        if (pin == argv.end() || pin + 1 == argv.end()) return argv;
        const json::value settings = parse(*(pin + 1));
        EXPECT_EQ(pin[1].find(keys::mark), std::string::npos) << "arguments can be seen by everybody";
        for (const char* name : {"ANTHROPIC_CUSTOM_HEADERS", "CLAUDE_CODE_EXTRA_BODY"})
            EXPECT_EQ(text_at(settings, "/env/" + std::string(name)), "");
        argv.erase(pin, pin + 2);
        return argv;
    }

    void expect_claude(const std::string& provider, const Environment& route) const {
        const json::value plan = spawn("claude", provider);
        EXPECT_EQ(string_map(at(plan, "/env")), session("claude", provider, route));
        EXPECT_THAT(take_claude_pin(strings(at(plan, "/argv"))), ::testing::ElementsAre("claude"));
    }
};

}  // namespace capsule::test
