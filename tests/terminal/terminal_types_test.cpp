// The picker on terminals that are small, change their size, know no colours, or are none that it can use.
#include <sys/stat.h>
#include <unistd.h>

#include "tests/terminal/terminal_test.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class TerminalTypes : public TerminalTest {
  protected:
    /// Forty providers, their labels in more than ASCII.
    static std::string many_providers() {
        std::string config;
        for (int i = 10; i < 50; ++i) {
            const std::string number = std::to_string(i);
            config += "[providers.extra-" + number + "]\nlabel = \"Größe 模型 " + number + "\"\nkey_env = \"EXTRA_" +
                      number + "_KEY\"\n[providers.extra-" + number +
                      ".claude]\nbase_url = \"https://extra.example/api\"\nopus_model = \"m\"\nsonnet_model = "
                      "\"m\"\nhaiku_model = \"m\"\n";
        }
        config += "[env]\n";
        for (int i = 10; i < 50; ++i)
            config += "EXTRA_" + std::to_string(i) + "_KEY = \"FAKE-extra-key-000000" + std::to_string(i) + "\"\n";
        return config;
    }
};

TEST_F(TerminalTypes, ALongListScrolls) {
    start({.env = {}, .config = many_providers()});
    open_terminal({}, {.columns = 80, .rows = 15}).run("capsulectl exec claude");
    terminal().wait_until(AllOf(HasSubstr("41 of 41"), ContainsRegex("\n  Größe 模型 10  m +key …0010\n"),
                                ContainsRegex("\n> Anthropic      the"), Not(HasSubstr("Größe 模型 25"))));
    terminal().press({"NPage", "NPage"});
    terminal().wait_for("> Größe 模型 29");
    terminal().press({"End"});
    terminal().wait_until(AllOf(HasSubstr("> Größe 模型 49"), Not(HasSubstr("Größe 模型 10"))));
    terminal().press({"Home"});
    terminal().wait_for("> Anthropic");
    terminal().type("größe 33");
    terminal().wait_for("1 of 41");
    terminal().press({"Enter"});
    terminal().wait_for("STARTED claude on extra-33");
}

TEST_F(TerminalTypes, FollowsTheTerminalsSizeDownToOneLine) {
    start();
    open_terminal().run("capsulectl exec claude");
    terminal().wait_for("Esc: cancel");
    terminal().press({"Down"});
    terminal().wait_for("> Z.AI");
    for (const Tmux::Size size : {Tmux::Size{40, 8}, {30, 4}, {20, 2}, {12, 1}, {5, 1}}) {
        terminal().resize(size);
        const std::string shown = terminal().wait("the new size", [&](const std::string& screen) {
            const auto lines = std::count(screen.begin(), screen.end(), '\n');
            return lines == size.rows && screen.find("> Z") != std::string::npos;
        });
        EXPECT_EQ(shown.find("Enter: start") != std::string::npos, size.rows >= 5) << shown;
    }
    terminal().resize({100, 30});
    terminal().wait_until(
        AllOf(HasSubstr("Esc: cancel"), HasSubstr("> Z.AI"), ::testing::StartsWith("Claude: which provider?")));
    terminal().press({"Enter"});
    terminal().wait_for("STARTED claude on zai");
}

TEST_F(TerminalTypes, WithoutAUsableTypeTheErrorNamesTheOption) {
    start();
    open_terminal();
    for (const char* variable : {"TERM=dumb", "TERM=of-another-planet", "TERM="}) {
        terminal().run_on_clear_screen(std::string(variable) + " capsulectl exec claude");
        terminal().wait_until(AllOf(HasSubstr("hint:"), HasSubstr("TERM"),
                                    ContainsRegex("capsulectl exec claude --provider ID"),
                                    ContainsRegex("anthropic, zai, *\n? *minimax, kimi")));
        EXPECT_EQ(terminal().wait_for_exit_status(), 2) << variable;
        terminal().run_on_clear_screen(std::string(variable) + " capsulectl exec claude --provider zai");
        terminal().wait_for("STARTED claude on zai");
    }
}

TEST_F(TerminalTypes, NoColourWhereNoColorIsSet) {
    start();
    const auto has_colour = [](const std::string& screen) {
        return screen.find("\x1b[32m") != std::string::npos || screen.find(";32m") != std::string::npos;
    };
    open_terminal().run("capsulectl exec claude");
    terminal().wait_for("Esc: cancel");
    EXPECT_TRUE(has_colour(terminal().screen(true)));
    terminal().press({"Escape"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 130);
    terminal().run("NO_COLOR=1 capsulectl exec claude");
    terminal().wait_for("Esc: cancel");
    EXPECT_FALSE(has_colour(terminal().screen(true)));
}

// What a terminal's type says is written to the terminal as it stands.
TEST_F(TerminalTypes, RootTakesNoneFromAPlaceOfAnotherUsers) {
    if (getuid() != 0) GTEST_SKIP() << "needs root to give a directory away";
    start();
    const std::filesystem::path types = home() / ".terminfo";
    std::filesystem::create_directories(types);
    open_terminal({{"TERMINFO", types.string()}, {"TERMINFO_DIRS", types.string()}});
    terminal().run("infocmp screen | sed 's/^screen[^,]*/made-by-somebody/' | tic -o " + types.string() + " -");
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
    terminal().run_on_clear_screen("TERM=made-by-somebody capsulectl exec claude");
    terminal().wait_for("Esc: cancel");
    terminal().press({"Escape"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 130);
    ASSERT_EQ(chown(home().c_str(), 4711, 4711), 0);
    for (const char* variable : {"TERMINFO", "TERMINFO_DIRS", "HOME"}) {
        terminal().run_on_clear_screen("env -u TERMINFO -u TERMINFO_DIRS -u HOME " + std::string(variable) + "=" +
                                       (variable == std::string("HOME") ? home() : types).string() +
                                       " TERM=made-by-somebody capsulectl exec claude");
        terminal().wait_until(AllOf(HasSubstr("hint:"), HasSubstr("is not known")));
        EXPECT_EQ(terminal().wait_for_exit_status(), 2) << variable;
    }
}

// A locale says how the terminal's characters are read, and by which library. Whoever opens this one waits.
TEST_F(TerminalTypes, RootTakesNoLocaleFromAPlaceOfAnotherUsers) {
    if (getuid() != 0) GTEST_SKIP() << "needs root to give a directory away";
    start();
    const std::filesystem::path locales = home() / "locales";
    for (const char* name : {"C.UTF-8", "C.utf8"}) {
        std::filesystem::create_directories(locales / name);
        ASSERT_EQ(mkfifo((locales / name / "LC_CTYPE").c_str(), 0666), 0);
    }
    ASSERT_EQ(chown(home().c_str(), 4711, 4711), 0);
    open_terminal({{"LOCPATH", locales.string()}}).run("capsulectl exec claude");
    terminal().wait_for("Esc: cancel");
    terminal().press({"Escape"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 130);
    terminal().run_on_clear_screen("capsulectl auth list");
    terminal().wait_for("kimi");
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
}

}  // namespace
}  // namespace capsule::test
