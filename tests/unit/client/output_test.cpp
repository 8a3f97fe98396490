#include "client/output.hpp"
#include "protocol/help_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <map>
#include <sstream>

#include "client/json_text.hpp"
#include "tests/unit/client/plain_style.hpp"

namespace capsule {
namespace {

using test::plain;

constexpr Style colourful{.terminal = true, .colour = true, .width = 80};

TEST(Table, AlignsColumnsByCharacters) {
    Table table({"NAME", "KEY", "FROM"});
    table.add({{"zai"}, {"…0001"}, {"environment"}});
    table.add({{"minimax"}, {"-"}, {""}});
    EXPECT_EQ(table.text(plain),
              "NAME     KEY    FROM\n"
              "zai      …0001  environment\n"
              "minimax  -\n");
}

TEST(Width, CountsColumnsAndNotCharacters) {
    EXPECT_EQ(display_width("Größe"), 5U);
    EXPECT_EQ(display_width("模型"), 4U);
    EXPECT_EQ(display_width("e\u0301"), 1U) << "a combining accent";
    EXPECT_EQ(display_width("\xff\xff"), 2U) << "no UTF-8";
}

TEST(Width, FittedTextNeverIsWider) {
    EXPECT_EQ(fitted("Größe", 5), "Größe");
    EXPECT_EQ(fitted("Größe", 4), "Grö…");
    EXPECT_EQ(fitted("模型模型", 6), "模型…");
    EXPECT_EQ(fitted("模型", 2), "…");
    EXPECT_EQ(fitted("abc", 0), "");
    EXPECT_EQ(fitted("\xff\xff\xff", 2), "\xff…");
}

TEST(Table, WrapsItsLastColumnOnANarrowTerminal) {
    Table table;
    table.add({{"a"}, {"one two three four five six seven"}});
    Style narrow{.terminal = true, .colour = false, .width = 25};
    EXPECT_EQ(table.text(narrow), "a  one two three four\n   five six seven\n");
    narrow.width = 10;
    EXPECT_EQ(table.text(narrow), "a one two…\n") << "too narrow for words";
}

TEST(Table, CutsColumnsRatherThanOverflowingAtAnyWidth) {
    Table table({"PROVIDER", "MODE", "KEY", "FROM", "VARIABLE"});
    table.add({{"a-provider-with-a-long-name"},
               {"api_key"},
               {"…0001"},
               {"/etc/capsule/capsule.toml:12"},
               {"its name, and what it is for"}});
    for (const std::size_t width : {40UL, 60UL, 80UL}) {
        std::istringstream lines(table.text({.terminal = true, .colour = false, .width = width}));
        for (std::string line; std::getline(lines, line);)
            EXPECT_LE(display_width(line), width) << line;
    }
    EXPECT_THAT(table.text({.terminal = true, .colour = false, .width = 60}), testing::HasSubstr("…  api_key  …0001"));
    EXPECT_THAT(table.text({}), testing::Not(testing::HasSubstr("…  ")));
}

constexpr std::string_view help_page =
    "Does something\nUsage: program [OPTIONS] [AGENT]\n\nOptions:\n"
    "  -h,--help                   Explain what this program does with its words, and exit\n"
    "  --a-long-option OF A KIND, such as this\n"
    "                              What it is for, in a sentence of some length\n\n"
    "A footer whose lines are broken where the source was wide,\nand go on here.\n\nExamples:\n  program status\n";

TEST(HelpText, BreaksLinesAtWordsAtTheWidthThatThereIs) {
    EXPECT_EQ(help_text(help_page, 0), help_page);
    for (const std::size_t width : {20UL, 60UL, 80UL}) {
        std::istringstream lines(help_text(help_page, width));
        for (std::string line; std::getline(lines, line);)
            EXPECT_LE(display_width(line), width) << line;
    }
    EXPECT_THAT(help_text(help_page, 60),
                testing::HasSubstr("  -h,--help                   Explain what this program does\n"
                                   "                              with its words, and exit\n"));
    EXPECT_THAT(help_text(help_page, 40), testing::HasSubstr("  -h,--help\n      Explain what this program does\n"));
}

TEST(HelpText, TheUsageStandsOnALineOfItsOwn) {
    EXPECT_EQ(help_text("Talks to the daemon about what runs where\nUsage: capsulectl [OPTIONS] COMMAND\n", 36),
              "Talks to the daemon about what runs\nwhere\nUsage: capsulectl [OPTIONS] COMMAND\n");
}

TEST(Table, StandsOnItsHeadWhereColumnsWouldSayNothing) {
    Table table({"PROVIDER", "KEY", "", "CLAUDE CODE"});
    table.add({{"zai"}, {"…0001"}, {"*"}, {"glm-5.3, from the catalog"}});
    table.add({{"a-provider-with-a-long-name"}, {""}, {"-"}, {"no key"}});
    EXPECT_EQ(table.text({.terminal = true, .colour = false, .width = 20}),
              "PROVIDER zai\n"
              "  KEY …0001\n"
              "  *\n"
              "  CLAUDE CODE\n"
              "    glm-5.3, from\n"
              "    the catalog\n"
              "\n"
              "PROVIDER\n"
              "  a-provider-with-a-\n"
              "  long-name\n"
              "  -\n"
              "  CLAUDE CODE no\n"
              "    key\n");
}

TEST(Table, LetsNoCellCommandTheTerminal) {
    Table table;
    table.add({{"\x1b[2Jx\ny\xc2\x9b"}});
    EXPECT_EQ(table.text(plain), "?[2Jx?y?\n");
    Table headed({"\x1b[2Jx\ny\xc2\x9b"});
    headed.add({{"cell"}});
    EXPECT_THAT(headed.text(plain), testing::StartsWith("?[2Jx?y?\n"));
}

TEST(Paragraph, LetsNoTextCommandTheTerminal) {
    EXPECT_EQ(paragraph("\x1b[6n x\ny\xc2\x9b\u202E", plain), "?[6n x?y??\n");
}

TEST(Paint, ColoursOnlyWhereThereAreColours) {
    EXPECT_EQ(paint("x", Tone::bad, plain), "x");
    EXPECT_EQ(paint("x", Tone::bad, colourful), "\x1b[31mx\x1b[0m");
    EXPECT_EQ(paint("x", Tone::plain, colourful), "x");
}

TEST(Printable, KeepsLinesWhenAskedTo) {
    EXPECT_EQ(printable("a\tb\nc\r\x7f é", true), "a\tb\nc?? é");
    EXPECT_EQ(printable("a\nb"), "a?b");
}

TEST(Printable, TurnsNoText) {
    EXPECT_EQ(printable("a\u202Eb\u2066c\u200Fd"), "a?b?c?d");
    EXPECT_EQ(printable("\xff\u0085\u00e9"), "??\u00e9");
}

// Each character is looked at once: with the whole rest measured for each line, this would take minutes.
TEST(Wrapped, BreaksAWordOfMegabytes) {
    std::string word;
    for (int i = 0; i < 2'000'000; ++i)
        word += "é";
    EXPECT_EQ(wrapped(word, 100, 0).size(), word.size() + 19'999);
}

TEST(Wrapped, BreaksAtSpacesAndIndents) {
    EXPECT_EQ(wrapped("one two three", 7, 2), "one two\n  three");
    EXPECT_EQ(wrapped("averylongword b", 4, 1), "aver\n ylon\n gwor\n d b");
    EXPECT_EQ(wrapped("a verylong b", 4, 0), "a\nvery\nlong\nb");
    EXPECT_EQ(wrapped("\u4e2d\u6587\u5b57 b", 4, 0), "\u4e2d\u6587\n\u5b57 b") << "between characters";
    EXPECT_EQ(wrapped("\u4e2d\u6587", 1, 0), "\u4e2d\n\u6587") << "a character at least";
    EXPECT_EQ(wrapped("one two", 0, 2), "one two");
}

TEST(WarningsText, MarksEach) {
    EXPECT_EQ(warnings_text({{"a.b", "do this"}, {"c", "and that"}}, plain), "! do this\n! and that\n");
    EXPECT_EQ(warnings_text({{"a.b", "Paste into it:\n{\n  \"x\": 1\n}\n\x1b"}}, plain),
              "! Paste into it:\n{\n  \"x\": 1\n}\n?\n");
    EXPECT_EQ(warnings_text({}, plain), "");
}

TEST(DurationText, UsesTwoUnitsAtMost) {
    EXPECT_EQ(duration_text(0.4), "0 s");
    EXPECT_EQ(duration_text(59.9), "59 s");
    EXPECT_EQ(duration_text(61), "1 min");
    EXPECT_EQ(duration_text(3600 * 5 + 60 * 12), "5 h 12 min");
    EXPECT_EQ(duration_text(86400 + 7200), "1 day 2 h");
    EXPECT_EQ(duration_text(86400 * 3), "3 days 0 h");
}

class PseudoTerminal {
  public:
    PseudoTerminal() {
        winsize size{};
        size.ws_col = 77;
        ::openpty(&master_, &slave_, nullptr, nullptr, &size);
    }
    ~PseudoTerminal() {
        ::close(master_);
        ::close(slave_);
    }
    int descriptor() const { return slave_; }

  private:
    int master_ = -1;
    int slave_ = -1;
};

EnvironmentLookup environment(std::map<std::string, std::string> variables) {
    return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
        const auto found = variables.find(std::string(name));
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
}

TEST(StyleOf, HonoursTerminalAndNoColor) {
    const PseudoTerminal terminal;
    EXPECT_TRUE(style_of(terminal.descriptor(), environment({{"TERM", "xterm"}})).colour);
    EXPECT_EQ(style_of(terminal.descriptor(), environment({})).width, 77U);
    EXPECT_FALSE(style_of(terminal.descriptor(), environment({{"TERM", "xterm"}, {"NO_COLOR", "1"}})).colour);
    EXPECT_TRUE(style_of(terminal.descriptor(), environment({{"NO_COLOR", "1"}})).terminal);
    EXPECT_FALSE(style_of(terminal.descriptor(), environment({{"TERM", "dumb"}})).colour);
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    EXPECT_FALSE(style_of(ends[1], environment({{"TERM", "xterm"}})).terminal);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(JsonText, WritesNumbersAsPeopleDo) {
    const auto value = boost::json::parse(R"({"a":1.5,"b":[18446744073709551615,-1,0.1],"c":{},"d":[],"e":"x\n"})");
    EXPECT_EQ(json_text(value, false), R"({"a":1.5,"b":[18446744073709551615,-1,0.1],"c":{},"d":[],"e":"x\n"})");
    EXPECT_EQ(json_text({{"\u009B", "a\x7F \u202E\u2066 \u00E9\u20AC"}}, false),
              "{\"\\u009b\":\"a\\u007f \\u202e\\u2066 \u00E9\u20AC\"}");
    EXPECT_EQ(json_text(boost::json::parse(R"({"a":[1,{}]})"), true), "{\n  \"a\": [\n    1,\n    {}\n  ]\n}");
}

}  // namespace
}  // namespace capsule
