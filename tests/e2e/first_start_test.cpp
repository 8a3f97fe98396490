// The first start in a home where no agent ever ran, as a person sees it: no login, no question about a key, no other
// account. What is asked about looks and trust stays the person's to answer; the answers are given here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <regex>
#include <thread>

#include "tests/e2e/cells.hpp"
#include "tests/e2e/processes.hpp"
#include "tests/e2e/terminal.hpp"
#include "tests/support/temp_dir.hpp"

namespace capsule::e2e {

namespace {

using std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds(300);  // two busy cores take their time
constexpr auto pace = std::chrono::milliseconds(200);
constexpr auto enter_again_after = std::chrono::seconds(10);

/// A question that is not about the account, and the key that answers it.
struct Question {
    std::string text;
    std::string key;
};

struct Manners {
    std::string agent;
    std::vector<Question> questions;
    std::string prompt;  ///< a regular expression: on the screen, it waits for a person to type
};

const std::vector<Manners>& manners() {
    static const std::vector<Manners> all{
        {"claude",
         {{"Choose the text style", "Enter"},
          {"Security notes", "Enter"},
          {"❯ No, exit", "Down"},  // what 2.1.332 has chosen at first
          {"❯ Yes, I trust this folder", "Enter"},
          {"❯ 1. Yes", "Enter"}},
         R"(\? for shortcuts|shift\+tab to cycle)"},
        {"codex", {{"Trust this folder?", "Enter"}}, "Ask Codex to do anything"},
        {"opencode", {}, "Ask anything"},
    };
    return all;
}

/// What no first start may show.
const std::regex about_the_account(
    "log ?in|sign in|select login|subscription|API key|paste (the )?code|oauth|api\\.anthropic\\.com|auth login",
    std::regex::icase);

class FirstStart : public testing::TestWithParam<Cell> {
  protected:
    const Manners& manner() const {
        return *std::find_if(manners().begin(), manners().end(),
                             [](const Manners& each) { return each.agent == GetParam().agent; });
    }

    /// Looks until `done` says so of the screen, and answers what is the person's to answer, each question once: Codex
    /// asks about trust only when there is a prompt. Notes the processes' environments, and anything about the account.
    template <class Done>
    bool look_until(const Terminal& terminal, AgentRun& run, Done done) {
        const auto end = steady_clock::now() + patience;
        while (steady_clock::now() < end) {
            note_environments(terminal.process(), run.processes);
            run.out = terminal.screen();
            std::smatch found;
            if (std::regex_search(run.out, found, about_the_account)) {
                ADD_FAILURE() << "it asks about the account: \"" << found.str() << "\" in\n" << run.out;
                return false;
            }
            if (!answer(terminal, run.out) && done(run.out)) return true;
            std::this_thread::sleep_for(pace);
        }
        ADD_FAILURE() << "not in time; the screen shows\n" << run.out;
        return false;
    }

    World world;

  private:
    bool answer(const Terminal& terminal, const std::string& screen) {
        const auto shown = [&](const Question& question) { return screen.find(question.text) != std::string::npos; };
        const auto asked = std::find_if(open_.begin(), open_.end(), shown);
        // A key that is pressed before the agent reads the terminal is lost: the question stays.
        const bool again = asked == open_.end() && answered_ && shown(*answered_) && steady_clock::now() > again_at_;
        if (asked == open_.end() && !again) return false;
        if (!again) {
            answered_ = *asked;
            open_.erase(asked);
        }
        terminal.press(answered_->key);
        again_at_ = steady_clock::now() + enter_again_after;
        return true;
    }

    std::optional<Question> answered_{};
    steady_clock::time_point again_at_{};
    std::vector<Question> open_ = manner().questions;
};

/// The screen shall not say that the session is on another model.
void plant_another_name(const std::filesystem::path& repository, const Cell& cell) {
    test::write_file(repository / "opencode.json", R"({"provider": {")" + cell.provider + R"(": {"models": {")" +
                                                       cell.models.front() + R"(": {"name": "evil-name"}}}}})");
}

std::vector<Cell> alternative_cells() {
    std::vector<Cell> chosen;
    for (const Cell& cell : cells())
        if (cell.provider != "anthropic" && cell.provider != "openai") chosen.push_back(cell);
    return chosen;
}

}  // namespace

TEST_P(FirstStart, ReachesThePromptAndAnswersWithoutALogin) {
    const bool names_its_model = GetParam().agent == "opencode";
    if (names_its_model) plant_another_name(world.repository(), GetParam());
    world.start_daemon();
    AgentRun run;
    {
        const auto terminal = world.open_terminal(GetParam().agent, GetParam().provider);
        const std::regex waits(manner().prompt);
        const auto waiting = [&](const std::string& screen) { return std::regex_search(screen, waits); };
        if (!look_until(*terminal, run, waiting)) return;
        if (names_its_model) {
            EXPECT_THAT(run.out, testing::HasSubstr(GetParam().models.front()));
            EXPECT_THAT(run.out, testing::Not(testing::HasSubstr("evil")));
        }
        const std::string prompt = "[[say the-stand-in-answered]]";
        terminal->type(prompt);
        const auto shows = [](const std::string& text) {
            return [text](const std::string& screen) { return screen.find(text) != std::string::npos; };
        };
        if (!look_until(*terminal, run, shows(prompt))) return;
        // The answer, which the brackets of the prompt do not follow.
        const std::regex answer("the-stand-in-answered([^\\]]|$)");
        // Enter right after typing may be taken for a part of pasted text; a person presses it again.
        steady_clock::time_point next_enter{};
        const auto answered = [&](const std::string& screen) {
            if (std::regex_search(screen, answer)) return true;
            if (steady_clock::now() > next_enter) {
                terminal->press("Enter");
                next_enter = steady_clock::now() + enter_again_after;
            }
            return false;
        };
        if (!look_until(*terminal, run, answered)) return;
    }
    run.requests = world.take_requests();
    expect_route(run, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Cells, FirstStart, testing::ValuesIn(alternative_cells()), cell_name);

}  // namespace capsule::e2e
