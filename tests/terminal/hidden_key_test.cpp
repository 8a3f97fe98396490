// capsulectl auth set asks for the key without showing it.
#include "tests/terminal/terminal_test.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class HiddenKey : public TerminalTest {
  protected:
    static constexpr std::string_view prompt = "it does not show";

    void SetUp() override {
        TerminalTest::SetUp();
        start({.env = {}});
        open_terminal();
    }
    std::string key_state(std::string_view provider) const {
        return json::serialize(find_by(at(call("auth.list"), "/rows"), "provider", provider));
    }
    void expect_echo() const {
        terminal().run_on_clear_screen("stty -a | grep -o -- '[-]*echo ' ; echo 'this' is seen");
        terminal().wait_until(HasSubstr("\necho\nthis is seen"));
    }
};

TEST_F(HiddenKey, IsStoredAndNeverOnTheScreen) {
    terminal().run("capsulectl auth set zai");
    terminal().wait_for(prompt);
    terminal().type(keys::zai);
    terminal().press({"Enter"});
    terminal().wait_until(
        AllOf(HasSubstr("New sessions use it"), HasSubstr("…0004"), HasSubstr("capsulectl exec AGENT --provider zai")));
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
    EXPECT_THAT(key_state("zai"), HasSubstr("present"));
    expect_echo();
}

TEST_F(HiddenKey, IsInNoCoreFile) {
    terminal().run("ulimit -c unlimited; sh -c 'echo $$ >pid; exec capsulectl auth set zai'");
    terminal().wait_for(prompt);
    kill(std::stoi(read_file(project() / "pid")), SIGABRT);
    terminal().wait_for("Aborted");
    EXPECT_THAT(terminal().screen(), Not(HasSubstr("core dumped")));
    terminal().run("stty sane");
}

TEST_F(HiddenKey, TakesCorrectionsByBackspace) {
    terminal().run("capsulectl auth set zai");
    terminal().wait_for(prompt);
    terminal().type("FAKE-zai-000000000000007xy");
    terminal().press({"BSpace", "BSpace"});
    terminal().type("89");
    terminal().press({"Enter"});
    terminal().wait_for("…0789");
}

TEST_F(HiddenKey, TakesAPasteWithItsLineEnd) {
    terminal().run("capsulectl auth set zai");
    terminal().wait_for(prompt);
    terminal().type(std::string(keys::zai) + "\n");
    terminal().wait_for("…0004");
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
}

TEST_F(HiddenKey, CtrlCCancelsAndBringsTheEchoBack) {
    for (const char* key : {"C-c", "C-\\"}) {
        terminal().run_on_clear_screen("capsulectl auth set zai");
        terminal().wait_for(prompt);
        terminal().type("FAKE-half-a-k");
        terminal().press({key});
        EXPECT_EQ(terminal().wait_for_exit_status(), 130) << key;
        expect_echo();
    }
    EXPECT_THAT(key_state("zai"), HasSubstr("absent"));
}

TEST_F(HiddenKey, NothingTypedIsAUsageErrorThatSaysWhatToDo) {
    for (const char* key : {"Enter", "C-d"}) {
        terminal().run_on_clear_screen("capsulectl auth set zai");
        terminal().wait_for(prompt);
        terminal().press({key});
        terminal().wait_until(AllOf(HasSubstr("no key was given"), HasSubstr("type or paste it")));
        EXPECT_EQ(terminal().wait_for_exit_status(), 2) << key;
    }
    expect_echo();
}

TEST_F(HiddenKey, WhiteSpaceInsideIsRefused) {
    terminal().run("capsulectl auth set zai");
    terminal().wait_for(prompt);
    terminal().type("FAKE-two words");
    terminal().press({"Enter"});
    terminal().wait_for("white space");
    EXPECT_EQ(terminal().wait_for_exit_status(), 2);
    EXPECT_THAT(key_state("zai"), HasSubstr("absent"));
}

TEST_F(HiddenKey, WarnsOfAShapeThatIsNotTheProviders) {
    terminal().run("capsulectl auth set minimax");
    terminal().wait_for(prompt);
    terminal().type("FAKE-not-of-a-subscription");
    terminal().press({"Enter"});
    terminal().wait_until(AllOf(HasSubstr("New sessions use it"), HasSubstr("sk-cp-")));
    EXPECT_EQ(terminal().wait_for_exit_status(), 0);
}

TEST_F(HiddenKey, ComesFromAPipeWithoutAPrompt) {
    write_file(project() / "key", std::string(keys::kimi) + "\n");
    terminal().run("capsulectl auth set kimi <key");
    terminal().wait_until(AllOf(HasSubstr("New sessions use it"), HasSubstr("…0006"), Not(HasSubstr(prompt))));
}

TEST_F(HiddenKey, AReferenceIsStoredInsteadOfAKeyAndNothingIsAsked) {
    terminal().run("capsulectl auth set zai --op op://Private/zai/key");
    terminal().wait_until(AllOf(HasSubstr("New sessions use it"), HasSubstr("not read yet"), Not(HasSubstr(prompt))));
    terminal().run_on_clear_screen("capsulectl auth set zai --op op://Private");
    terminal().wait_for("no valid op:// reference");
    EXPECT_EQ(terminal().wait_for_exit_status(), 2);
}

}  // namespace
}  // namespace capsule::test
