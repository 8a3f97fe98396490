#include "daemon/write/apply.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/agents/claude/cell.hpp"
#include "daemon/agents/claude/claude_json.hpp"
#include "daemon/agents/codex/home.hpp"
#include "daemon/agents/codex/own_files.hpp"
#include "daemon/agents/opencode/opencode_json.hpp"
#include "daemon/base/home_visit.hpp"
#include "daemon/base/time_limit.hpp"
#include "daemon/home/facts.hpp"
#include "temporary_home.hpp"
#include "tests/support/child.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;
using test::mode_of;
using test::must;
using test::read_bytes;
using test::TemporaryHome;
using test::write_bytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

OpencodeJsonIntent opencode_json(const std::string& path, std::variant<std::string, Secret> key) {
    const OpencodeBlock block{"zai", "Z.AI", "@ai-sdk/openai-compatible", "https://api.z.ai/v4", std::move(key), "glm"};
    return {path, {block}, {block}};
}

FileIntent opencode(const std::string& path, std::variant<std::string, Secret> key) {
    return file_intent(opencode_json(path, std::move(key)));
}

FileIntent toml(const std::string& path) {
    return file_intent(
        TomlBlockIntent{path, {{"minimax", "[model_providers.minimax]\nname = \"MiniMax\"\n"}}, {"minimax"}});
}

TEST(Apply, WritesEachFileAndThenNothing) {
    const TemporaryHome home;
    const std::vector<FileIntent> files{
        toml(home / ".codex/config.toml"),
        file_intent(OwnFileIntent{home / ".codex/minimax.config.toml", "model = \"M3\"\n"}),
        opencode(home / ".config/opencode/opencode.json", Secret("sk-FAKE-zai-000001")),
        file_intent(ClaudeApprovalIntent{home / ".claude.json", "FAKE-tail", "KEY"})};
    for (const auto& file : must(apply(files, ApplyMode::preview, ApplyFor::session)).files)
        EXPECT_THAT(*file.content, Not(HasSubstr("FAKE")));
    const Applied first = must(apply(files, ApplyMode::write, ApplyFor::session));
    ASSERT_EQ(first.files.size(), 4U);
    for (const auto& file : first.files) {
        EXPECT_EQ(file.change, FileChange::created);
        EXPECT_EQ(file.mode, mode_of(file.path));
    }
    EXPECT_EQ(mode_of(home / ".codex/config.toml"), 0644U);
    EXPECT_EQ(mode_of(home / ".config/opencode/opencode.json"), 0600U);
    EXPECT_EQ(mode_of(home / ".claude.json"), 0600U);
    EXPECT_EQ(mode_of(home / ".codex"), 0700U);
    for (const auto& file : must(apply(files, ApplyMode::write, ApplyFor::session)).files)
        EXPECT_EQ(file.change, FileChange::unchanged);
}

TEST(Apply, PreviewWritesNothing) {
    const TemporaryHome home;
    write_bytes(home / "m.models.json", "theirs");
    const std::vector<FileIntent> files{toml(home / ".codex/config.toml"),
                                        file_intent(OwnFileIntent{home / "m.models.json", "{}"})};
    const Applied applied = must(apply(files, ApplyMode::preview, ApplyFor::session));
    EXPECT_EQ(applied.files[0].change, FileChange::created);
    EXPECT_EQ(applied.files[1].change, FileChange::updated);
    EXPECT_EQ(home.entries(), 1U);
    EXPECT_EQ(read_bytes(home / "m.models.json"), "theirs");
}

TEST(Apply, AClaudeJsonThatIsThereKeepsItsMode) {
    const TemporaryHome home;
    write_bytes(home / ".claude.json", "{}");
    fs::permissions(home / ".claude.json", fs::perms(0644));
    must(apply({file_intent(ClaudeApprovalIntent{home / ".claude.json", "T", "KEY"})}, ApplyMode::write,
               ApplyFor::session));
    EXPECT_EQ(mode_of(home / ".claude.json"), 0644U);
}

