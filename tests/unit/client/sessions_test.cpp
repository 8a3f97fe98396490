#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "client/commands/find_session.hpp"
#include "client/commands/sessions_page.hpp"
#include "tests/unit/client/plain_style.hpp"

namespace capsule {
namespace {

using test::plain;

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

SessionRow row(std::string id, std::optional<std::int64_t> pid = std::nullopt) {
    SessionRow session;
    session.id = std::move(id);
    session.agent = "claude";
    session.provider = "zai";
    session.label = "Z.AI";
    session.model = "glm-5.3";
    session.user = "agent";
    session.keys = "broker";
    session.started_at = "2026-11-26T00:00:00Z";
    session.pid = pid;
    session.state = "live";
    session.because = Because{"default", "capsule.toml:2 makes it the default"};
    session.base_url = "https://api.z.ai/api/anthropic";
    session.key_source = "environment";
    return session;
}

SessionRow busy() {
    SessionRow session = row("abcdefghij", 4711);
    session.requests = {12, 2};
    session.tokens = {123'456, 7'890, 0};
    return session;
}

Style terminal(std::size_t width) {
    return {.terminal = true, .colour = false, .width = width};
}

std::string first_line(const std::string& page) {
    return page.substr(0, page.find('\n'));
}

TEST(SessionsPage, ProgramsGetEveryColumn) {
    SessionRow quiet = row("abcdefghij");
    quiet.keys = "env";
    const std::string page = sessions_page({{quiet}}, plain);
    EXPECT_THAT(first_line(page),
                ContainsRegex("^ID +AGENT +PROVIDER +MODEL +STATE +AGE +PID +REQUESTS +TOKENS IN/OUT$"));
}

TEST(SessionsPage, ATerminalGetsNoColumnThatSaysNothing) {
    SessionRow quiet = row("abcdefghij");
    quiet.keys = "env";
    EXPECT_THAT(first_line(sessions_page({{quiet}}, terminal(200))), Not(HasSubstr("REQUESTS")));
    EXPECT_THAT(first_line(sessions_page({{quiet, busy()}}, terminal(200))), ContainsRegex("REQUESTS +TOKENS"));
}

TEST(SessionsPage, WhereThereIsNoRoomTheIdStays) {
    for (const std::size_t width : {80U, 60U, 40U, 20U, 14U}) {
        const std::string page = sessions_page({{busy(), row("bbbbbbbbbb")}}, terminal(width));
        EXPECT_THAT(page, HasSubstr("abcdefghij")) << width;
        for (std::size_t begin = 0, end = 0; (end = page.find('\n', begin)) != std::string::npos; begin = end + 1)
            EXPECT_LE(display_width(std::string_view(page).substr(begin, end - begin)), width) << page;
    }
    EXPECT_THAT(sessions_page({{busy()}}, terminal(80)), HasSubstr("12 (2 failed)"));
}

TEST(SessionsPage, ARequestUnderWayIsSeen) {
    SessionRow session = busy();
    EXPECT_THAT(sessions_page({{session}}, terminal(80)), ContainsRegex("abcdefghij .* live "));
    session.streams = 2;
    EXPECT_THAT(sessions_page({{session}}, terminal(80)), ContainsRegex("abcdefghij .* running "));
    EXPECT_THAT(session_answer(session, plain), HasSubstr(" (pid 4711), 2 requests under way\n"));
}

/// The ids of a page in their order, and its last line.
std::pair<std::string, std::string> watched(const std::vector<SessionRow>& rows, std::size_t width,
                                            std::size_t height) {
    const std::string page = watch_page({rows}, terminal(width), height);
    EXPECT_LE(static_cast<std::size_t>(std::ranges::count(page, '\n')), height) << page;
    std::string ids, line;
    std::istringstream lines(page);
    std::string last;
    while (std::getline(lines, line)) {
        EXPECT_LE(display_width(line), width) << page;
        if (line.starts_with("session-")) ids += line.substr(8, 2) + " ";
        last = line;
    }
    return {ids, last};
}

TEST(WatchPage, HasTheNewestActivityFirstAndSaysHowManyAreLeftOut) {
    std::vector<SessionRow> rows;
    for (int i = 10; i < 40; ++i) {
        rows.push_back(row("session-" + std::to_string(i)));
        rows.back().active_at = "2026-11-26T00:00:" + std::to_string(i) + "Z";
    }
    rows[3].streams = 1;
    for (const std::size_t width : {80U, 60U}) {
        EXPECT_EQ(watched(rows, width, 6),
                  std::pair(std::string("13 39 38 37 "), std::string("26 more: \"capsulectl sessions\" lists all")));
        EXPECT_EQ(watched(rows, width, 32).first.size(), 30U * 3);
        EXPECT_EQ(watched(rows, width, 30).second, "2 more: \"capsulectl sessions\" lists all");
        EXPECT_EQ(watched(rows, width, 31).second.substr(0, 10), "session-10");
    }
    rows[29].limit =
        SessionLimit{"window", "a message of many words that take two lines at least of this terminal", std::nullopt};
    const auto [ids, last] = watched(rows, 60, 10);
    EXPECT_TRUE(ids.starts_with("13 39 ")) << ids;
    EXPECT_THAT(last, HasSubstr(" more: "));
}

TEST(SessionAnswer, SaysWhereASessionReallyGoesInSixLines) {
    SessionRow session = busy();
    session.models = {{"glm-5.3", "glm-5.3", 11}, {"glm-5.3-flash", "glm-4.7", 1}};
    session.settings = SessionSettings{2, 0};
    session.workspace = "acme";
    const std::string page = session_answer(session, plain);
    EXPECT_THAT(page, HasSubstr("agent     Claude, as agent, live for "));
    EXPECT_THAT(
        page,
        HasSubstr(" (pid 4711)\n"
                  "provider  Z.AI, because capsule.toml:2 makes it the default\n"
                  "host      api.z.ai (https://api.z.ai/api/anthropic)\n"
                  "model     glm-5.3; glm-5.3 answered by glm-5.3 11 times; glm-5.3-flash answered by glm-4.7 once\n"
                  "key       held by the broker, from environment; the session has a token (workspace acme)\n"
                  "held      2 settings that would have redirected the session\n"
                  "\n"
                  "! asked for glm-5.3-flash, answered by glm-4.7\n"));
}

TEST(SessionAnswer, StaysSixLinesWithManyModels) {
    SessionRow session = busy();
    session.models.clear();
    for (int i = 1; i <= 32; ++i)
        session.models.push_back({"m" + std::to_string(i), "m" + std::to_string(i), static_cast<std::uint64_t>(i)});
    const std::string page = session_answer(session, plain);
    EXPECT_THAT(page,
                HasSubstr("\nmodel     glm-5.3; m32 answered by m32 32 times; m31 answered by m31 31 times; and 30 "
                          "more of them (--json)\n"));
    EXPECT_EQ(std::ranges::count(page, '\n'), 6);
}

TEST(SessionsPage, SaysWhereItEnds) {
    SessionRow ended = row("bbbbbbbbbb");
    ended.ended = "by root (sessions end)";
    const std::vector<SessionRow> all(most_ended_sessions, ended);
    EXPECT_THAT(sessions_page({all}, plain), HasSubstr("\n! of those that ended, the last 1000 are kept\n"));
    EXPECT_THAT(sessions_page({{all.begin() + 1, all.end()}}, plain), testing::Not(HasSubstr("are kept")));
}

TEST(SessionsPage, ALongWordOfANoteIsCutAtTheWidth) {
    SessionRow session = busy();
    session.limit = SessionLimit{"window", "see https://" + std::string(200, 'x'), std::nullopt};
    for (const std::size_t width : {80U, 60U}) {
        Style style = plain;
        style.width = width;
        std::istringstream lines(sessions_page({{session}}, style));
        for (std::string line; std::getline(lines, line);)
            EXPECT_LE(display_width(line), width) << line;
    }
}

TEST(SessionAnswer, SaysWhatCannotBeKnown) {
    SessionRow session = row("abcdefghij");
    session.ended = "by root (sessions end)";
    session.keys = "home";
    session.base_url.reset();
    session.because.reset();
    session.key_source.reset();
    EXPECT_EQ(session_answer(session, plain),
              "agent     Claude, as agent, ended: by root (sessions end)\n"
              "provider  Z.AI\n"
              "host      the agent's own choice\n"
              "model     glm-5.3; its answers are not seen, since the agent has the key itself ([session] keys)\n"
              "key       none: the login in the home is used, if there is one\n"
              "held      not known: no directory was named when it was started\n");
}

TEST(SessionAnswer, AnotherModelIsOneByTheSameRuleAsInTheDaemonsWarnings) {
    SessionRow session = busy();
    session.models = {{"glm-5.3", "glm-5.3-flash", 1}};
    EXPECT_THAT(session_answer(session, plain), HasSubstr("! asked for glm-5.3, answered by glm-5.3-flash\n"));
    session.models = {{"MiniMax-M3", "minimax-m3", 1}};
    EXPECT_THAT(session_answer(session, plain), testing::Not(HasSubstr("! asked for")));
}

TEST(SessionAnswer, ALimitIsSaidInTheProvidersWords) {
    SessionRow session = busy();
    session.limit = SessionLimit{"window", "Usage limit reached", "2026-11-26T05:00:00Z"};
    EXPECT_THAT(
        session_answer(session, plain),
        HasSubstr("\n! the quota of these hours is used up (\"Usage limit reached\"), until 2026-11-26T05:00:00Z\n"));
    EXPECT_THAT(sessions_page({{session}}, plain), HasSubstr("\n! abcdefghij: the quota of these hours is used up"));
}

EnvironmentLookup session_variables(std::string agent, std::string provider) {
    return [=](std::string_view name) -> std::optional<std::string> {
        if (name == "CAPSULE_AGENT") return agent;
        if (name == "CAPSULE_PROVIDER") return provider;
        return std::nullopt;
    };
}

/// 30 → 20 → 10 → 1.
pid_t parent(pid_t pid) {
    return pid > 10 ? pid - 10 : 1;
}

TEST(FindSession, ByItsIdOrAProcessOfIt) {
    SessionRow ended = row("bbbbbbbbbb", 30);
    ended.ended = "by root (sessions end)";
    const std::vector<SessionRow> sessions{row("aaaaaaaaaa", 20), ended, row("cccccccccc")};
    EXPECT_EQ(find_session(sessions, "bbbbbbbbbb", parent), &sessions[1]) << "one that has ended, too";
    EXPECT_EQ(find_session(sessions, "20", parent), &sessions[0]);
    EXPECT_EQ(find_session(sessions, "30", parent), &sessions[0])
        << "its child; the pid of what has ended is another's";
    EXPECT_EQ(find_session(sessions, "10", parent), nullptr);
    for (const char* none : {"", "20x", "-20", "99999999999999999999", "dddddddddd"})
        EXPECT_EQ(find_session(sessions, none, parent), nullptr) << none;
    EXPECT_EQ(find_session(sessions, "40", [](pid_t pid) { return pid; }), nullptr) << "a loop ends";
}

TEST(FindSession, TheOneThatTheCallerIsIn) {
    std::vector<SessionRow> sessions{row("aaaaaaaaaa", 20), row("bbbbbbbbbb", 10)};
    sessions[1].provider = "kimi";
    EXPECT_EQ(own_session(sessions, 30, session_variables("claude", "zai"), parent), &sessions[0]);
    EXPECT_EQ(own_session(sessions, 30, session_variables("claude", "kimi"), parent), &sessions[1]);
    EXPECT_EQ(own_session(sessions, 30, session_variables("codex", "zai"), parent), nullptr);
    EXPECT_EQ(own_session(
                  sessions, 30, [](auto) { return std::nullopt; }, parent),
              nullptr)
        << "a launcher's shell is in none of the launcher's sessions";
}

TEST(ParentProcess, IsTheKernels) {
    EXPECT_EQ(parent_process(::getpid()), ::getppid());
    EXPECT_EQ(parent_process(-1), 0);
}

TEST(SessionEnd, SaysThatAKeyIsStillTheAgents) {
    SessionRow session = row("abcdefghij", 4711);
    EXPECT_THAT(session_end_text(session), HasSubstr("has ended: its next request is refused"));
    session.keys = "env";
    EXPECT_THAT(session_end_text(session), Not(HasSubstr("refused")));
    EXPECT_THAT(session_end_text(session), HasSubstr("its requests go on. To stop it, end process 4711; revoke"));
}

}  // namespace
}  // namespace capsule
