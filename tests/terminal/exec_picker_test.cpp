// capsulectl exec asks a person at a terminal which provider and which agent.
#include <unistd.h>

#include "tests/terminal/terminal_test.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

class ExecPicker : public TerminalTest {
  protected:
    static constexpr std::string_view question = "Claude: which provider?";
    static constexpr std::string_view last_line = "Esc: cancel";

    /// A key for Z.AI and MiniMax, none for Kimi.
    void start_with_two_keys(std::string config = {}) {
        start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}, {"MINIMAX_API_KEY", std::string(keys::minimax)}},
               .config = std::move(config)});
    }
    void expect_started(std::string_view on) const {
        terminal().wait_for("STARTED " + std::string(on));
        EXPECT_EQ(terminal().wait_for_exit_status(), 0);
    }
};

TEST_F(ExecPicker, ShowsEachChoiceWithItsModelAndKeyAndWhatIsMissing) {
    start_with_two_keys();
    open_terminal().run("capsulectl exec claude");
    const std::string shown = terminal().wait_for(last_line);
    EXPECT_THAT(shown, ::testing::ContainsRegex("> Anthropic +the agent's own +own account"));
    EXPECT_THAT(shown, ::testing::ContainsRegex("  Z.AI +glm-5.3 +key …0004"));
    EXPECT_THAT(shown, ::testing::ContainsRegex("  MiniMax +MiniMax-M3 +key …0005"));
    EXPECT_THAT(shown, AllOf(HasSubstr("Not available:"), HasSubstr("Kimi: there is no key for Kimi"),
                             HasSubstr("get one at https://www.kimi.com/code/console"),
                             HasSubstr("capsulectl auth set kimi"), HasSubstr("3 of 3")));
    terminal().press({"Escape"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 130);
}

TEST_F(ExecPicker, LooksAsTheGuideShowsIt) {
    const std::string guide = read_file(fs::path(CAPSULE_TEST_DATA) / "../../docs/guides/providers.md");
    const std::string opening = "```text\n";
    const std::size_t begin = guide.find(opening) + opening.size();
    start({.env = {{"ZAI_API_KEY", "FAKE-zai-key-0001"}}});
    write_file(memory(),
               R"({"choices":[{"directory":")" + project().string() + R"(","agent":"claude","provider":"zai"}]})");
    open_terminal().run("capsulectl exec claude");
    const std::string shown = terminal().wait_for(last_line);
    EXPECT_EQ(shown.substr(0, shown.find_last_not_of('\n') + 2), guide.substr(begin, guide.find("```", begin) - begin));
}

// They may be another user's word, and memory is taken for a screen of that size.
TEST_F(ExecPicker, LinesAndColumnsOfTheEnvironmentAreNotTheTerminals) {
    start_with_two_keys();
    open_terminal();
    for (const char* size : {"LINES=3 COLUMNS=9", "LINES=8000 COLUMNS=8000"}) {
        terminal().run_on_clear_screen("(ulimit -v 1000000; " + std::string(size) + " capsulectl exec claude)");
        EXPECT_THAT(terminal().wait_for(last_line), HasSubstr(question));
        terminal().press({"Escape"});
        EXPECT_EQ(terminal().wait_for_exit_status(), 130);
    }
}

TEST_F(ExecPicker, EnterStartsTheAgentOnWhatTheArrowsChose) {
    start_with_two_keys();
    open_terminal().run("capsulectl exec claude");
    terminal().wait_for("> Anthropic");
    terminal().press({"Down"});
    terminal().wait_for("> Z.AI");
    terminal().press({"Down", "Down", "Down"});
    terminal().wait_for("> MiniMax");
    terminal().press({"Up"});
    terminal().wait_for("> Z.AI");
    terminal().press({"Enter"});
    expect_started("claude on zai");
    EXPECT_EQ(terminal().title(), "Claude (Z.AI)");
    EXPECT_THAT(terminal().screen(), Not(HasSubstr(question))) << "what was on the screen is back";
}

TEST_F(ExecPicker, TypingFilters) {
    start_with_two_keys();
    open_terminal().run("capsulectl exec claude");
    terminal().wait_for(question);
    terminal().type("MINI");
    terminal().wait_until(AllOf(HasSubstr("1 of 3"), HasSubstr("Filter: MINI_"), HasSubstr("> MiniMax"),
                                Not(HasSubstr("Z.AI")), Not(HasSubstr("Anthropic"))));
    terminal().type("q");
    terminal().wait_for("nothing matches");
    terminal().press({"Enter"});  // on nothing: it stays
    terminal().press({"BSpace"});
    terminal().wait_for("> MiniMax");
    terminal().press({"Enter"});
    expect_started("claude on minimax");
}

TEST_F(ExecPicker, AFilterThatLeavesOnlyARefusalSaysWhyAndHowToGetAKey) {
    start_with_two_keys();
    open_terminal().run("capsulectl exec claude");
    terminal().wait_for(question);
    terminal().type("kimi");
    terminal().wait_until(AllOf(HasSubstr("nothing matches"), HasSubstr("capsulectl auth set kimi")));
    terminal().press({"C-u"});
    terminal().wait_for("3 of 3");
    terminal().press({"C-c"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 130);
}

TEST_F(ExecPicker, CancelledItLeavesTheTerminalAsItWas) {
    start_with_two_keys();
    open_terminal().run("stty -a >before; echo a line from before");
    terminal().wait_for("\na line from before");
    for (const char* key : {"Escape", "C-c", "C-d"}) {
        terminal().run("capsulectl exec claude");
        terminal().wait_for(question);
        terminal().press({key});
        EXPECT_EQ(terminal().wait_for_exit_status(), 130) << key;
        terminal().run("stty -a >after; cmp before after && echo \"the\" same");
        terminal().wait_until(AllOf(HasSubstr("\nthe same"), HasSubstr("a line from before")));
        terminal().run_on_clear_screen("echo a line from before");
    }
}

TEST_F(ExecPicker, ASignalLeavesTheTerminalAsItWas) {
    start_with_two_keys();
    open_terminal().run(
        "stty -a >before; sh -c 'echo $$ >pid; exec capsulectl exec claude'; stty -a >after; "
        "cmp before after && echo \"the\" same");
    terminal().wait_for(question);
    ASSERT_EQ(kill(std::stoi(read_file(project() / "pid")), SIGTERM), 0);
    terminal().wait_for("\nthe same");
}

TEST_F(ExecPicker, TheLastChoiceOfADirectoryIsPreselectedThere) {
    start_with_two_keys();
    open_terminal().run("capsulectl exec claude");
    terminal().wait_for("> Anthropic");
    terminal().press({"End"});
    terminal().wait_for("> MiniMax");
    terminal().press({"Enter"});
    expect_started("claude on minimax");
    EXPECT_EQ(mode_of(memory()), 0600U);
    EXPECT_THAT(read_file(memory()), AllOf(HasSubstr("minimax"), Not(HasSubstr(keys::mark))));

    terminal().run("capsulectl exec claude");
    terminal().wait_for("> MiniMax");
    terminal().press({"Escape"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 130);
    fs::create_directories(dir_ / "elsewhere");
    terminal().run("cd ../elsewhere && capsulectl exec claude");
    terminal().wait_for("> Anthropic");
    terminal().press({"Escape"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 130);
}

TEST_F(ExecPicker, RootRemembersNothingInAPlaceOfAnotherUsers) {
    if (getuid() != 0) GTEST_SKIP() << "needs root to give a directory away";
    start_with_two_keys();
    write_file(memory(),
               R"({"choices":[{"directory":")" + project().string() + R"(","agent":"claude","provider":"minimax"}]})");
    const std::string theirs = read_file(memory());
    ASSERT_EQ(chown(memory().parent_path().c_str(), 4711, 4711), 0);
    open_terminal().run("capsulectl exec claude");
    terminal().wait_for("> Anthropic");
    terminal().press({"Down"});
    terminal().wait_for("> Z.AI");
    terminal().press({"Enter"});
    expect_started("claude on zai");
    EXPECT_EQ(read_file(memory()), theirs);

    // Of such a place it would be asked from / on, and written to from the working directory on.
    terminal().run("STATE_DIRECTORY=state capsulectl exec claude");
    terminal().wait_for("> Anthropic");
    terminal().press({"Enter"});
    expect_started("claude on anthropic");
    EXPECT_FALSE(fs::exists(project() / "state"));
}

TEST_F(ExecPicker, AMemoryThatIsCorruptIsIgnoredAndReplaced) {
    start_with_two_keys();
    write_file(memory(), "{\"choices\": [{\"directory\": 7}, nonsense");
    open_terminal().run("capsulectl exec claude");
    terminal().wait_for("> Anthropic");
    terminal().press({"Down", "Enter"});
    expect_started("claude on zai");
    EXPECT_THAT(read_file(memory()), HasSubstr(R"("provider":"zai")"));
}

TEST_F(ExecPicker, TheConfiguredDefaultIsTakenUnlessOneWantsToChoose) {
    start_with_two_keys("[claude]\nprovider = \"minimax\"\n");
    open_terminal().run("capsulectl exec claude");
    expect_started("claude on minimax");
    EXPECT_THAT(terminal().screen(),
                AllOf(HasSubstr("Claude (MiniMax): the default of "), HasSubstr("--choose"), Not(HasSubstr(question))));
    terminal().run_on_clear_screen("capsulectl exec claude --choose");
    terminal().wait_for("> MiniMax");
    terminal().press({"Enter"});
    expect_started("claude on minimax");
}

TEST_F(ExecPicker, WithoutAnAgentItAsksForOneFirst) {
    start_with_two_keys();
    agents_.remove("codex");
    open_terminal().run("capsulectl exec --model some-model");
    terminal().wait_until(AllOf(HasSubstr("Which agent?"), HasSubstr("> Claude"), HasSubstr("  OpenCode"),
                                HasSubstr("Codex: not installed")));
    terminal().press({"Down", "Enter"});
    terminal().wait_until(AllOf(HasSubstr("> Z.AI"), HasSubstr("OpenCode: which provider?")));
    terminal().press({"Enter"});
    expect_started("opencode on zai");
    terminal().run("capsulectl exec");
    terminal().wait_for("> OpenCode");
    terminal().press({"C-c"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 130);
}

TEST_F(ExecPicker, FromTheProviderTheLeftArrowGoesBackToTheAgent) {
    start_with_two_keys();
    open_terminal().run("capsulectl exec");
    terminal().wait_for("Which agent?");
    terminal().press({"Down", "Enter"});
    terminal().wait_until(AllOf(HasSubstr("Codex: which provider?"), HasSubstr("Left: back")));
    terminal().press({"Left"});
    terminal().wait_until(AllOf(HasSubstr("Which agent?"), HasSubstr("> Codex"), Not(HasSubstr("Left: back"))));
    terminal().press({"Up", "Enter"});
    terminal().wait_for("Claude: which provider?");
    terminal().press({"Down", "Enter"});
    expect_started("claude on zai");
}

TEST_F(ExecPicker, AnAgentThatTheNamedProviderCannotServeIsNotOffered) {
    start_with_two_keys("[providers.zai.codex]\nblocked = \"not this month\"\n");
    open_terminal().run("capsulectl exec --provider zai");
    terminal().wait_until(AllOf(HasSubstr("Which agent?"), HasSubstr("2 of 2"), HasSubstr("Codex: blocked on zai")));
    terminal().press({"Enter"});
    expect_started("claude on zai");
}

TEST_F(ExecPicker, NothingIsAskedWhereThereIsNothingToChoose) {
    start();
    open_terminal().run("capsulectl exec claude --provider kimi");
    expect_started("claude on kimi");
    stop();
    start({.env = {}});
    for (const char* agent : {"codex", "opencode"})
        agents_.remove(agent);
    terminal().run_on_clear_screen("capsulectl exec");
    expect_started("claude on anthropic");
    EXPECT_EQ(terminal().title(), "Claude");
    agents_.remove("claude");
    terminal().run_on_clear_screen("capsulectl exec");
    terminal().wait_for("there is no agent to start");
    EXPECT_EQ(terminal().wait_for_exit_status(), 1);
}

TEST_F(ExecPicker, WithoutATerminalTheDefaultIsTakenAndNothingIsAsked) {
    start_with_two_keys();
    open_terminal().run("capsulectl exec claude </dev/null; capsulectl exec claude | cat");
    terminal().wait("two starts", [](const std::string& shown) {
        const std::size_t first = shown.find("STARTED claude on anthropic");
        return first != std::string::npos && shown.find("STARTED claude on anthropic", first + 1) != std::string::npos;
    });
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
    EXPECT_FALSE(fs::exists(memory()));
    terminal().run_on_clear_screen("capsulectl exec opencode </dev/null");
    terminal().wait_for("several providers (zai, minimax)");
    EXPECT_EQ(terminal().wait_for_exit_status(), 2);
    terminal().run_on_clear_screen("capsulectl exec </dev/null");
    terminal().wait_for("which agent?");
    EXPECT_EQ(terminal().wait_for_exit_status(), 2);
    terminal().run_on_clear_screen("capsulectl --json exec claude");
    expect_started("claude on anthropic");
}

/// Whoever has installed capsuled and has no key does what `capsulectl auth` says, word for word.
TEST_F(ExecPicker, ANewcomerGetsFromAuthToASession) {
    start({.env = {}});
    open_terminal({}, {.columns = 100, .rows = 60}).run("capsulectl auth");
    terminal().wait_until(AllOf(HasSubstr("From here to a session:"),
                                HasSubstr("https://z.ai/manage-apikey/apikey-list"),
                                HasSubstr("2.  capsulectl auth set PROVIDER"), HasSubstr("3.  capsulectl exec ")));
    terminal().run("capsulectl auth set zai");
    terminal().wait_for("it does not show");
    terminal().type(keys::zai);
    terminal().press({"Enter"});
    terminal().wait_for("New sessions use it");
    terminal().run("capsulectl exec");
    terminal().wait_for("> Claude");
    terminal().press({"Enter"});
    terminal().wait_for("Claude: which provider?");
    terminal().type("z.ai");
    terminal().wait_for("> Z.AI");
    terminal().press({"Enter"});
    expect_started("claude on zai");
}

TEST_F(ExecPicker, NoTitleLeavesTheTitleAlone) {
    start_with_two_keys();
    const std::string before = open_terminal().title();
    terminal().run("capsulectl exec claude --no-title");
    terminal().wait_for(question);
    terminal().press({"Down", "Enter"});
    expect_started("claude on zai");
    EXPECT_EQ(terminal().title(), before);
}

}  // namespace
}  // namespace capsule::test