TEST(Apply, AnOpencodeConflictOnlyWarnsASession) {
    const TemporaryHome home;
    write_bytes(home / "opencode.json", "{ broken");
    const std::vector<FileIntent> files{opencode(home / "opencode.json", std::string("{env:ZAI_API_KEY}"))};
    const Applied session = must(apply(files, ApplyMode::write, ApplyFor::session));
    ASSERT_EQ(session.warnings.size(), 1U);
    EXPECT_EQ(session.warnings[0].code, "opencode.conflict");
    EXPECT_THAT(session.warnings[0].message, HasSubstr("is not JSON"));
    const auto written = apply(files, ApplyMode::write, ApplyFor::config_write);
    ASSERT_TRUE(written.has_error());
    EXPECT_EQ(written.error().code, ErrorCode::config_conflict);
    EXPECT_EQ(read_bytes(home / "opencode.json"), "{ broken");
}

TEST(Apply, WhatThePinsDoNotNeedOnlyWarnsASession) {
    const TemporaryHome home;
    fs::create_directory(home / "opencode.json");
    fs::create_directory(home / "minimax.config.toml");
    write_bytes(home / ".claude.json", "[]");
    const std::string config = home / "config.toml";
    for (const std::string said : {"profile = \"x\"\n", "[profiles.minimax]\na = 1\n", "env = {\n A = \"1\",\n}\n",
                                   "model_providers = { x = { name = \"X\" } }\n"}) {
        write_bytes(config, said);
        const Applied session = must(apply({toml(config)}, ApplyMode::write, ApplyFor::session));
        ASSERT_EQ(session.warnings.size(), 1U) << said;
        EXPECT_EQ(session.warnings[0].code, "codex.conflict");
        EXPECT_THAT(session.warnings[0].message, HasSubstr(config + ":1: "));
        const auto written = apply({toml(config)}, ApplyMode::write, ApplyFor::config_write);
        ASSERT_TRUE(written.has_error());
        EXPECT_EQ(written.error().code, ErrorCode::config_conflict);
        EXPECT_EQ(read_bytes(config), said);
    }
    for (const auto& [intent, code] :
         {std::pair<FileIntent, std::string>{opencode(home / "opencode.json", std::string("k")), "file.not_written"},
          {file_intent(OwnFileIntent{home / "minimax.config.toml", "x"}), "file.not_written"},
          {file_intent(ClaudeApprovalIntent{home / ".claude.json", "FAKE-tail", "KEY"}), "claude.conflict"}}) {
        const Applied session = must(apply({intent}, ApplyMode::write, ApplyFor::session));
        ASSERT_EQ(session.warnings.size(), 1U) << code;
        EXPECT_EQ(session.warnings[0].code, code);
        EXPECT_TRUE(apply({intent}, ApplyMode::write, ApplyFor::config_write).has_error());
    }
}

TEST(Apply, ASessionDoesWithoutAFileThatItsArgvNames) {
    const TemporaryHome home;
    FileIntent catalog = file_intent(OwnFileIntent{home / "minimax.models.json", "{}"});
    catalog.do_without = [](Plan& plan) { plan.argv.clear(); };
    catalog.loss = "what is lost";
    EXPECT_THAT(must(apply({catalog}, ApplyMode::write, ApplyFor::session)).amend, IsEmpty());
    fs::remove(home / "minimax.models.json");
    fs::create_directory(home / "minimax.models.json");
    const Applied applied = must(apply({catalog}, ApplyMode::write, ApplyFor::session));
    ASSERT_EQ(applied.amend.size(), 1U);
    ASSERT_EQ(applied.warnings.size(), 1U);
    EXPECT_THAT(applied.warnings[0].message, HasSubstr("(what is lost)"));
    EXPECT_TRUE(apply({catalog}, ApplyMode::write, ApplyFor::config_write).has_error());
}

TEST(Apply, FilesThatCannotBeWrittenForOneReasonAreOneWarning) {
    const TemporaryHome home;
    std::vector<FileIntent> files;
    for (const char* name : {"a.config.toml", "b.config.toml", "c.config.toml", "d.models.json"}) {
        fs::create_directory(home / name);
        files.push_back(file_intent(OwnFileIntent{home / name, "x"}));
    }
    files[2].loss = "another loss";
    const Applied applied = must(apply(files, ApplyMode::write, ApplyFor::session));
    ASSERT_EQ(applied.warnings.size(), 2U);
    EXPECT_EQ(applied.warnings[0].message, (home / "a.config.toml") + ", " + (home / "b.config.toml") + ", " +
                                               (home / "d.models.json") +
                                               " is a directory, not a file: move it out of the way, then try again "
                                               "(this session is not affected)");
    EXPECT_THAT(applied.warnings[1].message, HasSubstr("c.config.toml is a directory"));
}

