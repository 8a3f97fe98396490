// What bash puts on the line at TAB.
#include "tests/terminal/terminal_test.hpp"

namespace capsule::test {
namespace {

namespace fs = std::filesystem;

class CompletionAtTheTerminal : public TerminalTest {
  protected:
    void SetUp() override {
        TerminalTest::SetUp();
        start();
        open_terminal();
        terminal().run("PS1='bash> ' bash --norc");
        terminal().wait_for("bash>");
        terminal().type("source <(capsulectl completion bash); echo 'completion' is there\n");
        terminal().wait_for("\ncompletion is there");
    }
    /// Types this, TAB and Enter. Comes back when the command has ended.
    void complete_and_run(std::string_view words, std::string_view completed) {
        terminal().type(words);
        terminal().press({"Tab"});
        terminal().wait_for(completed);
        terminal().press({"Enter"});
        const std::string ended = std::to_string(++commands_) + " has ended";
        terminal().type("echo " + std::to_string(commands_) + "' has' ended\n");
        terminal().wait_for("\n" + ended);
    }

  private:
    int commands_ = 0;
};

TEST_F(CompletionAtTheTerminal, AFilesNameRunsNothing) {
    fs::create_directory(project() / "work$(touch${IFS}ran)");
    complete_and_run("capsulectl exec claude --provider zai --cwd wo", R"(--cwd work\$\(touch\$\{IFS\}ran\))");
    EXPECT_FALSE(fs::exists(project() / "ran"));
}

// bash expands the word to find the file, and looks at what it has found once more.
TEST_F(CompletionAtTheTerminal, NorDoesOneBehindAVariable) {
    fs::create_directory(project() / "work${x[$(touch ran)]}");
    for (const char* word : {"--cwd $PWD/wo", "--cwd=$PWD/wo", "--cwd ${PWD}/wo"}) {
        terminal().type("capsulectl exec claude --provider none " + std::string(word));
        terminal().press({"Tab", "C-a"});
        terminal().type("echo 'before' '" + std::string(word) + "' #");
        terminal().press({"Enter"});
        terminal().wait_for("\nbefore " + std::string(word));
    }
    EXPECT_FALSE(fs::exists(project() / "ran"));
}

TEST_F(CompletionAtTheTerminal, AFilesNameWithABlankIsOneWord) {
    fs::create_directory(project() / "my work");
    complete_and_run("capsulectl exec claude --provider zai --cwd my", R"(--cwd my\ work/)");
    EXPECT_THAT(terminal().screen(), ::testing::HasSubstr("STARTED claude on zai"));
    complete_and_run("capsulectl exec codex --provider minimax --cwd=my", R"(--cwd=my\ work/)");
    EXPECT_THAT(terminal().screen(), ::testing::HasSubstr("STARTED codex on minimax"));
}

}  // namespace
}  // namespace capsule::test
