#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/commands/status_page.hpp"
#include "tests/unit/client/plain_style.hpp"

namespace capsule {
namespace {

using test::plain;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

StatusResult sample_status() {
    StatusResult status;
    status.version = "0.1.0";
    status.pid = 4711;
    status.uptime_s = 61;
    status.socket = "/run/capsule/capsule.sock";
    status.config = {"/etc/capsule/capsule.toml", "2026-11-23T05:00:00Z", true, {}};
    status.agents = {{"claude", "Claude", "/usr/bin/claude", "2.1.197"}, {"codex", "Codex", {}, {}}};
    status.providers = {
        {"anthropic", "Anthropic", {"absent", {}, {}}, {{"claude", "native"}, {"codex", "unsupported"}}},
        {"zai", "Z.AI", {"present", "environment", "…0001"}, {{"claude", "ready"}, {"codex", "blocked"}}},
        {"kimi", "Kimi", {"unresolved", "op", {}}, {{"claude", "no_key"}, {"codex", "blocked"}}},
    };
    status.warnings = {{"x.y", "do something about it"}};
    return status;
}

Defaults sample_defaults() {
    Defaults defaults;
    defaults["claude"] = {"claude",
                          {{"anthropic", "Anthropic", "Claude", true, {}}, {"zai", "Z.AI", "Claude (Z.AI)", false, {}}},
                          "zai",
                          {}};
    defaults["codex"] = {"codex", {}, {}, {}};
    return defaults;
}

TEST(StatusPage, SaysItAllAtAGlance) {
    EXPECT_EQ(status_page(sample_status(), sample_defaults(), plain),
              "● capsuled 0.1.0  pid 4711, up 1 min\n"
              "  socket  /run/capsule/capsule.sock\n"
              "  config  /etc/capsule/capsule.toml, loaded 2026-11-23T05:00:00Z\n"
              "  served  0 requests, 0 with errors; 0 of 0 connections open\n"
              "\n"
              "PROVIDER   KEY           FROM         Claude  Codex\n"
              "Anthropic  absent        -            native  n/a\n"
              "Z.AI       …0001         environment  ready   blocked\n"
              "Kimi       not read yet  op           no key  blocked\n"
              "\n"
              "AGENT   STARTS ON           VERSION  BINARY\n"
              "Claude  Z.AI                2.1.197  /usr/bin/claude\n"
              "Codex   no default: no key  -        not installed\n"
              "\n"
              "! do something about it\n");
}

TEST(StatusPage, SaysWhatAProviderRefusedLast) {
    StatusResult status = sample_status();
    status.providers[1].limit = SessionLimit{"window", "Usage limit reached for 5 hour", "2026-11-26 05:44:44"};
    EXPECT_THAT(status_page(status, sample_defaults(), plain),
                HasSubstr("! Z.AI refused a request, and has answered none since: the quota of these hours is used up "
                          "(\"Usage limit reached for 5 hour\"), until 2026-11-26 05:44:44\n"));
}

TEST(StatusPage, AKeyThatIsDoubtedIsNotReady) {
    StatusResult status = sample_status();
    status.providers[1].key.doubtful = true;
    const std::string page = status_page(status, {}, {true, true, 80});
    EXPECT_THAT(page,
                AllOf(HasSubstr("\x1b[33mdoubtful\x1b[0m"), HasSubstr("\x1b[33m…0001"), Not(HasSubstr("32mready"))));
}

TEST(StatusPage, SaysThatTheKeysSideIsAwayInsteadOfThatThereIsNoKey) {
    StatusResult status = sample_status();
    for (ProviderStatus& provider : status.providers)
        provider.key = {"absent", {}, {}};
    status.warnings = {{"keys.unreachable", "the capsuled with the keys does not answer"}};
    EXPECT_THAT(status_page(status, {}, plain),
                AllOf(HasSubstr("Kimi       ?    the keys' side is away  ?       blocked\n"), Not(HasSubstr("absent")),
                      Not(HasSubstr("no key")), HasSubstr("Anthropic  ?    the keys' side is away  native  n/a\n")));
}

TEST(StatusPage, SaysWhereAnAgentThatIsMissingWasLookedFor) {
    StatusResult status = sample_status();
    status.path = "/usr/local/bin:/usr/bin";
    EXPECT_THAT(status_page(status, {}, plain),
                HasSubstr("not installed\nNot installed: no such program in /usr/local/bin:/usr/bin. PATH in [env] of "
                          "capsule.toml names other directories.\n"));
    for (const char* code : {"path.unreachable", "home.busy"}) {
        status.warnings = {{code, "something does not answer"}};
        EXPECT_THAT(
            status_page(status, {}, plain),
            AllOf(HasSubstr("not found\nNot found: no such program in /usr/local/bin:/usr/bin, as far as it can "
                            "be looked at. "),
                  Not(HasSubstr("ot installed"))));
    }
    status.agents.pop_back();
    EXPECT_THAT(status_page(status, {}, plain), Not(HasSubstr("Not found")));
    status.warnings.clear();
    EXPECT_THAT(status_page(status, {}, plain), Not(HasSubstr("Not installed")));
}

TEST(StatusPage, ShowsAFailedLoadAndMissingKeys) {
    StatusResult status = sample_status();
    status.config.ok = false;
    status.config.error = "capsule.toml:3:1: unknown key";
    for (ProviderStatus& provider : status.providers)
        provider.key = {"absent", {}, {}};
    EXPECT_THAT(status_page(status, {}, plain),
                AllOf(HasSubstr("older configuration is in force: capsule.toml:3:1: unknown key"),
                      HasSubstr("\"capsulectl auth\"")));
}

TEST(StatusPage, SaysOnceThatThereIsNoKey) {
    StatusResult status = sample_status();
    for (ProviderStatus& provider : status.providers)
        provider.key = {"absent", {}, {}};
    status.warnings = {{"keys.none", "no provider has a key yet; `capsulectl auth` says how to get one"}};
    EXPECT_THAT(status_page(status, {}, plain),
                AllOf(HasSubstr("! no provider has a key yet"), Not(HasSubstr("No provider has a key yet"))));
}

}  // namespace
}  // namespace capsule