// explain says what spawn will do.
TEST(Apply, APreviewKnowsADirectoryThatCannotBeWrittenTo) {
    const TemporaryHome home;
    fs::permissions(home / "", fs::perms(0555));
    const int before = ::geteuid() == 0 ? ::setfsuid(65534) : -1;  // what root may do to files goes with it
    for (const std::string name : {"opencode.json", "not/there/opencode.json"}) {
        const Applied applied =
            must(apply({opencode(home / name, std::string("k"))}, ApplyMode::preview, ApplyFor::session));
        EXPECT_THAT(applied.files, IsEmpty());
        ASSERT_EQ(applied.warnings.size(), 1U);
        EXPECT_THAT(applied.warnings[0].message, HasSubstr("cannot write " + home / name));
    }
    if (before != -1) ::setfsuid(static_cast<uid_t>(before));
    fs::permissions(home / "", fs::perms(0755));
}

TEST(Apply, APermissionInAnotherFileOfOpencodesIsNotWeakened) {
    const TemporaryHome home;
    OpencodeJsonIntent intent = opencode_json(home / "opencode.json", std::string("{env:ZAI_API_KEY}"));
    intent.merged_files = {home / "config.json", home / "opencode.jsonc"};
    const auto text = [&] {
        must(apply({file_intent(intent)}, ApplyMode::write, ApplyFor::session));
        return read_bytes(home / "opencode.json");
    };
    EXPECT_THAT(text(), HasSubstr("\"permission\": \"allow\""));
    write_bytes(home / "opencode.jsonc", "{ /* mine */ \"permission\": {\"bash\": \"deny\"}, }");
    EXPECT_THAT(text(), Not(HasSubstr("permission")));
    fs::rename(home / "opencode.jsonc", home / "config.json");
    EXPECT_THAT(text(), Not(HasSubstr("permission")));
    write_bytes(home / "config.json", "{\"tools\": {\"bash\": false}}");
    EXPECT_THAT(text(), Not(HasSubstr("permission")));
    write_bytes(home / "config.json", R"({"\u0070ermission": {"bash": "deny"}})");
    EXPECT_THAT(text(), Not(HasSubstr("permission")));
    write_bytes(home / "config.json", "{\"theme\": \"dark\"}");
    EXPECT_THAT(text(), HasSubstr("\"permission\": \"allow\""));
    fs::create_symlink("/proc/self/status", home / "opencode.jsonc");
    EXPECT_THAT(text(), Not(HasSubstr("permission"))) << "OpenCode reads what capsuled does not";
}

TEST(Apply, NoKeysThroughALink) {
    const TemporaryHome home;
    write_bytes(home / "dotfiles.json", "{}");
    fs::create_symlink("dotfiles.json", home / "opencode.json");
    const Applied kept = must(
        apply({opencode(home / "opencode.json", Secret("sk-FAKE-zai-000001"))}, ApplyMode::write, ApplyFor::session));
    EXPECT_EQ(kept.files[0].change, FileChange::unchanged);
    ASSERT_EQ(kept.warnings.size(), 1U);
    EXPECT_EQ(kept.warnings[0].code, "opencode.link");
    EXPECT_EQ(read_bytes(home / "dotfiles.json"), "{}");
    must(apply({opencode(home / "opencode.json", std::string("{env:ZAI_API_KEY}"))}, ApplyMode::write,
               ApplyFor::session));
    EXPECT_THAT(read_bytes(home / "dotfiles.json"), HasSubstr("{env:ZAI_API_KEY}"));
    EXPECT_TRUE(fs::is_symlink(home / "opencode.json"));
}

