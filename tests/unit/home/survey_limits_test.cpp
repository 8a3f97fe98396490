// How much is looked at of the settings around a session.
#include <gmock/gmock.h>

#include "daemon/home/found_settings.hpp"
#include "tests/support/many_members.hpp"
#include "tests/unit/home/settings_survey_fixture.hpp"

namespace capsule::test {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;

TEST_F(SettingsSurvey, NamesAFileOfCodexsThatCapsuledDoesNotRead) {
    const std::string server = "[mcp_servers.x]\ncommand = \"x\"\n";
    std::string long_key = "a";
    for (int part = 0; part < 32; ++part)
        long_key += ".a";
    for (const auto& [text, why] :
         {std::pair<std::string, std::string>{long_key + " = 1\n" + server, "a key in it has more than 32 parts"},
          {server + "#" + std::string(256 * 1024, 'x'), "it has more than 256 KiB"},
          {"a = \"\\e\"\n" + server, "capsuled cannot read it as TOML"}}) {
        write("/repo/.codex/config.toml", text);
        EXPECT_THAT(survey(Agent::codex, "/repo"),
                    ElementsAre("/repo/.codex/config.toml: cannot be looked at: " + why));
    }
}

TEST_F(SettingsSurvey, ReadsSoManyFilesAndNoMore) {
    for (int i = 0; i < 300; ++i)
        write("/repo/.claude/agents/" + std::to_string(i) + ".md", "---\nmodel: x\n---\n");
    EXPECT_EQ(survey(Agent::claude, "/repo").size(), survey_files + 1) << "and one that says that there are more";
}

TEST_F(SettingsSurvey, SoManyInAllAndNotInEachDirectory) {
    write("/repo/.git/HEAD", "");
    for (int i = 0; i < 200; ++i)
        for (const char* where : {"/repo", "/repo/sub"})
            write(where + ("/.claude/agents/" + std::to_string(i)) + ".md", "---\nmodel: x\n---\n");
    fs::permissions(top() + "/repo/sub", fs::perms::all);
    const auto found = survey(Agent::claude, "/repo/sub");
    EXPECT_EQ(found.size(), survey_files + 1);
    EXPECT_THAT(found.back(), HasSubstr("cannot be looked at: more than"));
    EXPECT_THAT(plan.warnings.back().message, HasSubstr("not all of them were looked at"));
}

// Each name of a thousand directories would be kept.
TEST_F(SettingsSurvey, BehindTheLastFileNoDirectoryIsListed) {
    write("/repo/.git/HEAD", "");
    for (std::size_t i = 0; i <= survey_files + 2; ++i)
        for (const char* where : {"/repo", "/repo/sub"})
            write(where + ("/.claude/agents/" + std::to_string(i)) + ".md", "---\nmodel: x\n---\n");
    fs::permissions(top() + "/repo/sub", fs::perms::all);
    const auto found = survey(Agent::claude, "/repo/sub");
    EXPECT_EQ(found.size(), survey_files + 1) << "the second directory would be one that has too many, too";
}

// Each of those that are listed has its file's path with it, as JSON in six times the bytes.
TEST_F(SettingsSurvey, ListsSoManyBytesAndCountsTheRest) {
    std::string servers = R"({"mcp": {)";
    for (int i = 0; i < 60; ++i)
        servers += (i == 0 ? "\"" : ", \"") + std::string(58, 'a') + std::to_string(i) + "\": 1";
    std::string cwd = "/repo";
    for (int i = 0; i < 16; ++i) {
        cwd += "/" + std::string(128, '\x01');
        for (const char* name : {"/opencode.json", "/opencode.jsonc"})
            write(cwd + name, servers + "}}");
    }
    fs::create_directories(top() + "/repo/" + std::string(128, '\x01') + "/.git");
    write("/home/.config/opencode/opencode.json", R"({"model": "x/y"})");
    Route route{Agent::opencode, &provider, false, Located<std::string>{"m", "catalog"}, {}};
    const auto found = survey_session(home, top() + cwd, route, ProjectSettings::allow, HomeFacts(), plan);
    std::vector<std::string> texts;
    for (const FoundSetting& each : found)
        texts.insert(texts.end(), {each.path, each.member, each.effect, each.neutralised_by.value_or("")});
    EXPECT_LT(bytes_of(texts), 2 * most_found_bytes);
    EXPECT_THAT(found.front().path, ::testing::EndsWith("/home/.config/opencode/opencode.json"));
    EXPECT_EQ(found.back().path, "…");
    EXPECT_THAT(found.back().effect, ::testing::MatchesRegex("and [0-9]+ more that have.*"));
    std::vector<std::string> messages;
    for (const Warning& each : plan.warnings)
        messages.push_back(each.message);
    EXPECT_LT(bytes_of(messages), 3 * most_warned_bytes);
    EXPECT_THAT(messages.back(), ::testing::MatchesRegex("and [0-9]+ more of the project's files .*"));
}

}  // namespace
}  // namespace capsule::test
