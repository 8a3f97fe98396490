// What a person sees whose terminal can do little, or whose output is closed.
#include <algorithm>
#include <sstream>

#include "tests/integration/bad_input_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

TEST_F(BadInput, ErrorsAreBrokenBetweenWordsAtAnyWidth) {
    start_with_names();
    for (const Words& words : std::vector<Words>{{"statsu"},
                                                 {"logs"},
                                                 {"auth", "login"},
                                                 {"exec", "claude", "--provider", "zai", "--choose"},
                                                 {"exec", "claude", "zai"},
                                                 {"explain", "claude", "--provider", "zia"},
                                                 {"explain", "claude", "--provider", "zai", "--workspace", "amce"},
                                                 {"exec", "claude", "--provider", "kimi"},
                                                 {"auth", "set", "zai", "FAKE-as-an-argument"}}) {
        const std::string whole = ctl(words).err;
        for (const std::uint16_t width : {std::uint16_t{80}, std::uint16_t{60}, std::uint16_t{20}}) {
            Program program = ctl_program(words);
            program.env["NO_COLOR"] = "1";
            const std::string shown = run_on_terminal(program, width).out;
            EXPECT_EQ(without_space(shown), without_space(whole)) << "nothing is lost";
            constexpr std::size_t indent = 4;
            for (const std::string& word : words_of(whole))
                if (word.size() + indent <= width) {
                    EXPECT_THAT(words_of(shown), Contains(word)) << "is not broken";
                }
            for (const std::string& line : lines_of(shown))
                EXPECT_LE(line.size(), width) << line;
        }
    }
}

TEST_F(BadInput, PagesFitTheirTerminal) {
    start_with_names();
    for (const Words& words : std::vector<Words>{{"status"},
                                                 {"auth"},
                                                 {"providers", "claude"},
                                                 {"--help"},
                                                 {"exec", "--help"},
                                                 {"auth", "unset", "zai"},
                                                 {"explain", "claude", "--provider", "zai", "--all"}})
        for (const std::uint16_t width : {std::uint16_t{80}, std::uint16_t{60}, std::uint16_t{20}}) {
            Program program = ctl_program(words);
            program.env["LC_ALL"] = "C";  // one byte a column
            program.env["PAGER"] = "cat";
            program.env["NO_COLOR"] = "1";
            for (const std::string& line : lines_of(run_on_terminal(program, width).out))
                EXPECT_LE(width_without_last_word(line), width) << line;
        }
}

TEST_F(BadInput, WhatATerminalCannotShowIsLeftOut) {
    start_with_names();
    struct Terminal {
        std::string variable, value;
        bool colour, ascii;
    };
    for (const Terminal& each : std::vector<Terminal>{{"TERM", "xterm", true, false},
                                                      {"TERM", "dumb", false, false},
                                                      {"NO_COLOR", "1", false, false},
                                                      {"LC_ALL", "C", true, true},
                                                      {"LANG", "de_DE.ISO-8859-1", true, true}})
        for (const Words& words :
             std::vector<Words>{{"status"}, {"auth"}, {"explain", "claude", "--provider", "zai"}}) {
            Program program = ctl_program(words);
            program.env["TERM"] = "xterm";
            program.env["PAGER"] = "cat";
            program.env["LANG"] = "C.UTF-8";
            program.env[each.variable] = each.value;
            const std::string shown = run_on_terminal(program).out;
            EXPECT_EQ(shown.find("\x1b[") != std::string::npos, each.colour) << each.variable << shown;
            EXPECT_EQ(std::ranges::all_of(shown, [](char c) { return static_cast<unsigned char>(c) < 0x80; }),
                      each.ascii)
                << each.variable << shown;
        }
    Program masked = ctl_program({"auth"});
    masked.env["LC_ALL"] = "C";
    EXPECT_THAT(run_on_terminal(masked).out, HasSubstr("~0004"));
    EXPECT_THAT(run_on_terminal(ctl_program({"auth"})).out, HasSubstr("…0004")) << "no word of the language at all";
    EXPECT_THAT(run_command(masked).out, HasSubstr("…0004")) << "a pipe gets what it always gets";
}

TEST_F(BadInput, AnOutputThatIsClosedIsSaid) {
    start_with_names();
    Program closed = ctl_program({});
    closed.argv = {"/bin/sh", "-c", "exec \"$@\" >&-", "sh", CAPSULECTL_BINARY, "--socket", socket(), "status"};
    const Outcome outcome = run_command(closed);
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_EQ(outcome.err, "capsulectl: cannot write to standard output\n  hint: is it closed, or the disk full?\n");
    // As with every other program, a reader that goes away ends it without a word.
    closed.argv = {"/bin/bash", "-c",  "\"$@\" | true; exit ${PIPESTATUS[0]}", "sh", CAPSULECTL_BINARY, "--socket",
                   socket(),    "auth"};
    const Outcome piped = run_command(closed);
    EXPECT_TRUE(piped.exit_code == 141 || piped.exit_code == 0) << piped.exit_code;
    EXPECT_EQ(piped.err, "");
}

}  // namespace
}  // namespace capsule::test
