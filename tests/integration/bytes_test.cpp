// Names and texts of others' making may hold any bytes. No answer is lost for one.
#include <chrono>
#include <fstream>
#include <thread>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

class Bytes : public CapsuleTest {
  protected:
    /// Each agent's session, as root and as a launcher ask for it. Gives explain's answers.
    std::string ask_for_sessions(const fs::path& cwd) const {
        std::string explained;
        for (const std::string agent : {"claude", "codex", "opencode"}) {
            for (const std::string provider : {"zai", "minimax"}) {
                for (const std::string command : {"spawn", "explain"}) {
                    const Outcome outcome =
                        ctl({command, agent, "--provider", provider, "--cwd", cwd.string(), "--json"});
                    EXPECT_EQ(outcome.exit_code, 0) << agent << " " << command << ": " << outcome.err;
                    if (command == "explain") explained += outcome.out;
                }
            }
        }
        return explained;
    }
};

void write_into(const fs::path& file) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << (file.extension() == ".toml" ? "name = \"x\"\nmodel = \"y\"\nmodel_provider = \"x\"\n"
                                                        : "---\nmodel: x\xff\n---\nhello\n");
}

TEST_F(Bytes, ARepositorysFileNamesAreTold) {
    start();
    const fs::path repository = dir_ / "repository";
    fs::create_directories(repository / ".git");
    fs::permissions(repository, fs::perms::all);  // as /tmp above it: else OpenCode does not start there
    for (const char* name : {".claude/agents/N.md", ".claude/commands/N.md", ".claude/skills/N/SKILL.md",
                             ".claude/N.json", ".codex/agents/N.toml", ".codex/N.config.toml", ".opencode/agent/N.md",
                             ".opencode/agents/N.md", ".opencode/mode/N.md", ".opencode/modes/N.md",
                             ".opencode/command/N.md", ".opencode/plugin/N.js", ".opencode/plugins/N.js"}) {
        std::string path = name;
        write_into(repository / path.replace(path.find('N'), 1, "n\xff"));
    }
    const std::string explained = ask_for_sessions(repository);
    for (const char* told : {R"(.claude/agents/n\\xff.md)", R"(.codex/agents/n\\xff.toml)",
                             R"(.opencode/agent/n\\xff.md)", R"(.opencode/plugin/n\\xff.js)"})
        EXPECT_THAT(explained, HasSubstr(told));
}

TEST_F(Bytes, NorDoWhatFilesHoldOrWhereLinksGoMatter) {
    start();
    const fs::path repository = dir_ / "repository";
    fs::create_directories(repository / ".git");
    fs::permissions(repository, fs::perms::all);
    for (const fs::path& top : {repository, home()}) {
        for (const char* name :
             {".claude/settings.json", ".mcp.json", ".codex/config.toml", "opencode.json", ".opencode/opencode.jsonc",
              ".config/opencode/opencode.json", ".local/share/opencode/auth.json"}) {
            fs::create_directories((top / name).parent_path());
            std::ofstream(top / name) << "{\"model\": \"\xff\", \"env\": {\"ANTHROPIC_BASE_URL\": \"\xff\"}}";
        }
    }
    fs::remove(home() / ".codex/config.toml");  // one of the home's own that is broken is refused, see files_test.cpp
    fs::remove_all(home() / ".config");
    ask_for_sessions(repository);
    for (const char* name : {".codex/config.toml", ".claude.json", ".config/opencode/opencode.json"}) {
        fs::create_directories((home() / name).parent_path());
        fs::remove(home() / name);
        fs::create_symlink("nowhere/\xff", home() / name);
        for (const std::string agent : {"claude", "codex", "opencode"}) {
            const Outcome outcome = ctl({"spawn", agent, "--provider", "zai", "--json"});
            EXPECT_THAT(outcome.err, ::testing::Not(HasSubstr("JSON"))) << name;
        }
        fs::remove(home() / name);
    }
}

TEST_F(Bytes, AVersionKeepsNobodyFromTheStatus) {
    std::ofstream(agents_.bin() / "opencode") << "#!/bin/sh\nprintf '1.0\\377\\033[2J\\n'\n";
    start();
    // The answer that starts the look-up is without it. A later one has it, within the limit of a program at worst.
    std::string told;
    for (int i = 0; i < 400 && told.find("\"1.0") == told.npos; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        const Outcome outcome = ctl({"status", "--json"});
        ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
        told = outcome.out;
    }
    EXPECT_THAT(told, HasSubstr("\"1.0? [2J\""));
}

}  // namespace
}  // namespace capsule::test
