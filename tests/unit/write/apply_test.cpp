#include "daemon/write/apply.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/agents/claude/claude_json.hpp"
#include "daemon/agents/codex/own_files.hpp"
#include "daemon/agents/opencode/opencode_json.hpp"
#include "temporary_home.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;
using test::mode_of;
using test::must;
using test::read_bytes;
using test::TemporaryHome;
using test::write_bytes;
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

}  // namespace
}  // namespace capsule
