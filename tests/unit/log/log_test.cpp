// The log: one record, one line, whatever is in it; levels as the journal wants them; JSON that parses.
#include "daemon/log/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <new>
#include <sstream>
#include <string>
#include <vector>

namespace {
std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace capsule {
namespace {

using ::testing::ElementsAre;
using ::testing::MatchesRegex;

std::function<void()> begin;

/// The next logged() has such a log.
void with_log(std::string_view level, LogFormat format, bool to_journal) {
    begin = [=] { start_log(level, format, to_journal); };
}

/// What `act` puts on stderr, as lines.
std::vector<std::string> logged(const std::function<void()>& act) {
    testing::internal::CaptureStderr();
    if (begin) begin();  // the log looks at what stderr is when it starts
    act();
    std::istringstream text(testing::internal::GetCapturedStderr());
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);)
        lines.push_back(line);
    return lines;
}

void log_a_spawn(std::string_view model = "glm-5.3") {
    log_info("spawn", {{"uid", 1000},
                       {"pid", 4711},
                       {"agent", "claude"},
                       {"provider", "zai"},
                       {"model", model},
                       {"user", "agent"},
                       {"files_changed", 2},
                       {"us", 812}});
}

/// Bytes that somebody could choose so that a line looks like two, or a terminal obeys.
const std::string odd =
    "one\n<0>two\r\tthree \"quoted\" \\ \x1b[31m \x7f \xc2\x85 \xe2\x80\xa8 \xe2\x80\xae "
    "\xff \xc0\xaf \xed\xa0\x80 \xe2\x82 \xf0\x9f\x90\x9f" +
    std::string(1, '\0') + "end";
const std::string odd_as_text = R"(one\n<0>two\r\tthree "quoted" \ \u001b[31m \u007f \u0085 \u2028 \u202e )"
                                "\uFFFD \uFFFD\uFFFD \uFFFD\uFFFD\uFFFD \uFFFD\uFFFD \U0001F41F\\u0000end";

TEST(Log, TextHasTimeLevelAndMessage) {
    with_log("info", LogFormat::text, false);
    EXPECT_THAT(
        logged([] {
            spdlog::info("ready");
            spdlog::warn("careful");
            spdlog::debug("never seen");
        }),
        ElementsAre(MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z info ready"),
                    MatchesRegex(".*Z warn careful")));
}

TEST(Log, TheJournalGetsSdDaemonsLevels) {
    with_log("trace", LogFormat::text, true);
    EXPECT_THAT(logged([] {
                    spdlog::error("e");
                    spdlog::warn("w");
                    spdlog::info("i");
                    spdlog::debug("d");
                    spdlog::trace("t");
                    log_a_spawn();
                }),
                ElementsAre("<3>e", "<4>w", "<6>i", "<7>d", "<7>t",
                            "<6>spawn uid=1000 pid=4711 agent=claude provider=zai model=glm-5.3 user=agent "
                            "files_changed=2 us=812"));
}

TEST(Log, TheJournalIsThereWhenStderrIsTheStreamThatItsVariableNames) {
    struct stat status {};
    ASSERT_EQ(fstat(STDERR_FILENO, &status), 0);
    const std::string stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    EXPECT_TRUE(is_journal(stream, STDERR_FILENO));
    EXPECT_FALSE(is_journal(stream + "1", STDERR_FILENO)) << "sent elsewhere";
    EXPECT_FALSE(is_journal("", STDERR_FILENO));
    EXPECT_FALSE(is_journal(stream, -1));
}

TEST(Log, OddContentStaysOneLineOfText) {
    for (const bool to_journal : {false, true}) {
        with_log("info", LogFormat::text, to_journal);
        const auto lines = logged([] { spdlog::info("{}", odd); });
        ASSERT_EQ(lines.size(), 1U);
        EXPECT_THAT(lines[0], testing::EndsWith(odd_as_text));
        EXPECT_EQ(lines[0].starts_with("<6>one"), to_journal) << lines[0];
    }
}

TEST(Log, JsonIsOneObjectALineWhateverIsInIt) {
    with_log("info", LogFormat::json, false);
    const auto lines = logged([] {
        spdlog::error("{}", odd);
        log_warning("denied", {{"method", odd}, {"uid", -1}});
    });
    ASSERT_EQ(lines.size(), 2U);
    const auto message = boost::json::parse(lines[0]).as_object();
    EXPECT_EQ(message.at("level"), "error");
    EXPECT_THAT(std::string(message.at("time").as_string()), MatchesRegex("[-0-9]+T[:0-9]+\\.[0-9]{3}Z"));
    const std::string text(message.at("message").as_string());
    EXPECT_TRUE(text.starts_with("one\n<0>two\r\tthree \"quoted\" \\ \x1b[31m \x7f \xc2\x85 \xe2\x80\xa8 ")) << text;
    EXPECT_TRUE(text.ends_with(std::string("\xf0\x9f\x90\x9f\0end", 8))) << text;
    const auto event = boost::json::parse(lines[1]).as_object();
    EXPECT_EQ(event.at("event"), "denied");
    EXPECT_EQ(event.at("method").as_string(), text) << "the same, in a field";
    EXPECT_EQ(event.at("uid"), -1);
}

TEST(Log, ASpawnIsOneObject) {
    with_log("info", LogFormat::json, true);
    const auto lines = logged([] { log_a_spawn(); });
    ASSERT_EQ(lines.size(), 1U);
    ASSERT_TRUE(lines[0].starts_with("<6>{")) << lines[0];
    auto object = boost::json::parse(lines[0].substr(3)).as_object();
    object.erase("time");
    EXPECT_EQ(boost::json::value(object), boost::json::parse(R"({"level":"info","event":"spawn","uid":1000,"pid":4711,
        "agent":"claude","provider":"zai","model":"glm-5.3","user":"agent","files_changed":2,"us":812})"));
}

TEST(Log, AValueThatLooksLikeTheNextFieldIsQuoted) {
    with_log("info", LogFormat::text, true);
    EXPECT_THAT(logged([&] { log_a_spawn("x us=1 user=root\n<0>forged"); }),
                ElementsAre(testing::HasSubstr(R"( model="x us=1 user=root\n<0>forged" user=agent )")));
    EXPECT_THAT(logged([] {
                    log_info("e", {{"a", ""}, {"b", "c=d"}, {"e", "f\"g"}, {"h", "i\\j"}});
                }),
                ElementsAre(R"(<6>e a="" b="c=d" e="f\"g" h="i\\j")"));
}

// A user's path of control characters is 24 KiB of log.
TEST(Log, AFieldHasASize) {
    for (const std::string_view text : {"\x01", "x", "\"", "\xf0\x9f\x90\x9f"}) {
        std::string many;
        for (int i = 0; i < 4000; ++i)
            many += text;
        for (const LogFormat format : {LogFormat::text, LogFormat::json}) {
            with_log("info", format, true);
            const auto lines = logged([&] { log_info("e", {{"a", many}, {"us", 1}}); });
            ASSERT_EQ(lines.size(), 1U);
            EXPECT_LT(lines[0].size(), 1200U);
            EXPECT_GT(lines[0].size(), 1000U);
            EXPECT_THAT(lines[0], testing::HasSubstr("\u2026"));
            EXPECT_THAT(lines[0], testing::EndsWith(format == LogFormat::json ? R"("us":1})" : " us=1"));
        }
    }
}

TEST(Log, LinesOfOneUsersHomeLeaveOutNoOthers) {
    with_log("info", LogFormat::text, true);
    const auto lines = logged([] {
        for (int i = 0; i < 200; ++i)
            log_warning("agent.version_unknown", {{"home_of", 1000}});
        log_warning("agent.version_unknown", {{"home_of", 1001}});
    });
    EXPECT_EQ(lines.size(), 101U) << "100 warnings a minute for each user";
    EXPECT_EQ(lines.back(), "<4>agent.version_unknown home_of=1001");
}

TEST(Log, LinesOfOnePersonsManyUsersAreCountedTogether) {
    with_log("info", LogFormat::text, true);
    const auto lines = logged([] {
        count_lines_as([](uid_t uid) { return uid >= 100000 ? uid_t{100000} : uid; });
        for (int i = 0; i < 300; ++i)
            log_warning("denied_to_many", {{"uid", 100000 + i}});
        log_warning("denied_to_many", {{"uid", 1000}});
        count_lines_as(nullptr);
    });
    EXPECT_EQ(lines.size(), 101U);
}

TEST(Log, ASpawnsLineTakesNoMemory) {
    for (const LogFormat format : {LogFormat::text, LogFormat::json}) {
        with_log("warn", format, false);
        EXPECT_THAT(logged([&] {
                        const std::size_t before = allocations;
                        log_a_spawn();
                        EXPECT_EQ(allocations, before) << "switched off";
                    }),
                    testing::IsEmpty());
        with_log("info", format, false);
        logged([&] {
            log_a_spawn();  // the first of its kind has a bucket made for it
            const std::size_t before = allocations;
            log_a_spawn();
            EXPECT_EQ(allocations, before) << "switched on";
        });
    }
}

TEST(Log, AFailureToStartIsForPeopleOrForTheJournal) {
    const Error failure{ErrorCode::config_conflict, "a.toml:1:1: wrong\nthe line", "correct it"};
    with_log("info", LogFormat::text, false);
    EXPECT_THAT(logged([&] { log_failure(failure); }),
                ElementsAre("capsuled: a.toml:1:1: wrong", "the line", "  hint: correct it"));
    with_log("info", LogFormat::text, true);
    EXPECT_THAT(logged([&] { log_failure(failure); }),
                ElementsAre("<3>a.toml:1:1: wrong\\nthe line; hint: correct it"));
}

}  // namespace
}  // namespace capsule