TEST(HomeFacts, AuthJsonAndDotenvNames) {
    const TemporaryHome home;
    SessionHome session;
    session.home = home.path();
    EXPECT_FALSE(codex_home(read_home_facts(Agent::codex, session)).auth_json);
    EXPECT_THAT(codex_home(read_home_facts(Agent::codex, session)).dotenv_names, IsEmpty());
    fs::create_directory(home / ".codex");
    write_bytes(home / ".codex/auth.json", "{}");
    write_bytes(
        home / ".codex/.env",
        "\xEF\xBB\xBF# NO_1=x\nA=1\r\n  export B = 'x # y'\nexport=5\nC=\"two\nNO_2=lines\\\"\nNO_3=\" # NO_4=1\n"
        "D='it''s\nNO_5=1'\nE=a\\\nF= # comment ' \"\nNO_6\nnot a line = 1\nMINIMAX_API_KEY=sk-cp-FAKE\nG=");
    const CodexHome facts = codex_home(read_home_facts(Agent::codex, session));
    EXPECT_TRUE(facts.auth_json);
    EXPECT_FALSE(claude_home(read_home_facts(Agent::claude, session)).primary_key);
    EXPECT_THAT(facts.dotenv_names, ElementsAre("A", "B", "export", "C", "D", "E", "F", "MINIMAX_API_KEY", "G"));
}

TEST(HomeFacts, ALoginsOwnKeyInClaudesFile) {
    const TemporaryHome home;
    SessionHome session;
    session.home = home.path();
    write_bytes(home / ".claude.json", R"({"primaryApiKey":"sk-ant-FAKE-of-a-login"})");
    EXPECT_TRUE(claude_home(read_home_facts(Agent::claude, session)).primary_key);
    write_bytes(home / ".claude.json", R"({"numStartups":3})");
    EXPECT_FALSE(claude_home(read_home_facts(Agent::claude, session)).primary_key);
}

TEST(HomeFacts, WithoutADescriptorNoFileIsMissing) {
    const TemporaryHome home;
    SessionHome session;
    session.home = home.path();
    fs::create_directory(home / ".codex");
    write_bytes(home / ".codex/auth.json", "{}");
    write_bytes(home / ".claude.json", "{}");
    const HomeVisit visit;
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{0, before.rlim_max};
    for (const Agent agent : {Agent::codex, Agent::claude}) {
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
        EXPECT_THROW(read_home_facts(agent, session), Failure);
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    }
    EXPECT_TRUE(codex_home(read_home_facts(Agent::codex, session)).auth_json) << "the visit remembers it";
    set_time_limit(std::chrono::steady_clock::now() - std::chrono::seconds(1));
    forget_directories();
    EXPECT_THROW(read_home_facts(Agent::codex, session), Failure);
    set_time_limit(std::chrono::steady_clock::time_point::max());
}

/// 0: those of Codex and of Claude Code say so; 1: they do not; 2: a failure.
int tells_of_files_that_do_not_answer(const SessionHome& session) {
    try {
        const HomeVisit visit;
        const HomeFacts codex = read_home_facts(Agent::codex, session);
        const HomeFacts claude = read_home_facts(Agent::claude, session);
        const bool told = codex.unreachable.contains(session.codex_directory() + "/config.toml") &&
                          claude.unreachable.contains(session.claude_json());
        // It may have a login's own key.
        return told && !codex_home(codex).config_file && claude_home(claude).primary_key ? 0 : 1;
    } catch (const Failure&) {
        return 2;
    }
}

// As a FUSE mount whose server has ended: the agent cannot read there either.
TEST(HomeFacts, AHomeThatDoesNotAnswerIsToldAndNoFailure) {
    const TemporaryHome home;
    SessionHome session;
    session.home = home.path();
    fs::create_directory(home / ".codex");
    write_bytes(home / ".codex/config.toml", "model = \"x\"\n");
    write_bytes(home / ".claude.json", "{}");
    for (const long call : {SYS_openat2, SYS_openat, SYS_read})
        for (const int problem : {ENOTCONN, EIO, ESTALE, EMFILE, ENOMEM})
            test::in_child([&] {
                test::forbid(call, problem);
                const bool is_the_daemons_own = problem == EMFILE || problem == ENOMEM;
                EXPECT_EQ(tells_of_files_that_do_not_answer(session), is_the_daemons_own ? 2 : 0)
                    << call << " " << problem;
            });
}

TEST(HomeFacts, ADotenvThatIsNoFileIsNone) {
    const TemporaryHome home;
    fs::create_directories(home / "codex/.env");
    SessionHome session;
    session.home = home.path();
    session.codex_home = home / "codex";
    EXPECT_THAT(codex_home(read_home_facts(Agent::codex, session)).dotenv_names, IsEmpty());
}

}  // namespace
}  // namespace capsule
